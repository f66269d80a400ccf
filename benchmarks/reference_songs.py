"""Songs with true stems in folders, in the layout of MUSDB18-HQ.

    DIR/<song>/mixture.wav, vocals.wav, drums.wav, bass.wav, other.wav

Songs can be in nested folders, and can lack stems. If accompaniment.wav is missing, it is the sum
of all stems except the vocals.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.report import decode
from benchmarks.songs.repertoire import REPERTOIRE, play
from benchmarks.songs.wav import write_wav

Waveform = NDArray[np.float32]

MIXTURE = "mixture.wav"
SINGLE = ("vocals", "drums", "bass", "piano", "other")


class ReferenceSongError(Exception):
    """A folder of songs is invalid."""


@dataclass(frozen=True, slots=True)
class ReferenceSong:
    """A song and the folder of its true stems."""

    name: str
    folder: Path

    @property
    def mixture(self) -> Path:
        """Return the file to separate."""
        return self.folder / MIXTURE

    def stems(self, scratch: Path) -> dict[str, Waveform]:
        """Return the true stems, float32 of the mixture's shape (samples, 2), at 44 100 Hz.

        Parameters
        ----------
        scratch : Folder for temporary files.

        Raises
        ------
        ReferenceSongError : a stem hasn't the mixture's length, or there is none but the vocals.
        """
        samples = len(decode(self.mixture, scratch))
        stems = {
            stem: self._decode(path, scratch, samples)
            for stem in (*SINGLE, "accompaniment")
            if (path := self.folder / f"{stem}.wav").is_file()
        }
        others = [waveform for stem, waveform in stems.items() if stem != "vocals"]
        if "vocals" not in stems or not others:
            raise ReferenceSongError(f"{self.folder} has no vocals.wav, or no other stem.")
        stems.setdefault("accompaniment", np.add.reduce(others))
        return stems

    def _decode(self, path: Path, scratch: Path, samples: int) -> Waveform:
        waveform = decode(path, scratch)
        if len(waveform) != samples:
            raise ReferenceSongError(
                f"{path} has {len(waveform)} samples, and the mixture {samples}."
            )
        return waveform


def find_songs(folder: Path) -> list[ReferenceSong]:
    """Return all songs in a folder, sorted by name.

    Raises
    ------
    ReferenceSongError : there are none.
    """
    found = sorted(path.parent for path in folder.rglob(MIXTURE))
    if not found:
        raise ReferenceSongError(f"No folder in {folder} has a {MIXTURE}.")
    return [ReferenceSong(str(path.relative_to(folder)), path) for path in found]


def write_songs(
    folder: Path, duration_s: float, count: int = len(REPERTOIRE)
) -> Iterator[ReferenceSong]:
    """Generate the songs of the repertoire, each from a different seed."""
    for seed, kind in enumerate(REPERTOIRE[:count]):
        song = play(kind, duration_s, seed=seed)
        own = folder / kind.name
        own.mkdir(parents=True)
        stems = {stem: getattr(song, stem) for stem in ("vocals", "drums", "bass", "other")}
        for stem, waveform in {"mixture": song.mix, **stems}.items():
            write_wav(own / f"{stem}.wav", [waveform])
        yield ReferenceSong(kind.name, own)
