"""S3 on this machine: what it keeps, whom it lets in, when it forgets."""
