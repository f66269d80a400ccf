"""Build a model of a checkpoint: the network, Spleeter's frozen graph if asked, a record."""

import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

from stemdrop_model import checkpoint
from stemdrop_model.architecture import BINS, FRAMES, architecture
from stemdrop_model.errors import CheckpointError, ProofError
from stemdrop_model.expected_estimates import write_expected_estimates
from stemdrop_model.graph import OPSETS
from stemdrop_model.manifest import (
    BLOCKED,
    CHECK,
    FROZEN,
    NETWORK,
    describe,
    network_sha256,
    recipe,
)
from stemdrop_model.unet import build_network
from stemdrop_model.whole import publish, sha256, staging


def build(
    model: str, folder: Path, into: Path, *, frozen: bool = False, proven: str | None = None
) -> dict[str, Any]:
    """Write the files of a network, Spleeter's frozen graph if asked, and <model>.json.

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
        contents = _network(model, folder)
        for suffix, content in contents.items():
            (partial / f"{model}{suffix}").write_bytes(content)
        check = partial / f"{model}{CHECK}"
        write_expected_estimates(partial / f"{model}{NETWORK}", check)
        paths = [*(partial / f"{model}{suffix}" for suffix in contents), check]
        record = _record(model, folder)
        files = {path.name: describe(path) for path in paths}
        record["network"] = network_sha256(model, files)
        if frozen:
            from stemdrop_model.proof import freeze

            graph = partial / f"{model}{FROZEN}"
            networks = [partial / f"{model}{suffix}" for suffix in (NETWORK, *BLOCKED.values())]
            record["max_relative_difference"] = freeze(model, folder, networks, graph)
            paths.append(graph)
            files[graph.name] = describe(graph)
        elif proven not in {None, record["network"]}:
            raise ProofError(
                f"{model}: the network isn't the one that was compared with Spleeter's:"
                f" its sha256 is {record['network']}, not {proven}."
            )
        record["files"] = files
        description = partial / f"{model}.json"
        description.write_text(json.dumps(record, indent=2) + "\n")
        publish([*paths, description], into)
        for path in into.glob(f"{model}.*"):
            if path.name not in {*files, description.name}:
                path.unlink()  # an earlier build's
    return record


def _network(model: str, folder: Path) -> dict[str, bytes]:
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
        "versions": {"numpy": version("numpy"), "opset": OPSETS[""]},
        "recipe": recipe(),
    }
