"""Security before every commit: templates and image by policy, packages by advisories."""
