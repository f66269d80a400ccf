"""Estimates of a network, to compare with where it is loaded in another form."""

from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from stemdrop_model.architecture import CHANNELS, FRAMES

SEED = 20
# Magnitudes of a loud song reach several hundred; most bins are far below.
LOUDEST = 300.0
# Six layers halve them.
LEAST_BINS = 64


def fixed_magnitude(segments: int, bins: int) -> NDArray[np.float32]:
    """Make the same input each time, float32 of shape (segments, 2, 512, bins), in [0, 300]."""
    rng = np.random.default_rng(SEED)
    uniform = rng.random((segments, CHANNELS, FRAMES, bins), dtype=np.float32)
    return LOUDEST * uniform**8


def write_expected_estimates(network: Path, path: Path) -> None:
    """Run a network on a small input, and write both, as ``magnitude`` and one array per output."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors only
    session = onnxruntime.InferenceSession(network, options, providers=["CPUExecutionProvider"])
    magnitude = fixed_magnitude(1, LEAST_BINS)
    names = [output.name for output in session.get_outputs()]
    estimates = session.run(names, {"magnitude": magnitude})
    np.savez(path, magnitude=magnitude, **dict(zip(names, estimates, strict=True)))
