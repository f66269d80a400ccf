"""The pinned weights: weights.toml as types."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stemdrop_model.errors import FetchError
from stemdrop_model.sources import Archive, Source, Wheel

PINNED = Path(__file__).with_name("weights.toml")


@dataclass(frozen=True, slots=True)
class Weights:
    """The weights of one model.

    Attributes
    ----------
    model : such as ``2stems``.
    files : file name to its SHA-256, in hexadecimal.
    sources : where to look for them, in this order.
    network : the SHA-256 of the ONNX network that was built of them and compared with Spleeter's
        own graph; None if that comparison is still to be made.
    serves_spleeter : whether the folder gets what Spleeter looks for besides.
    """

    model: str
    files: dict[str, str]
    sources: tuple[Source, ...]
    network: str | None = None
    serves_spleeter: bool = True


def pinned(model: str, path: Path = PINNED) -> Weights:
    """Read the weights of a model from weights.toml, or from another file of its form.

    Raises
    ------
    FetchError : nothing is pinned for this model.
    """
    models = tomllib.loads(path.read_text())
    if model not in models:
        raise FetchError(f"There is no model {model!r}: use one of {', '.join(models)}.")
    entry = models[model]
    sources = tuple(_source(source) for source in entry["sources"])
    return Weights(model, entry["files"], sources, entry.get("network"))


def _source(entry: dict[str, Any]) -> Source:
    if "wheel" in entry:
        return Wheel(entry["wheel"], entry["folder"], entry["sha256"], entry.get("size_bytes"))
    return Archive(entry["archive"], entry["sha256"])
