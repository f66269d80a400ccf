"""The `stemdrop` command: separates songs on this machine, or on a server."""
