"""The API: jobs, upload URLs for their songs, and presigned URLs of their stems."""
