"""Compare networks with the one that was trained."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from stemdrop_model import spleeter_graph

Shape = tuple[int, int, int]
Estimates = Mapping[str, NDArray[np.float32]]
SEED = 20
# Magnitudes of a loud song reach several hundred; most bins are far below.
LOUDEST = 300.0


def fixed_magnitude(segments: int, frames: int, bins: int) -> NDArray[np.float32]:
    """Make the same input each time, float32 of shape (segments, frames, bins, 2), in [0, 300]."""
    rng = np.random.default_rng(SEED)
    uniform = rng.random((segments, frames, bins, 2), dtype=np.float32)
    return LOUDEST * uniform**8


def relative_difference(expected: Estimates, actual: Estimates) -> float:
    """Return the largest difference, in parts of the largest value of the same instrument.

    NaN and infinity, or an output that is zero throughout, give infinity.
    """
    worst = 0.0
    for instrument, estimate in expected.items():
        with np.errstate(divide="ignore", invalid="ignore"):
            difference = np.abs(actual[instrument] - estimate).max() / np.abs(estimate).max()
        worst = max(worst, float(difference) if np.isfinite(difference) else np.inf)
    return worst


def largest_difference(
    session: Any, frozen: Path, converted: Path, instruments: Sequence[str], shapes: Iterable[Shape]
) -> float:
    """Run the session, the frozen graph and the ONNX model on the same inputs.

    Parameters
    ----------
    session : a TensorFlow session on the restored network.
    frozen : the file of the frozen graph.
    converted : the file of the ONNX model.
    instruments : the outputs to compare.
    shapes : segments, frames and bins of each input.

    Returns
    -------
    The largest relative difference from the session.
    """
    worst = 0.0
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors only
    runtime = onnxruntime.InferenceSession(
        str(converted), options, providers=["CPUExecutionProvider"]
    )
    with spleeter_graph.loaded(frozen) as graph:
        for shape in shapes:
            magnitude = fixed_magnitude(*shape)
            expected = spleeter_graph.run(session, magnitude, instruments)
            by_graph = spleeter_graph.run(graph, magnitude, instruments)
            by_onnx = runtime.run(instruments, {spleeter_graph.INPUT: magnitude})
            for actual in (by_graph, dict(zip(instruments, by_onnx, strict=True))):
                worst = max(worst, relative_difference(expected, actual))
    return worst
