"""The API: jobs, forms to upload songs with, and presigned URLs of their stems."""
