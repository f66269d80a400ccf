"""Compare networks with the one that was trained."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from stemdrop_model import spleeter_graph
from stemdrop_model.blocked_graph import runs_here
from stemdrop_model.expected_estimates import fixed_magnitude

Shape = tuple[int, int]
Estimates = Mapping[str, NDArray[np.float32]]


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
    session: Any,
    frozen: Path,
    networks: Sequence[Path],
    instruments: Sequence[str],
    shapes: Iterable[Shape],
) -> float:
    """Run the session, the frozen graph and ONNX networks on the same inputs.

    Parameters
    ----------
    session : a TensorFlow session on the restored network.
    frozen : the file of the frozen graph.
    networks : files of ONNX networks. Those that this processor can't run are left out.
    instruments : the outputs to compare.
    shapes : segments and bins of each input.

    Returns
    -------
    The largest relative difference from the session.
    """
    worst = 0.0
    sessions = [_loaded(network) for network in networks if runs_here(network)]
    with spleeter_graph.loaded(frozen) as graph:
        for shape in shapes:
            magnitude = fixed_magnitude(*shape)
            expected = spleeter_graph.run(session, magnitude, instruments)
            actual = [spleeter_graph.run(graph, magnitude, instruments)]
            for loaded in sessions:
                estimates = loaded.run(instruments, {spleeter_graph.INPUT: magnitude})
                actual.append(dict(zip(instruments, estimates, strict=True)))
            worst = max([worst, *(relative_difference(expected, each) for each in actual)])
    return worst


def _loaded(network: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors only
    # Threads that wait for work would take processor time.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(network, options, providers=["CPUExecutionProvider"])
