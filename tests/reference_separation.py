"""A second implementation of the separation: the whole song at once, in float64, with numpy."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Estimate = Callable[[NDArray[np.float32]], dict[str, NDArray[np.float32]]]
FRAME, HOP, SEGMENT = 4096, 1024, 512
WINDOW = np.sin(np.pi * np.arange(FRAME) / FRAME) ** 2


def stft(mix: Array) -> NDArray[np.complex128]:
    """Return the frames of a song after one frame of zeros: shape (frames, 2049, 2)."""
    frames = -(-(FRAME + len(mix)) // HOP)
    padded = np.zeros((frames * HOP + FRAME, 2))
    padded[FRAME : FRAME + len(mix)] = mix
    cut = np.stack([padded[i * HOP : i * HOP + FRAME].T for i in range(frames)])
    return np.fft.rfft(cut * WINDOW).transpose(0, 2, 1)


def istft(spectrum: NDArray[np.complex128], samples: int) -> Array:
    """Return the samples of frames, without the frame of zeros."""
    total = np.zeros((len(spectrum) * HOP + FRAME, 2))
    frames = np.fft.irfft(spectrum.transpose(0, 2, 1), FRAME) * WINDOW * 2 / 3
    for i, frame in enumerate(frames):
        total[i * HOP : i * HOP + FRAME] += frame.T
    return total[FRAME : FRAME + samples]


def separate(mix: Array, bins: int, estimate: Estimate) -> dict[str, Array]:
    """Separate a whole song with a function that estimates magnitudes, shape (n, 2, 512, bins)."""
    spectrum = stft(mix)
    segments = -(-len(spectrum) // SEGMENT)
    padded = np.zeros((segments * SEGMENT, *spectrum.shape[1:]), complex)
    padded[: len(spectrum)] = spectrum
    magnitude = np.abs(padded[:, :bins]).reshape(segments, SEGMENT, bins, 2).astype(np.float32)
    estimates = {
        name: value.transpose(0, 2, 3, 1).astype(float)
        for name, value in estimate(magnitude.transpose(0, 3, 1, 2)).items()
    }
    total = sum(value**2 for value in estimates.values()) + 1e-10
    stems = {}
    for name, value in estimates.items():
        mask = np.zeros(padded.shape)
        mask[:, :bins] = ((value**2 + 1e-10 / len(estimates)) / total).reshape(-1, bins, 2)
        stems[name] = istft((mask * padded)[: len(spectrum)], len(mix))
    return stems


def separate_high(mix: Array, estimate: Estimate) -> dict[str, Array]:
    """Separate a whole song as with `quality=high`."""
    spectrum = stft(mix)
    magnitude = np.abs(spectrum)
    first = _estimates(magnitude[:, :1536], estimate)
    second = _estimates(magnitude[256:, :512, ::-1], estimate) if len(magnitude) > 256 else {}
    weights = np.array([_second_estimate_weight(frame) for frame in range(len(spectrum))])
    blended = {}
    for name, value in first.items():
        blended[name] = value.copy()
        if second:
            low = value[256:, :512]
            weight = weights[256:, None, None]
            blended[name][256:, :512] = (1 - weight) * low + weight * second[name][:, :, ::-1]
    total = sum(blended.values()) + 1e-10
    stems = {}
    for name, value in blended.items():
        mask = (value + 1e-10 / len(blended)) / total
        above = np.repeat(mask[:, -128:].mean(axis=1, keepdims=True), 2049 - 1536, axis=1)
        stems[name] = istft(np.concatenate([mask, above], axis=1) * spectrum, len(mix))
    return stems


def _estimates(magnitude: Array, estimate: Estimate) -> dict[str, Array]:
    """Split magnitudes into segments, and concatenate the estimates."""
    frames, bins, channels = magnitude.shape
    padded = np.zeros((-(-frames // SEGMENT) * SEGMENT, bins, channels), np.float32)
    padded[:frames] = magnitude
    whole = estimate(padded.reshape(-1, SEGMENT, bins, channels).transpose(0, 3, 1, 2))
    return {
        name: value.transpose(0, 2, 3, 1).astype(float).reshape(-1, bins, channels)[:frames]
        for name, value in whole.items()
    }


def _second_estimate_weight(frame: int) -> float:
    """Return the second estimate's weight: 0.5, except within 16 frames of a segment's border."""
    if frame < 256:
        return 0.0
    first, second = (
        min(1.0, (min(place, SEGMENT - 1 - place) + 0.5) / 16)
        for place in (frame % SEGMENT, (frame - 256) % SEGMENT)
    )
    return 1 - first / 2 if first < 1 else second / 2
