"""The record of a built model, <model>.json; it is written last, when all else is complete."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

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


def is_current(
    model: str, folder: Path, weights: Mapping[str, str], *, frozen: bool = False
) -> bool:
    """Return whether a model is whole, and made by this code of these weights.

    Parameters
    ----------
    model : such as ``2stems``.
    folder : where the models are.
    weights : file name to SHA-256 of the checkpoint that it should be made of.
    frozen : whether Spleeter's frozen graph should be there, too.
    """
    record = read(model, folder)
    if record is None:
        return False
    files = record.get("files", {})
    needed = {f"{model}{NETWORK}", f"{model}{FROZEN}"} if frozen else {f"{model}{NETWORK}"}
    paths = [folder / name for name in files]
    return (
        record.get("recipe") == recipe()
        and record.get("source", {}).get("files") == dict(weights)
        and needed <= files.keys()
        and all(path.is_file() for path in paths)
        and files == {path.name: describe(path) for path in paths}
    )
