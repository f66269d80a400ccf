"""The `stemdrop` command: songs separated here, or sent to a server that does it."""
