"""What runs on one machine: the embedded stack, the demonstration, and songs to try them with."""
