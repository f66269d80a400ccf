"""Random checkpoints: the variables of Spleeter's graphs with seeded random values.

Spleeter initializes the networks of all instruments equally, so that swapped stems would go
unnoticed. Here, every variable has different values, including running means and variances.
"""

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import checkpoint_files
from stemdrop.models import INSTRUMENTS
from stemdrop_model.build import build
from stemdrop_model.fetch import FOR_SPLEETER
from stemdrop_model.unet import FILTERS

# Removed when the tests end.
_FOLDER = TemporaryDirectory(prefix="stemdrop-checkpoints-")
LOUD = 30.0
# Of the last kernels: masks of music-like input are neither flat nor saturated.
LAST_GAIN = 0.5
FEW_BINS = 192


@cache
def saved_checkpoint(model: str) -> Path:
    """Return the folder of a random checkpoint, which both this project and Spleeter restore."""
    rng = np.random.default_rng(1)
    shapes = checkpoint_files.shapes(FILTERS, len(INSTRUMENTS[model]))
    values = {name: _values(name, shape, rng) for name, shape in shapes.items()}
    folder = checkpoint_files.write(Path(_FOLDER.name) / "weights" / model, values)
    for name, content in FOR_SPLEETER.items():
        (folder / name).write_text(content)
    return folder


@cache
def built_model(model: str, *, frozen: bool) -> Path:
    """Return a MODEL_DIR with the random model for ONNX Runtime, and for TensorFlow if frozen.

    The build compares its networks on few bins, as test_parity.py does on all.
    """
    into = Path(_FOLDER.name) / "models"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("stemdrop_model.proof.BINS", {"few": FEW_BINS})
        build(model, saved_checkpoint(model), into, frozen=frozen)
    return into


def music_like(segments: int = 1, bins: int = 1024, seed: int = 0) -> NDArray[np.float32]:
    """Return magnitudes with the range of a song: few loud bins and quiet high frequencies."""
    rng = np.random.default_rng(seed)
    peaks = rng.random((segments, 512, bins, 2)) ** 6
    tilt = 1.0 / (1.0 + np.arange(bins) / 64)
    magnitude = (LOUD * peaks * tilt[:, np.newaxis]).astype(np.float32)
    return np.ascontiguousarray(magnitude.transpose(0, 3, 1, 2))


def _values(name: str, shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[Any]:
    """Return values that roughly keep the scale of the signal from layer to layer."""
    match name.rsplit("/", 1)[-1]:
        case "kernel":
            # With stride 2, each output of a transposed convolution uses a quarter of the taps.
            taps = shape[0] * shape[1] * shape[3] / 4 if "transpose" in name else np.prod(shape[:3])
            gain = LAST_GAIN if shape == (4, 4, 1, 2) else 1
            return np.float32(gain * np.sqrt(2 / taps)) * rng.standard_normal(shape, np.float32)
        case "gamma" | "moving_variance":
            return rng.uniform(0.6, 1.4, shape).astype(np.float32)
        case "beta" | "moving_mean" | "bias":
            return rng.normal(0, 0.2, shape).astype(np.float32)
        case "global_step":
            return np.array(0)
    raise AssertionError(f"Spleeter has no variable {name}")
