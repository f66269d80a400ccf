"""Export a checkpoint: frozen graph and ONNX model, compared with the restored network."""

import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

import tensorflow as tf

from model import network
from model.comparison import compare
from model.convert import OPSET, to_onnx
from model.errors import ExportError
from model.manifest import SUFFIXES, describe, recipe
from model.whole import sha256, staging

# Six layers halve them.
LEAST_BINS = 64
WEIGHTS = ("model.data-00000-of-00001", "model.index")


def export(model: str, checkpoint: Path, into: Path) -> dict[str, Any]:
    """Write <model>.onnx, <model>.pb and <model>.json.

    Parameters
    ----------
    model : ``2stems``, ``4stems`` or ``5stems``.
    checkpoint : a folder with the files of Spleeter's checkpoint.
    into : where to write the model; one that is there is replaced when the new one is whole.

    Returns
    -------
    The content of <model>.json.

    Raises
    ------
    ExportError : the checkpoint isn't of this model, or an exported network gives other results.
    """
    parameters = network.configuration(model)
    bins = {"11kHz": parameters["F"], "16kHz": network.configuration(f"{model}-16kHz")["F"]}
    record: dict[str, Any] = {
        "model": model,
        "instruments": parameters["instrument_list"],
        "T": parameters["T"],
        "F": bins,
        "source": _source(checkpoint),
    }
    with staging(into, model) as partial:
        record["max_relative_difference"] = _networks(model, checkpoint, partial, record)
        written = [partial / f"{model}{suffix}" for suffix in SUFFIXES]
        record["files"] = {path.name: describe(path) for path in written}
        record |= {"versions": _versions(), "recipe": recipe()}
        description = partial / f"{model}.json"
        description.write_text(json.dumps(record, indent=2) + "\n")
        _publish([*written, description], into)
    return record


def _networks(model: str, checkpoint: Path, folder: Path, record: dict[str, Any]) -> float:
    """Write both networks, and return how far they are from the restored one."""
    instruments, frames, bins = record["instruments"], record["T"], record["F"].values()
    converted, frozen = (folder / f"{model}{suffix}" for suffix in SUFFIXES)
    with network.restored(model, checkpoint) as session:
        graph = network.freeze(session, instruments)
        frozen.write_bytes(graph.SerializeToString())
        converted.write_bytes(
            to_onnx(graph, (1, frames, min(bins), 2), instruments).SerializeToString()
        )
        shapes = [*((1, frames, F) for F in bins), (2, frames, LEAST_BINS)]
        return compare(session, frozen, converted, instruments, shapes)


def _publish(files: list[Path], into: Path) -> None:
    """Put finished files in their place; without the last of them the others don't count."""
    (into / files[-1].name).unlink(missing_ok=True)
    for file in files:
        file.replace(into / file.name)


def _source(checkpoint: Path) -> dict[str, Any]:
    try:
        files = {name: sha256(checkpoint / name) for name in WEIGHTS}
    except FileNotFoundError as error:
        raise ExportError(f"There is no checkpoint: {error.filename} is missing.") from error
    return {"sha256": files[WEIGHTS[0]], "files": files}


def _versions() -> dict[str, str | int]:
    packages = ("spleeter", "tf2onnx", "onnx", "onnxruntime")
    return {package: version(package) for package in packages} | {
        "tensorflow": tf.__version__,
        "opset": OPSET,
    }
