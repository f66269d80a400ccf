"""A second implementation of the separation: the whole song at once, in float64, with numpy."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
FRAME, HOP, SEGMENT = 4096, 1024, 512


def stft(mix: Array) -> NDArray[np.complex128]:
    """Frames of a song with one frame of zeros in front: shape (frames, 2049, 2)."""
    frames = -(-(FRAME + len(mix)) // HOP)
    padded = np.zeros((frames * HOP + FRAME, 2))
    padded[FRAME : FRAME + len(mix)] = mix
    window = np.sin(np.pi * np.arange(FRAME) / FRAME)[:, None] ** 2
    return np.stack(
        [np.fft.rfft(padded[i * HOP : i * HOP + FRAME] * window, axis=0) for i in range(frames)]
    )


def istft(spectrum: NDArray[np.complex128], samples: int) -> Array:
    """The samples behind frames, without the frame of zeros."""
    window = np.sin(np.pi * np.arange(FRAME) / FRAME)[:, None] ** 2
    total = np.zeros((len(spectrum) * HOP + FRAME, 2))
    for i, frame in enumerate(spectrum):
        total[i * HOP : i * HOP + FRAME] += np.fft.irfft(frame, FRAME, axis=0) * window * 2 / 3
    return total[FRAME : FRAME + samples]


def separate(
    mix: Array, bins: int, estimate: Callable[[NDArray[np.float32]], dict[str, NDArray[np.float32]]]
) -> dict[str, Array]:
    """Stems of a whole song, with a function that estimates magnitudes of (n, 512, bins, 2)."""
    spectrum = stft(mix)
    segments = -(-len(spectrum) // SEGMENT)
    padded = np.zeros((segments * SEGMENT, *spectrum.shape[1:]), complex)
    padded[: len(spectrum)] = spectrum
    magnitude = np.abs(padded[:, :bins]).reshape(segments, SEGMENT, bins, 2).astype(np.float32)
    estimates = {name: value.astype(float) for name, value in estimate(magnitude).items()}
    total = sum(value**2 for value in estimates.values()) + 1e-10
    stems = {}
    for name, value in estimates.items():
        mask = np.zeros(padded.shape)
        mask[:, :bins] = ((value**2 + 1e-10 / len(estimates)) / total).reshape(-1, bins, 2)
        stems[name] = istft((mask * padded)[: len(spectrum)], len(mix))
    return stems
