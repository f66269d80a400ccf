"""Made-up checkpoints: Spleeter's own graphs with seeded random weights.

Freshly initialized, Spleeter's networks are the same for every instrument, so that a swap of two
stems could not be seen. Here every variable has values of its own, running means and variances
among them. TensorFlow is loaded where it is needed, so that collecting the tests stays fast.
"""

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Removed when the tests end. Everything is made once, and only if a test asks for it.
_FOLDER = TemporaryDirectory(prefix="stemdrop-checkpoints-")
LOUD = 30.0
# How far the logits of the masks spread on music-like input: masks from 0.05 to 0.95, seldom more.
LOGIT_SPREAD = 1.5


@cache
def saved_checkpoint(model: str) -> Path:
    """Return a folder, named as the model, with a made-up checkpoint; its parent: MODEL_PATH."""
    return save_checkpoint(model, Path(_FOLDER.name) / "weights" / model)


@cache
def built_model(model: str) -> Path:
    """Return a folder, to be used as MODEL_DIR, with the made-up model for both backends."""
    from model.build import build

    into = Path(_FOLDER.name) / "models"
    build(model, saved_checkpoint(model), into, frozen=True)
    return into


def music_like(segments: int = 1, bins: int = 1024, seed: int = 0) -> NDArray[np.float32]:
    """Make magnitudes with the range of a song's: few loud bins, quiet highs, never negative."""
    rng = np.random.default_rng(seed)
    peaks = rng.random((segments, 512, bins, 2)) ** 6
    tilt = 1.0 / (1.0 + np.arange(bins) / 64)
    return (LOUD * peaks * tilt[:, np.newaxis]).astype(np.float32)


def save_checkpoint(model: str, folder: Path, seed: int = 1) -> Path:
    """Save a checkpoint of a model that both this project and stock Spleeter restore.

    Parameters
    ----------
    model : ``2stems``, ``4stems`` or ``5stems``.
    folder : where to put it; it must not exist.
    seed : other seeds give other weights.
    """
    from model.spleeter_graph import build, v1

    folder.mkdir(parents=True)
    rng = np.random.default_rng(seed)
    with build(model).as_default() as graph, v1.Session(graph=graph) as session:
        v1.train.create_global_step(graph)
        variables = v1.global_variables()
        _assign(session, {v: _values(v.op.name, v.shape.as_list(), rng) for v in variables})
        _spread_logits(session, [v for v in variables if v.shape.as_list() == [4, 4, 1, 2]])
        v1.train.Saver().save(session, str(folder / "model"), write_meta_graph=False)
    (folder / ".probe").write_text("OK")
    return folder


def _values(name: str, shape: list[int], rng: np.random.Generator) -> Any:
    """Return values that keep the signal's scale from layer to layer, roughly."""
    match name.rsplit("/", 1)[-1]:
        case "kernel":
            # Of a transposed convolution of stride 2 every output sees a quarter of the taps.
            taps = shape[0] * shape[1] * shape[3] / 4 if "transpose" in name else np.prod(shape[:3])
            return rng.normal(0, np.sqrt(2 / taps), shape)
        case "gamma" | "moving_variance":
            return rng.uniform(0.6, 1.4, shape)
        case "beta" | "moving_mean" | "bias":
            return rng.normal(0, 0.2, shape)
        case "global_step":
            return 0
    raise AssertionError(f"Spleeter has no variable {name}")


def _spread_logits(session: Any, kernels: list[Any]) -> None:
    """Scale the last convolution of each instrument: masks neither flat nor saturated."""
    layers = [kernel.op.name.removesuffix("/kernel") for kernel in kernels]
    logits = session.run([f"{layer}/BiasAdd:0" for layer in layers], {"magnitude:0": music_like()})
    scaled = [
        kernel * np.float32(LOGIT_SPREAD / np.std(logit))
        for kernel, logit in zip(session.run(kernels), logits, strict=True)
    ]
    _assign(session, dict(zip(kernels, scaled, strict=True)))


def _assign(session: Any, values: dict[Any, Any]) -> None:
    """Give variables their values, all in one run: a run each would take three times as long."""
    given = {variable.initializer.inputs[1]: value for variable, value in values.items()}
    session.run([variable.initializer for variable in values], given)
