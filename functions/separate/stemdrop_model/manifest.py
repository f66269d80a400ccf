"""The record of a built model, <model>.json; it is written last, when all else is complete."""

import hashlib
import json
from pathlib import Path
from typing import Any

from stemdrop_model.weights import Weights
from stemdrop_model.whole import sha256

# The network for any processor, estimates to compare with, and Spleeter's frozen graph.
NETWORK, CHECK, FROZEN = ".onnx", ".check.npz", ".pb"
# Channels in a block to the network for processors whose convolutions take such blocks, and its
# kernels. Those of the smallest blocks are the portable network's, too.
BLOCKED = {8: ".blocked8.onnx", 16: ".blocked16.onnx"}
KERNELS = {8: ".blocked8.kernels", 16: ".blocked16.kernels"}
NETWORK_FILES = (NETWORK, *BLOCKED.values(), *KERNELS.values())


def describe(path: Path) -> dict[str, Any]:
    """Return the SHA-256 and the size of a file."""
    return {"sha256": sha256(path), "size_bytes": path.stat().st_size}


def network_sha256(model: str, files: dict[str, Any]) -> str:
    """Return the SHA-256 of the SHA-256 of the network's files.

    Parameters
    ----------
    files : File name to its description.
    """
    digests = (files[f"{model}{suffix}"]["sha256"] for suffix in NETWORK_FILES)
    return hashlib.sha256("".join(digests).encode()).hexdigest()


def recipe() -> str:
    """Return a digest of this package's code: other code may build other files."""
    modules = sorted(Path(__file__).parent.glob("*.py"))
    return hashlib.sha256(b"".join(module.read_bytes() for module in modules)).hexdigest()


def read(model: str, folder: Path) -> dict[str, Any] | None:
    """Read the record of a model; None without one."""
    try:
        record: dict[str, Any] = json.loads((folder / f"{model}.json").read_text())
    except (FileNotFoundError, ValueError):
        return None
    return record


def is_current(weights: Weights, folder: Path, *, frozen: bool = False) -> bool:
    """Return whether a model is whole, and what a build of these weights would make.

    Parameters
    ----------
    weights : Pinned weights of the model.
    folder : Folder of the models.
    frozen : Whether Spleeter's frozen graph should be there, too.
    """
    record = read(weights.model, folder)
    if record is None or not _is_made_of(record, weights, frozen=frozen):
        return False
    paths = [folder / name for name in record["files"]]
    return all(path.is_file() for path in paths) and record["files"] == {
        path.name: describe(path) for path in paths
    }


def network_size_bytes(weights: Weights, folder: Path) -> int:
    """Return the size of an installed model, or 0. The model itself isn't read."""
    record = read(weights.model, folder)
    if record is None or not _is_made_of(record, weights):
        return 0
    files = record["files"]
    for name, described in files.items():
        path = folder / name
        if not path.is_file() or path.stat().st_size != described["size_bytes"]:
            return 0
    return sum(described["size_bytes"] for described in files.values())


def _is_made_of(record: dict[str, Any], weights: Weights, *, frozen: bool = False) -> bool:
    """Compare with the pinned network; without one, other code may build another network."""
    files = record.get("files", {})
    suffixes = [*NETWORK_FILES, CHECK, *([FROZEN] if frozen else [])]
    if not {f"{weights.model}{suffix}" for suffix in suffixes} <= files.keys():
        return False
    if weights.network and not frozen:
        return network_sha256(weights.model, files) == weights.network
    made_of = record.get("source", {}).get("files")
    return record.get("recipe") == recipe() and made_of == weights.files
