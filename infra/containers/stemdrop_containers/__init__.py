"""The image: built by any container engine, run as Lambda runs it, and under SAM."""
