"""The application under SAM, and what SAM needs of a container engine."""
