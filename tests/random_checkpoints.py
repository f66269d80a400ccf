"""Random checkpoints: Spleeter's own graphs with seeded random weights.

Spleeter initializes the networks of all instruments equally, so that swapped stems would go
unnoticed. Here, every variable has different values, including running means and variances.
TensorFlow is imported where it is used, to keep the collection of tests fast.
"""

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Removed when the tests end.
_FOLDER = TemporaryDirectory(prefix="stemdrop-checkpoints-")
LOUD = 30.0
# Standard deviation of the masks' logits on music-like input: most masks are from 0.05 to 0.95.
LOGIT_SPREAD = 1.5


@cache
def saved_checkpoint(model: str) -> Path:
    """Return the folder of a random checkpoint. Its parent can be used as MODEL_PATH."""
    return save_checkpoint(model, Path(_FOLDER.name) / "weights" / model)


@cache
def built_model(model: str) -> Path:
    """Return a MODEL_DIR with the random model for both backends."""
    from stemdrop_model.build import build

    into = Path(_FOLDER.name) / "models"
    build(model, saved_checkpoint(model), into, frozen=True)
    return into


def music_like(segments: int = 1, bins: int = 1024, seed: int = 0) -> NDArray[np.float32]:
    """Return magnitudes with the range of a song: few loud bins and quiet high frequencies."""
    rng = np.random.default_rng(seed)
    peaks = rng.random((segments, 512, bins, 2)) ** 6
    tilt = 1.0 / (1.0 + np.arange(bins) / 64)
    magnitude = (LOUD * peaks * tilt[:, np.newaxis]).astype(np.float32)
    return np.ascontiguousarray(magnitude.transpose(0, 3, 1, 2))


def save_checkpoint(model: str, folder: Path, seed: int = 1) -> Path:
    """Save a checkpoint that both this project and stock Spleeter can restore.

    Parameters
    ----------
    model : ``2stems``, ``4stems`` or ``5stems``.
    folder : Target folder, which must not exist.
    seed : Seed of the weights.
    """
    from stemdrop_model.spleeter_graph import build, v1

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
    """Return values that roughly keep the scale of the signal from layer to layer."""
    match name.rsplit("/", 1)[-1]:
        case "kernel":
            # With stride 2, each output of a transposed convolution uses a quarter of the taps.
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
    """Scale the last convolutions, so that masks are neither flat nor saturated."""
    layers = [kernel.op.name.removesuffix("/kernel") for kernel in kernels]
    given = {"magnitude:0": music_like().transpose(0, 2, 3, 1)}
    logits = session.run([f"{layer}/BiasAdd:0" for layer in layers], given)
    scaled = [
        kernel * np.float32(LOGIT_SPREAD / np.std(logit))
        for kernel, logit in zip(session.run(kernels), logits, strict=True)
    ]
    _assign(session, dict(zip(kernels, scaled, strict=True)))


def _assign(session: Any, values: dict[Any, Any]) -> None:
    """Assign values to variables in one run, which takes a third of the time of separate runs."""
    given = {variable.initializer.inputs[1]: value for variable, value in values.items()}
    session.run([variable.initializer for variable in values], given)
