"""Prove a network: compare it with Spleeter's own graph, restored and frozen by TensorFlow."""

from collections.abc import Sequence
from pathlib import Path

from stemdrop_model import spleeter_graph
from stemdrop_model.architecture import BINS, architecture
from stemdrop_model.comparison import largest_difference
from stemdrop_model.errors import ProofError
from stemdrop_model.expected_estimates import LEAST_BINS

# Rounding makes 1e-5 to 8e-5, in parts of the largest value.
LARGEST_DIFFERENCE = 1e-4


def freeze(model: str, checkpoint: Path, networks: Sequence[Path], frozen: Path) -> float:
    """Write the frozen graph, and compare it and networks with Spleeter's restored graph.

    Parameters
    ----------
    model : Such as ``4stems``.
    checkpoint : Folder of the checkpoint.
    networks : The ONNX files to prove.
    frozen : Where to write the frozen graph.

    Returns
    -------
    The largest difference, in parts of the largest value of the same instrument.

    Raises
    ------
    CheckpointError : TensorFlow can't restore the checkpoint.
    ProofError : The difference is more than rounding makes.
    """
    instruments = architecture(model).instruments
    shapes = [*((1, bins) for bins in BINS.values()), (2, LEAST_BINS)]
    with spleeter_graph.restored(model, checkpoint) as session:
        graph = spleeter_graph.freeze(session, instruments)
        frozen.write_bytes(graph.SerializeToString(deterministic=True))
        difference = largest_difference(session, frozen, networks, instruments, shapes)
    if difference > LARGEST_DIFFERENCE:
        raise ProofError(
            f"{model}: the networks differ from Spleeter's by {difference:.2g}"
            " of the largest value."
        )
    return difference
