"""S3's events on their way to the function."""
