"""What a segment's spectrogram says about onsets and pitches, in a few values per frame."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stemdrop_separate.separation.stft import FRAME, SAMPLE_RATE_HZ, Samples

# All networks see as many bins, up to 11 kHz.
BINS = 1024
BIN_HZ = SAMPLE_RATE_HZ / FRAME
# Lowest bins of the bands whose onsets are counted: about three per octave, at least one bin each.
BAND_STARTS = np.unique(np.rint(np.geomspace(30, 10_500, 25)[:-1] / BIN_HZ).astype(int))
# Range of the fundamental frequencies and the lower partials: 55 to 2,000 Hz.
FIRST_PITCH_BIN, LAST_PITCH_BIN = 5, 190
CONCERT_A_HZ = 440.0
SEMITONES = 12
STEPS_PER_SEMITONE = 10
STEPS = SEMITONES * STEPS_PER_SEMITONE
# Weaker peaks than 40 dB below the frame's strongest are mostly side lobes and noise.
LEAST_SHARE_OF_PEAK = 1e-4
INAUDIBLE_POWER = 1e-12
FLATTEST_PEAK = 1e-3


@dataclass(frozen=True, slots=True)
class SegmentFeatures:
    """Features of a segment's frames.

    Attributes
    ----------
    bands : Compressed energy per frame and band, float32, shape (frames, len(BAND_STARTS)).
    pitches : Weight of the spectral peaks at each step of an octave from A up, float64, shape
        (STEPS,).
    """

    bands: Samples
    pitches: NDArray[np.float64]


def measure_features(magnitude: Samples) -> SegmentFeatures:
    """Measure a segment.

    Parameters
    ----------
    magnitude : Magnitude of the mix, float32, shape (2, frames, at least BINS).
    """
    power = np.square(magnitude[0, :, :BINS])
    power += np.square(magnitude[1, :, :BINS])
    # The fourth root compresses like loudness does, and a louder song has the same rhythm.
    bands = np.sqrt(np.sqrt(np.add.reduceat(power, BAND_STARTS, axis=1)))
    return SegmentFeatures(bands, _pitch_histogram(power))


def _pitch_histogram(power: Samples) -> NDArray[np.float64]:
    """Add up the spectral peaks by their place in the octave.

    The top of a parabola through the logarithms of a peak and its neighbors is the frequency, to
    within 2 % of a bin. Source: Smith and Serra, "PARSHL", 1987. So bins that are wider than a
    semitone, as below 180 Hz, still tell semitones apart.
    """
    around = power[:, FIRST_PITCH_BIN - 1 : LAST_PITCH_BIN + 1]
    inner = around[:, 1:-1]
    least = np.maximum(LEAST_SHARE_OF_PEAK * inner.max(axis=1, keepdims=True), INAUDIBLE_POWER)
    is_peak = (inner > around[:, :-2]) & (inner >= around[:, 2:]) & (inner > least)
    frames, bins = np.nonzero(is_peak)
    below, peak, above = (
        np.log(np.maximum(around[frames, bins + step], INAUDIBLE_POWER * 1e-6)) for step in range(3)
    )
    offsets = 0.5 * (above - below) / np.maximum(2 * peak - below - above, FLATTEST_PEAK)
    frequencies_hz = (bins + FIRST_PITCH_BIN + offsets) * BIN_HZ
    steps = np.rint(STEPS * np.log2(frequencies_hz / CONCERT_A_HZ)).astype(int) % STEPS
    return np.bincount(steps, np.exp(peak / 4), STEPS).astype(np.float64)
