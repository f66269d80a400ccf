"""Fetch the pinned weights of Spleeter's models, and export its networks for the function."""
