"""Vocals with a little of the mix under them, which speech recognizers understand better.

A network removes parts of consonants together with the drums. Recognizers know music under a voice,
but not these gaps: docs/guide/lyrics.md has their error rates.
"""

import numpy as np

from stemdrop_separate.separation.stft import SAMPLE_RATE_HZ, Samples

# Largest gain of the mix: 12 dB below.
SHARE = 0.25
FRAME_SAMPLES = SAMPLE_RATE_HZ // 20
SMOOTHED_FRAMES = 5


class VocalsBlend:
    """Adds the mix where somebody sings, never louder than the voice.

    Silent vocals stay silent, so the level of the blend still tells where the voice is.
    """

    def __init__(self) -> None:
        self._gain = 0.0

    def add(self, vocals: Samples, mix: Samples) -> Samples:
        """Return the next part of the blend.

        Parameters
        ----------
        vocals, mix : The same part of both, float32, shape (samples, 2), of any length.
        """
        if not len(vocals):
            return vocals
        starts = np.arange(0, len(vocals), FRAME_SAMPLES)
        voice = _smooth_energy(vocals, starts)
        gains = np.sqrt(voice / np.maximum(_smooth_energy(mix, starts), 1e-9))
        gains = np.minimum(gains, SHARE)
        at = np.concatenate(([-1], starts + FRAME_SAMPLES // 2))
        gain = np.interp(np.arange(len(vocals)), at, np.concatenate(([self._gain], gains)))
        self._gain = float(gain[-1])
        return vocals + gain[:, np.newaxis].astype(np.float32) * mix


def _smooth_energy(samples: Samples, starts: np.ndarray[tuple[int], np.dtype[np.int64]]) -> Samples:
    energies = np.add.reduceat(np.sum(np.square(samples), axis=1), starts)
    padded = np.pad(energies, SMOOTHED_FRAMES // 2, mode="edge")
    smooth = np.convolve(padded, np.full(SMOOTHED_FRAMES, 1 / SMOOTHED_FRAMES), "valid")
    return smooth.astype(np.float32)
