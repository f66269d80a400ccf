"""The separator: a song's object in the upload bucket becomes stems in the stems bucket."""
