"""Fetch the pinned weights of Spleeter's models, and build its networks for the function."""
