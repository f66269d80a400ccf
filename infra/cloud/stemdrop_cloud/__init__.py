"""Deployment to AWS: a preflight, then SAM."""
