"""The stock `spleeter.separator.Separator` on whole songs, as a reference.

The separator is unchanged. This module works around its environment:

- It reads MODEL_PATH once, at import, and downloads missing models. With a configuration file that
  has an absolute path, it does neither.
- Without a checkpoint, it silently uses random weights.
- Each song uses a new separator, because an earlier release returned the stems of the first song
  for the second song.
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
    model_dir : holds the checkpoint, written by `stemdrop_model.fetch` or by
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
    """Ignore deprecation warnings from Spleeter, because the tests treat warnings as errors."""
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
