"""Lambda's execution environments on this machine."""
