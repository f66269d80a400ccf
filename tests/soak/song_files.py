"""The files of a soak run, and their stems without faults."""

import zipfile
from collections.abc import Mapping
from functools import cache
from io import BytesIO
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from threading import Lock

import media
from benchmarks.songs.song import generate
from soak.plan import Recipe
from stemdrop.options import Options
from stemdrop_local.deployment import ROOT
from stemdrop_separate.models.catalog import Models
from stemdrop_separate.pipeline import separate_song

MODELS = ROOT / "build" / "models"
SOURCE_DURATION_S = 12.0
ZIP = "zip"


@cache
def _source(number: int) -> media.Samples:
    return generate(SOURCE_DURATION_S, seed=number).mix


class SongFiles:
    """Generates files and separates them, each once."""

    def __init__(self) -> None:
        self._files: dict[str, bytes] = {}
        self._stems: dict[str, Mapping[str, bytes]] = {}
        self._network = Models(MODELS)
        self._lock = Lock()

    def read(self, recipe: Recipe) -> bytes:
        """Return the file of a recipe."""
        with self._lock:
            if str(recipe) not in self._files:
                self._files[str(recipe)] = _encode(recipe)
            return self._files[str(recipe)]

    def separate(self, recipe: Recipe, name: str) -> Mapping[str, bytes]:
        """Return the stems of a file by their names, made by the pipeline alone.

        Parameters
        ----------
        name : File name, which is the title of a song without one.
        """
        title = PurePosixPath(name).stem
        song = f"{recipe} {'' if recipe.has_title else title}"
        data = self.read(recipe)
        with self._lock:
            if song not in self._stems:
                self._stems[song] = self._separate(data, recipe, title)
            return self._stems[song]

    def clear(self) -> None:
        """Forget all files and stems."""
        self._files.clear()
        self._stems.clear()

    def _separate(self, data: bytes, recipe: Recipe, title: str) -> Mapping[str, bytes]:
        options = Options.parse(recipe.options)
        with TemporaryDirectory() as folder:
            path = Path(folder, f"song.{recipe.suffix}")
            path.write_bytes(data)
            targets = {
                stem: Path(folder, f"{stem}.{options.codec.suffix}") for stem in options.outputs
            }
            network = self._network.load(options.model)
            separate_song(path, targets, options, network, media.FFMPEG, name=title)
            return {stem: target.read_bytes() for stem, target in targets.items()}


def unzip(data: bytes) -> dict[str, bytes]:
    """Return the stems of a zip by their names."""
    with zipfile.ZipFile(BytesIO(data)) as archive:
        return {PurePosixPath(name).stem: archive.read(name) for name in archive.namelist()}


def _encode(recipe: Recipe) -> bytes:
    begin, length = (round(each * media.RATE_HZ) for each in (recipe.begin_s, recipe.duration_s))
    samples = _source(recipe.source)[begin : begin + length] * recipe.gain
    if not recipe.is_audio:
        return samples.tobytes()[:5000]
    title = f"Part {recipe.begin_s} of {recipe.source}" if recipe.has_title else ""
    with TemporaryDirectory() as folder:
        path = Path(folder, f"song.{recipe.suffix}")
        words = ("-metadata", f"title={title}", "-ar", str(recipe.rate_hz), "-bitexact")
        return media.encode(path, samples, *words).read_bytes()
