"""Folders on disk that stand for the drop folder and for the stems."""
