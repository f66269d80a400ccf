"""stemdrop on AWS: deployed, watched, and taken down again."""
