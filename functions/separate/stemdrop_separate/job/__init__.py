"""One upload, from its notification to its stems and its record."""
