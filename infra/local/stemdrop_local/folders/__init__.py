"""The drop folder and the stems folder on disk."""
