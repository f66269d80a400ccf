"""Generated songs with known stems, as ground truth for the demo and the tests."""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from itertools import count

import numpy as np

from benchmarks.songs.composition import compose
from benchmarks.songs.instruments import SAMPLE_RATE_HZ, Waveform

# Peak of each instrument. The sum is less than 1, so no mix clips.
PEAKS = {"vocals": 0.32, "drums": 0.26, "hi_hat": 0.05, "bass": 0.11, "keyboard": 0.16}
# Pan of each instrument, from -1 (left) to 1 (right).
PANS = {"vocals": 0.0, "drums": -0.1, "hi_hat": 0.5, "bass": 0.1, "keyboard": -0.5}


@dataclass(frozen=True, slots=True)
class GeneratedSong:
    """A song and its stems. Each waveform is float32, shape (samples, 2)."""

    vocals: Waveform
    drums: Waveform
    bass: Waveform
    other: Waveform

    @property
    def sample_rate_hz(self) -> int:
        """Return the sample rate of all waveforms."""
        return SAMPLE_RATE_HZ

    @property
    def accompaniment(self) -> Waveform:
        """Return the sum of all stems except the vocals."""
        return self.drums + self.bass + self.other

    @property
    def mix(self) -> Waveform:
        """Return the sum of vocals and accompaniment."""
        return self.vocals + self.accompaniment


def generate(duration_s: float, *, seed: int = 0, channels: int = 2) -> GeneratedSong:
    """Compose a song with known stems.

    Parameters
    ----------
    duration_s : Duration, rounded to whole samples, at least one. A longer song of the same seed
        starts like a shorter one.
    seed : Not negative. Chooses tempo, key, chords and melody. The same seed always gives the same
        samples.
    channels : 2 for stereo, 1 for two identical channels.

    Returns
    -------
    The song at 44 100 Hz, its mix within [-0.9, 0.9].
    """
    sections = list(blocks(duration_s, seed=seed, channels=channels))
    return GeneratedSong(
        *(
            np.concatenate([getattr(part, stem.name) for part in sections])
            for stem in fields(GeneratedSong)
        )
    )


def blocks(duration_s: float, *, seed: int = 0, channels: int = 2) -> Iterator[GeneratedSong]:
    """Compose the song of `generate` section by section, in constant memory.

    Yields
    ------
    Sections of about nine seconds, `duration_s` in total.
    """
    if channels not in {1, 2}:
        raise ValueError(f"channels can't be {channels}: use 1 or 2")
    score = compose(seed)
    remaining = max(1, round(duration_s * SAMPLE_RATE_HZ))
    for index in count():
        tracks = {name: track[:remaining] for name, track in score.section(index).items()}
        placed = {name: _placed(track, name, channels) for name, track in tracks.items()}
        drums = placed["drums"] + placed["hi_hat"]
        yield GeneratedSong(placed["vocals"], drums, placed["bass"], placed["keyboard"])
        remaining -= len(drums)
        if not remaining:
            return


def _placed(track: Waveform, name: str, channels: int) -> Waveform:
    """Scale an instrument to its peak, and pan it."""
    pan = PANS[name] if channels == 2 else 0.0
    sides = np.array([min(1.0, 1 - pan), min(1.0, 1 + pan)], np.float32)
    return track[:, np.newaxis] * (sides * np.float32(PEAKS[name]))
