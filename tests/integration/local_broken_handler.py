"""A handler that can't be loaded."""

raise RuntimeError("this module can't be loaded")
