"""Build a model of a checkpoint: the ONNX network, Spleeter's frozen graph if asked, a record."""

import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

from stemdrop_model import checkpoint
from stemdrop_model.architecture import BINS, FRAMES, architecture
from stemdrop_model.errors import CheckpointError, ProofError
from stemdrop_model.graph import OPSET
from stemdrop_model.manifest import FROZEN, NETWORK, describe, recipe
from stemdrop_model.unet import build_network
from stemdrop_model.whole import publish, sha256, staging


def build(
    model: str, folder: Path, into: Path, *, frozen: bool = False, proven: str | None = None
) -> dict[str, Any]:
    """Write <model>.onnx and <model>.json, and <model>.pb if asked.

    Parameters
    ----------
    model : ``2stems``, ``4stems`` or ``5stems``.
    folder : Holds the files of Spleeter's checkpoint.
    into : Where to write the model; one that is there is replaced when the new one is whole.
    frozen : Whether to freeze Spleeter's own graph, too, with TensorFlow, and to compare the
        networks with it.
    proven : SHA-256 of the network that was compared with Spleeter's, if it is known.

    Returns
    -------
    The content of <model>.json.

    Raises
    ------
    CheckpointError : The checkpoint is damaged, or isn't of this model.
    ProofError : The network gives other results than Spleeter's; without a comparison, it isn't the
        proven one.
    """
    with staging(into, model) as partial:
        network = partial / f"{model}{NETWORK}"
        network.write_bytes(_network(model, folder))
        record = _record(model, folder)
        paths = [network]
        if frozen:
            from stemdrop_model.proof import freeze

            paths.append(partial / f"{model}{FROZEN}")
            record["max_relative_difference"] = freeze(model, folder, *paths)
        elif proven not in {None, sha256(network)}:
            raise ProofError(
                f"{model}: the network isn't the one that was compared with Spleeter's:"
                f" its sha256 is {sha256(network)}, not {proven}."
            )
        record["files"] = {path.name: describe(path) for path in paths}
        description = partial / f"{model}.json"
        description.write_text(json.dumps(record, indent=2) + "\n")
        publish([*paths, description], into)
        if not frozen:
            (into / f"{model}{FROZEN}").unlink(missing_ok=True)  # of an earlier build
    return record


def _network(model: str, folder: Path) -> bytes:
    try:
        variables = checkpoint.read(folder)
        return build_network(model, architecture(model), variables)
    except CheckpointError as error:
        raise CheckpointError(f"{model}: {error}.") from error


def _record(model: str, folder: Path) -> dict[str, Any]:
    files = {name: sha256(folder / name) for name in (checkpoint.DATA, checkpoint.INDEX)}
    return {
        "model": model,
        "instruments": list(architecture(model).instruments),
        "T": FRAMES,
        "F": BINS,
        "source": {"sha256": files[checkpoint.DATA], "files": files},
        "versions": {"numpy": version("numpy"), "opset": OPSET},
        "recipe": recipe(),
    }
