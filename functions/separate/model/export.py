"""Export a checkpoint: frozen graph and ONNX model, compared with the restored network."""

import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

import tensorflow as tf

from model import network
from model.comparison import largest_difference
from model.convert import OPSET, to_onnx
from model.errors import ExportError
from model.manifest import SUFFIXES, describe, recipe
from model.whole import publish, sha256, staging

# Rounding makes 1e-5 to 1e-4, in parts of the largest value.
LARGEST_DIFFERENCE = 1e-3
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
        "source": _source(model, checkpoint),
        "versions": _versions(),
        "recipe": recipe(),
    }
    with staging(into, model) as partial:
        networks = [partial / f"{model}{suffix}" for suffix in SUFFIXES]
        record["max_relative_difference"] = _write_networks(record, checkpoint, *networks)
        record["files"] = {path.name: describe(path) for path in networks}
        description = partial / f"{model}.json"
        description.write_text(json.dumps(record, indent=2) + "\n")
        publish([*networks, description], into)
    return record


def _write_networks(
    record: dict[str, Any], checkpoint: Path, converted: Path, frozen: Path
) -> float:
    """Write both networks, and return how far they are from the restored one."""
    model, instruments, frames = record["model"], record["instruments"], record["T"]
    bins = record["F"].values()
    with network.restored(model, checkpoint) as session:
        graph = network.freeze(session, instruments)
        frozen.write_bytes(graph.SerializeToString(deterministic=True))
        onnx = to_onnx(graph, (1, frames, min(bins), 2), instruments)
        converted.write_bytes(onnx.SerializeToString())
        shapes = [*((1, frames, F) for F in bins), (2, frames, LEAST_BINS)]
        difference = largest_difference(session, frozen, converted, instruments, shapes)
    if difference > LARGEST_DIFFERENCE:
        raise ExportError(
            f"{model}: the exported networks differ from Spleeter's by {difference:.2g}"
            " of the largest value."
        )
    return difference


def _source(model: str, checkpoint: Path) -> dict[str, Any]:
    try:
        files = {name: sha256(checkpoint / name) for name in WEIGHTS}
    except FileNotFoundError as error:
        raise ExportError(f"{model}: the checkpoint's {error.filename} is missing.") from None
    return {"sha256": files[WEIGHTS[0]], "files": files}


def _versions() -> dict[str, str | int]:
    packages = ("spleeter", "tf2onnx", "onnx", "onnxruntime")
    versions: dict[str, str | int] = {package: version(package) for package in packages}
    return versions | {"tensorflow": tf.__version__, "opset": OPSET}
