"""The Whisper models that write lyrics: pinned ones, and any other of CTranslate2."""

import re
import shutil
from dataclasses import replace
from pathlib import Path

from stemdrop_model.errors import FetchError
from stemdrop_model.fetch import fetch
from stemdrop_model.sources import OnProgress
from stemdrop_model.weights import pinned
from stemdrop_model.whole import staging

PINS = Path(__file__).with_name("whisper.toml")
PINNED_WHISPER = ("tiny.en",)
# Where a checkout has models of its user's own, for the image.
OWN_WHISPER = Path("functions/separate/lyrics_models")
# The subfolder of the models. The separator has the name in `stemdrop.lyrics`, because it ships
# without this package, and this package runs without `stemdrop` in the image's build.
FOLDER = "lyrics"
# What a model consists of, apart from its vocabulary.
FILES = ("config.json", "model.bin", "tokenizer.json")
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,39}")  # as in template.yaml


def install_whisper(
    name: str, models: Path, own: Path, on_progress: OnProgress = lambda *_: None
) -> Path:
    """Put a Whisper model into its folder, and return that.

    A pinned model is verified each time, and fetched unless all of its bytes are right.

    Parameters
    ----------
    models : Folder of the models.
    own : Folder with folders of other models, one of which is copied unless it is there already.

    Raises
    ------
    FetchError : The model can't be fetched, or is neither pinned nor there.
    """
    parent = models / FOLDER
    if name in PINNED_WHISPER:
        weights = replace(pinned(name, PINS), serves_spleeter=False)
        return fetch(weights, parent, on_progress)
    folder = parent / name
    if not NAME.fullmatch(name) or not (is_whisper(folder) or is_whisper(own / name)):
        raise FetchError(
            f"There is no Whisper model {name!r}: use {', '.join(PINNED_WHISPER)}, or put the"
            f" folder of a CTranslate2 model into {own}."
        )
    if not is_whisper(folder):
        with staging(parent, name) as partial:
            shutil.copytree(own / name, partial / name)
            shutil.rmtree(folder, ignore_errors=True)
            (partial / name).rename(folder)
    return folder


def is_whisper(folder: Path) -> bool:
    """Return whether a folder has the files of a Whisper model."""
    return all((folder / name).is_file() for name in FILES) and any(folder.glob("vocabulary.*"))


def installed_whisper(models: Path) -> dict[str, int]:
    """Return the names of the Whisper models in a folder of models, with their sizes in bytes."""
    folders = [path for path in sorted((models / FOLDER).glob("*")) if is_whisper(path)]
    return {
        folder.name: sum(path.stat().st_size for path in folder.iterdir())
        for folder in folders
        if NAME.fullmatch(folder.name)
    }


def remove_whisper(name: str, models: Path) -> int:
    """Remove a Whisper model, and return its size in bytes; 0 if it isn't there."""
    size_bytes = installed_whisper(models).get(name, 0)
    if size_bytes:
        shutil.rmtree(models / FOLDER / name)
    return size_bytes
