"""Music whose tempo, beats and key are known, and its analysis."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from benchmarks.songs.instruments import (
    SAMPLE_RATE_HZ,
    Waveform,
    bass_note,
    hi_hat,
    keyboard_note,
    kick,
    snare,
)
from stemdrop.music import Music
from stemdrop_separate.analysis.segment_features import BINS, measure_features
from stemdrop_separate.analysis.song_analysis import SongAnalyzer
from stemdrop_separate.separation.stft import segments, stft

# Beats per bar, and the beats of the bar at which each instrument plays.
PATTERNS: dict[str, tuple[int, dict[str, list[float]]]] = {
    "metronome": (1, {"hat": [0]}),
    "rock": (4, {"kick": [0, 2], "snare": [1, 3], "hat": [beat / 2 for beat in range(8)]}),
    "house": (4, {"kick": [0, 1, 2, 3], "snare": [1, 3], "hat": [0.5, 1.5, 2.5, 3.5]}),
    "funk": (4, {"kick": [0, 2.75], "snare": [1, 3], "hat": [beat / 4 for beat in range(16)]}),
    "syncopated": (4, {"kick": [0, 1.5, 2.5], "snare": [1, 3], "hat": [0, 1, 2, 3]}),
    "waltz": (3, {"kick": [0], "snare": [1, 2], "hat": [0, 1, 2]}),
    "shuffle": (2, {"kick": [0], "snare": [1], "hat": [0, 2 / 3, 1, 5 / 3]}),
}
LEVELS = {"kick": 0.5, "snare": 0.4, "hat": 0.1}
MAJOR, MINOR = (0, 4, 7), (0, 3, 7)
# Roots above the tonic, and chords, one per bar.
PROGRESSIONS: dict[str, list[list[tuple[int, tuple[int, ...]]]]] = {
    "major": [
        [(0, MAJOR), (5, MAJOR), (7, MAJOR), (0, MAJOR)],
        [(0, MAJOR), (7, MAJOR), (9, MINOR), (5, MAJOR)],
        [(0, MAJOR), (2, MINOR), (7, MAJOR), (0, MAJOR)],
    ],
    "minor": [
        [(0, MINOR), (5, MINOR), (7, MAJOR), (0, MINOR)],
        [(0, MINOR), (8, MAJOR), (10, MAJOR), (0, MINOR)],
        [(0, MINOR), (8, MAJOR), (5, MINOR), (7, MAJOR)],
    ],
}
BAR_S = 2.0


def drums(pattern: str, time_s: Callable[[float], float], beats: int) -> Waveform:
    """Return drums, float32, shape (samples, 2).

    Parameters
    ----------
    time_s : Function from a beat's number, from 0, to its time.
    """
    random = np.random.default_rng(beats)
    sounds = {"kick": kick(), "snare": snare(random), "hat": hi_hat(random)}
    bar, placed = PATTERNS[pattern]
    track = np.zeros(round(time_s(beats) * SAMPLE_RATE_HZ), np.float32)
    for name, places in placed.items():
        for first in range(0, beats, bar):
            for place in places:
                start = round(time_s(first + place) * SAMPLE_RATE_HZ)
                sound = sounds[name][: max(len(track) - start, 0)]
                level = np.float32(LEVELS[name] * random.uniform(0.8, 1))
                track[start : start + len(sound)] += level * sound
    return np.stack([track, np.float32(0.8) * track], axis=1)


def steady(tempo_bpm: float, start_s: float = 0.0) -> Callable[[float], float]:
    """Return the times of beats in a steady tempo."""
    return lambda beat: start_s + beat * 60 / tempo_bpm


def progression(tonic: int, mode: str, number: int, cents: float = 0.0) -> Waveform:
    """Play four chords twice, with a bass.

    Parameters
    ----------
    tonic : Semitones above C.
    cents : Detuning, in hundredths of a semitone.
    """
    length = round(BAR_S * SAMPLE_RATE_HZ)
    bars = []
    for root, chord in 2 * PROGRESSIONS[mode][number]:
        notes = [48 + (tonic + root + step) % 12 + cents / 100 for step in chord]
        bass = bass_note(36 + (tonic + root) % 12 + cents / 100, length)
        bars.append(np.sum([keyboard_note(note, length) for note in notes] + [bass], axis=0))
    track = np.float32(0.12) * np.concatenate(bars).astype(np.float32)
    return np.stack([track, track], axis=1)


def noise(duration_s: float, seed: int = 0) -> Waveform:
    """Return white noise."""
    shape = (round(duration_s * SAMPLE_RATE_HZ), 2)
    return (0.1 * np.random.default_rng(seed).standard_normal(shape)).astype(np.float32)


def analyze(samples: Waveform, offset_s: float = 0.0) -> Music:
    """Analyze samples, shape (samples, 2), without separating them."""
    analyzer = SongAnalyzer()
    for segment in segments([samples]):
        analyzer.add(samples[:0], measure_features(np.abs(stft(segment, BINS))))
    analyzer.add(samples, measure_features(np.zeros((2, 0, BINS), np.float32)))
    return analyzer.finish(offset_s)


def distances_s(times_s: NDArray[np.float64], known_s: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how far each time is from the nearest known one."""
    return np.asarray(np.abs(times_s[:, None] - known_s[None]).min(axis=1))
