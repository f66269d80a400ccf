"""The application on one machine: template.yaml in an AWS emulator, and a drop folder on disk."""
