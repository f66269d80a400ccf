"""Prove a network: compare it with Spleeter's own graph, restored and frozen by TensorFlow."""

from pathlib import Path

from stemdrop_model import spleeter_graph
from stemdrop_model.architecture import BINS, FRAMES, architecture
from stemdrop_model.comparison import largest_difference
from stemdrop_model.errors import ProofError

# Rounding makes 1e-5 to 8e-5, in parts of the largest value.
LARGEST_DIFFERENCE = 1e-4
# Six layers halve them.
LEAST_BINS = 64


def freeze(model: str, checkpoint: Path, network: Path, frozen: Path) -> float:
    """Write the frozen graph, and compare it and the network with Spleeter's restored graph.

    Parameters
    ----------
    model : Such as ``4stems``.
    checkpoint : Folder of the checkpoint.
    network : The ONNX file to prove.
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
    shapes = [*((1, FRAMES, bins) for bins in BINS.values()), (2, FRAMES, LEAST_BINS)]
    with spleeter_graph.restored(model, checkpoint) as session:
        graph = spleeter_graph.freeze(session, instruments)
        frozen.write_bytes(graph.SerializeToString(deterministic=True))
        difference = largest_difference(session, frozen, network, instruments, shapes)
    if difference > LARGEST_DIFFERENCE:
        raise ProofError(
            f"{model}: the networks differ from Spleeter's by {difference:.2g}"
            " of the largest value."
        )
    return difference
