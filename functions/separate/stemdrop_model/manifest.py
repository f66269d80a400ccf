"""The record of a built model, <model>.json; it is written last, when all else is complete."""

import hashlib
import json
from pathlib import Path
from typing import Any

from stemdrop_model.weights import Weights
from stemdrop_model.whole import sha256

NETWORK, FROZEN = ".onnx", ".pb"


def describe(path: Path) -> dict[str, Any]:
    """Return the SHA-256 and the size of a file."""
    return {"sha256": sha256(path), "size_bytes": path.stat().st_size}


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
    """Return the size of an installed network, or 0. The network itself isn't read."""
    record = read(weights.model, folder)
    if record is None or not _is_made_of(record, weights):
        return 0
    path = folder / f"{weights.model}{NETWORK}"
    size_bytes = path.stat().st_size if path.is_file() else 0
    return size_bytes if size_bytes == record["files"][path.name]["size_bytes"] else 0


def _is_made_of(record: dict[str, Any], weights: Weights, *, frozen: bool = False) -> bool:
    """Compare with the pinned network; without one, other code may build another network."""
    files = record.get("files", {})
    network = files.get(f"{weights.model}{NETWORK}", {})
    if frozen and f"{weights.model}{FROZEN}" not in files:
        return False
    if weights.network and not frozen:
        return bool(network.get("sha256") == weights.network)
    made_of = record.get("source", {}).get("files")
    return bool(network) and record.get("recipe") == recipe() and made_of == weights.files
