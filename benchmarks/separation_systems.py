"""Separation systems of an evaluation: stock Spleeter, and stemdrop with different options."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from benchmarks.parity import separate_as_spleeter
from benchmarks.reference_songs import ReferenceSong, Waveform
from benchmarks.report import decode
from stemdrop.codecs import Codec
from stemdrop.models import Model
from stemdrop.options import Options, Quality
from stemdrop_local.deployment import ROOT
from stemdrop_separate.audio.ffmpeg import find_ffmpeg
from stemdrop_separate.models.catalog import Models
from stemdrop_separate.models.network import Backend, Magnitude
from stemdrop_separate.pipeline import separate_song

WEIGHTS = ROOT / "build" / "weights"
MODELS = Models(ROOT / "build" / "models")


@dataclass(frozen=True, slots=True)
class SeparationSystem:
    """One way to separate a song.

    Attributes
    ----------
    model : The network.
    quality : Quality of stemdrop; None for stock Spleeter.
    codec : Codec of stemdrop's files. Stock Spleeter's samples are used directly.
    """

    model: Model
    quality: Quality | None
    codec: Codec = Codec.WAV

    def __str__(self) -> str:
        if self.quality is None:
            return "Spleeter 2.4.2"
        named = [f"quality={self.quality}", *([self.codec] if self.codec != Codec.WAV else [])]
        return f"stemdrop, {', '.join(named)}"


@dataclass(frozen=True, slots=True)
class Separation:
    """A song's stems, float32, shape (samples, 2).

    Attributes
    ----------
    network_s : Processor seconds of the network; None if unknown.
    """

    stems: dict[str, Waveform]
    network_s: float | None


@dataclass(slots=True)
class TimedBackend:
    """A backend that measures the processor time of its single-threaded runs."""

    backend: Backend
    parallel: int = 1
    seconds: float = field(default=0.0, init=False)

    def estimate(self, magnitude: Magnitude) -> dict[str, Magnitude]:
        """Estimate each instrument's magnitudes."""
        started_s = time.thread_time()
        estimates = self.backend.estimate(magnitude)
        self.seconds += time.thread_time() - started_s
        return estimates


def systems(
    models: list[Model], qualities: list[Quality], codecs: list[Codec], *, stock: bool
) -> Iterator[SeparationSystem]:
    """Return all combinations. For each model, stock Spleeter is first."""
    for model in models:
        if stock:
            yield SeparationSystem(model, None)
        for quality in qualities:
            yield from (SeparationSystem(model, quality, codec) for codec in codecs)


def separate(system: SeparationSystem, song: ReferenceSong, scratch: Path) -> Separation:
    """Separate a song, and read the stems back from their files.

    Raises
    ------
    StemdropError : The song or the model can't be used.
    FileNotFoundError : Stock Spleeter's weights are missing.
    """
    ffmpeg = find_ffmpeg(None)
    if system.quality is None:
        return Separation(separate_as_spleeter(song.mixture, ffmpeg, WEIGHTS, system.model), None)
    options = Options.parse(
        {"model": system.model, "quality": system.quality, "codec": system.codec}
    )
    network = MODELS.load(system.model)
    timed = TimedBackend(network.backend)
    targets = {stem: scratch / f"{stem}.{system.codec}" for stem in options.outputs}
    made = separate_song(song.mixture, targets, options, replace(network, backend=timed), ffmpeg)
    stems = {stem: decode(file.path, scratch) for stem, file in made.stems.items()}
    return Separation(stems, timed.seconds)
