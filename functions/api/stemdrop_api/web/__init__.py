"""The pages' own files."""
