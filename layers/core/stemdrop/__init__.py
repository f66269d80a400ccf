"""What both functions share: errors, options, keys, the job record, the index and the store."""

__version__ = "0.1.0"
