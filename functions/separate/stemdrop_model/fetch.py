"""Fetch the weights: each file is the pinned one, or there is none."""

import shutil
import tarfile
from pathlib import Path

from stemdrop_model.errors import FetchError
from stemdrop_model.sources import OnProgress, Source
from stemdrop_model.weights import Weights
from stemdrop_model.whole import sha256, staging

# What Spleeter looks for besides, so that it can run on the folder as well. Without a file named
# checkpoint it would run on random weights, and say nothing.
FOR_SPLEETER = {
    "checkpoint": 'model_checkpoint_path: "model"\nall_model_checkpoint_paths: "model"\n',
    ".probe": "OK",
}


def fetch(weights: Weights, into: Path, on_progress: OnProgress = lambda *_: None) -> Path:
    """Put the weights of a model into a folder of their own, unless they are there.

    Parameters
    ----------
    weights : the pinned files and their sources.
    into : the parent of the folder, which is named as the model; as MODEL_PATH it serves Spleeter.
    on_progress : Function that takes the bytes so far, and all bytes if their number is known.

    Returns
    -------
    The folder of the weights.

    Raises
    ------
    FetchError : no source gives the pinned files; whatever was in the folder is as before.
    """
    folder = into / weights.model
    if is_whole(weights, folder):
        return folder
    with staging(into, weights.model) as partial:
        if is_whole(weights, folder):  # another process was at it, and has it done by now
            return folder
        taken = partial / "taken"
        _take_from_first(weights, partial, taken, on_progress)
        for name, content in FOR_SPLEETER.items() if weights.serves_spleeter else ():
            (taken / name).write_text(content)
        shutil.rmtree(folder, ignore_errors=True)
        taken.rename(folder)
    return folder


def is_whole(weights: Weights, folder: Path) -> bool:
    """Return whether the folder holds the pinned files, byte for byte, and what Spleeter needs."""
    more = FOR_SPLEETER if weights.serves_spleeter else ()
    return all((folder / name).is_file() for name in more) and is_pinned(weights, folder)


def is_pinned(weights: Weights, folder: Path) -> bool:
    """Return whether the folder holds the pinned files, byte for byte."""
    return _difference(weights, folder) is None


def _take_from_first(weights: Weights, partial: Path, taken: Path, on_progress: OnProgress) -> None:
    reasons = []
    for source in weights.sources:
        taken.mkdir()
        try:
            source.download(partial / "download", on_progress)
            return _take(source, weights, partial / "download", taken)
        except FetchError as error:
            reasons.append(f"{source} {error}")
            shutil.rmtree(taken)
    which = "its only source" if len(reasons) == 1 else "none of its sources serves:"
    raise FetchError(f"{weights.model}: {which} {'; '.join(reasons)}.")


def _take(source: Source, weights: Weights, download: Path, taken: Path) -> None:
    if (actual := sha256(download)) != source.sha256:
        raise FetchError(f"is not the pinned file: its sha256 is {actual}")
    try:
        source.extract(download, weights.files, taken)
    except (KeyError, tarfile.TarError) as error:
        raise FetchError(f"can't be unpacked: {error}") from error
    if (wrong := _difference(weights, taken)) is not None:
        raise FetchError(f"holds another {wrong} than the pinned one")


def _difference(weights: Weights, folder: Path) -> str | None:
    """Return the name of a file that is missing or isn't the pinned one."""
    for name, expected in weights.files.items():
        path = folder / name
        if not path.is_file() or sha256(path) != expected:
            return name
    return None
