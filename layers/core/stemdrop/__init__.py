"""What both functions share: errors, options, keys, the job record, the index and the store."""
