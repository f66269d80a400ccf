"""Splits a stream into stems, segment by segment, in constant memory."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from stemdrop_separate.balance import Balance
from stemdrop_separate.network import Magnitude, Network
from stemdrop_separate.stft import (
    FRAME,
    SEGMENT_FRAMES,
    SEGMENT_SAMPLES,
    Samples,
    Spectrum,
    Synthesis,
    cut,
    transform,
)

# Source: ``EstimatorSpecBuilder.EPSILON`` and "separation_exponent": 2 in Spleeter 2.4.2.
EPSILON = np.float32(1e-10)


@dataclass(frozen=True, slots=True)
class Separated:
    """A stretch of the mix with its stems, each float32 of shape (samples, 2)."""

    mix: Samples
    stems: dict[str, Samples]


def separate(
    mix: Iterable[Samples], network: Network, stems: Iterable[str] | None = None
) -> Iterator[Separated]:
    """Split a stereo mix into stems; the samples are those of Spleeter on the whole song.

    Parameters
    ----------
    mix : blocks of float32, shape (samples, 2), nominally in [-1, 1], at 44 100 Hz.
    network : estimates the magnitudes.
    stems : the instruments to return; all of the network's by default.

    Yields
    ------
    One stretch per segment. Stretches put end to end have the mix's length.

    Raises
    ------
    SeparationError : the stems and the mix don't agree in energy as masks demand.
    """
    synthesis = {stem: Synthesis() for stem in stems or network.instruments}
    balance = Balance(network.instruments, complete=set(synthesis) == set(network.instruments))
    leading = FRAME
    for stretch in cut(mix):
        span = slice(leading, min(stretch.shape[1], SEGMENT_SAMPLES))
        spectrum = transform(stretch)[:, :, : network.bins]
        masks = _masks(spectrum, network, balance)
        separated = Separated(
            mix=_interleaved(stretch, span),
            stems={
                stem: _interleaved(synthesis[stem].add(masks[stem] * spectrum), span)
                for stem in synthesis
            },
        )
        leading = 0
        balance.add_stems(separated.stems)
        if len(separated.mix):
            yield separated
    balance.verify()


def _interleaved(channels: Samples, span: slice) -> Samples:
    return np.ascontiguousarray(channels[:, span].T)


def _masks(spectrum: Spectrum, network: Network, balance: Balance) -> dict[str, Samples]:
    """Return each instrument's ratio mask, float32 of the spectrum's shape; they add up to 1."""
    frames = spectrum.shape[1]
    magnitude = np.zeros((1, SEGMENT_FRAMES, network.bins, 2), np.float32)
    magnitude[0, :frames] = np.abs(spectrum).transpose(1, 2, 0)
    estimates = network.backend.estimate(magnitude)
    powers = {
        instrument: np.square(_channels_first(estimate, frames))
        for instrument, estimate in estimates.items()
    }
    total = np.add.reduce(list(powers.values()))
    total += EPSILON
    for power in powers.values():
        power += EPSILON / np.float32(len(powers))
        power /= total
    balance.add_masks(magnitude[0, :frames].transpose(2, 0, 1), powers)
    return powers


def _channels_first(estimate: Magnitude, frames: int) -> Samples:
    return np.ascontiguousarray(estimate[0, :frames].transpose(2, 0, 1))
