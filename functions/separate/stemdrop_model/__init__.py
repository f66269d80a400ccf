"""Fetch the pinned weights of Spleeter's models, and build its networks for the function."""

import os

# As in stemdrop_separate: ONNX Runtime must not send usage reports.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
