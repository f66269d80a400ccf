"""The stock `spleeter.separator.Separator` on whole songs: what the separation must equal.

The separator is used as it is; only what surrounds it is taken care of:

- It reads MODEL_PATH once, at import, and downloads what it doesn't find there. Given a
  configuration file with an absolute path it does neither.
- Where there is no checkpoint it says nothing, and runs a network of random weights.
- Every song gets a separator of its own: in an earlier release a second song got the first's stems.
"""

import json
import logging
import os
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Waveform = NDArray[np.float32]


def separate_stock(waveform: Waveform, model_dir: Path, model: str) -> dict[str, Waveform]:
    """Separate a song with stock Spleeter.

    Parameters
    ----------
    waveform : float32, shape (samples, channels), at 44 100 Hz; mono is duplicated, and of more
        than two channels the first two are taken, by Spleeter itself.
    model_dir : holds the checkpoint, written by `model.fetch` or by
        `random_checkpoints.save_checkpoint`.
    model : ``2stems``, ``4stems``, ``5stems``, or one of these with ``-16kHz``.

    Returns
    -------
    Instrument to float32, shape (samples, 2), in Spleeter's order.
    """
    if not (model_dir / "checkpoint").is_file():
        raise FileNotFoundError(f"there is no checkpoint in {model_dir}")
    with _quiet(), tempfile.TemporaryDirectory() as folder:
        from spleeter.separator import Separator
        from spleeter.utils.configuration import load_configuration

        parameters = load_configuration(f"spleeter:{model}")
        parameters["model_dir"] = str(model_dir.resolve())
        configuration = Path(folder, "configuration.json")
        configuration.write_text(json.dumps(parameters))
        stems = Separator(str(configuration), multiprocess=False).separate(waveform)
        return {name: np.asarray(stems[name]) for name in parameters["instrument_list"]}


@contextmanager
def _quiet() -> Iterator[None]:
    """Let Spleeter use what its libraries have deprecated since, where warnings are errors."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    log = logging.getLogger("tensorflow")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(level)
