"""The `stemdrop` command: separates songs on this machine, or on a server."""

import os

# NumPy has no work for its threads, which take 0.1 s of processor time when they start.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
