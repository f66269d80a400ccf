"""Splits a stream into stems, segment by segment, in constant memory."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np

from stemdrop_separate.balance import Balance, Energies, spectral_energies
from stemdrop_separate.network import Magnitude, Network
from stemdrop_separate.stft import (
    FRAME,
    SEGMENT_FRAMES,
    SEGMENT_SAMPLES,
    OverlapAdd,
    Samples,
    Spectrum,
    cut,
    inverse,
    transform,
)

# Source: ``EstimatorSpecBuilder.EPSILON`` and "separation_exponent": 2 in Spleeter 2.4.2.
EPSILON = np.float32(1e-10)


@dataclass(frozen=True, slots=True)
class Separated:
    """A stretch of the mix with its stems, each float32 of shape (samples, 2)."""

    mix: Samples
    stems: dict[str, Samples]


@dataclass(frozen=True, slots=True)
class _Segment:
    """A segment on its own: its samples, shape (2, samples), and the spectra of its stems."""

    mix: Samples
    spectra: dict[str, Spectrum]
    energies: Energies


def separate(
    mix: Iterable[Samples], network: Network, stems: Iterable[str] | None = None
) -> Iterator[Separated]:
    """Split a stereo mix into stems; the samples are those of Spleeter on the whole song.

    Segments don't depend on each other, so several are worked on at the same time: as many as the
    network's backend takes, and one more that waits.

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
    wanted = tuple(stems or network.instruments)
    overlaps = {stem: OverlapAdd() for stem in wanted}
    balance = Balance(network.instruments, complete=set(wanted) == set(network.instruments))
    leading = FRAME
    for segment in _ahead(partial(_work, network, wanted), cut(mix), network.backend.parallel):
        span = slice(leading, min(segment.mix.shape[1], SEGMENT_SAMPLES))
        separated = Separated(
            mix=_interleaved(segment.mix, span),
            stems={
                stem: _interleaved(overlaps[stem].add(inverse(spectrum)), span)
                for stem, spectrum in segment.spectra.items()
            },
        )
        leading = 0
        balance.add(segment.energies, separated.stems)
        if len(separated.mix):
            yield separated
    balance.verify()


def _ahead(
    work: Callable[[Samples], _Segment], stretches: Iterable[Samples], parallel: int
) -> Iterator[_Segment]:
    """Yield the results of work in order, while the next ones are worked on."""
    pending: deque[Future[_Segment]] = deque()
    with ThreadPoolExecutor(parallel, thread_name_prefix="segment") as pool:
        for stretch in stretches:
            pending.append(pool.submit(work, stretch.copy()))
            if len(pending) > parallel:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()


def _work(network: Network, wanted: tuple[str, ...], stretch: Samples) -> _Segment:
    spectrum = transform(stretch)[:, :, : network.bins]
    frames = spectrum.shape[1]
    magnitude = np.zeros((1, SEGMENT_FRAMES, network.bins, 2), np.float32)
    magnitude[0, :frames] = np.abs(spectrum).transpose(1, 2, 0)
    masks = _masks(network.backend.estimate(magnitude), frames)
    return _Segment(
        mix=stretch,
        spectra={stem: masks[stem] * spectrum for stem in wanted},
        energies=spectral_energies(magnitude[0, :frames].transpose(2, 0, 1), masks),
    )


def _masks(estimates: dict[str, Magnitude], frames: int) -> dict[str, Samples]:
    """Return each instrument's ratio mask, float32, shape (2, frames, bins); they add up to 1."""
    powers = {
        instrument: np.square(np.ascontiguousarray(estimate[0, :frames].transpose(2, 0, 1)))
        for instrument, estimate in estimates.items()
    }
    total = np.add.reduce(list(powers.values()))
    total += EPSILON
    for power in powers.values():
        power += EPSILON / np.float32(len(powers))
        power /= total
    return powers


def _interleaved(channels: Samples, span: slice) -> Samples:
    return np.ascontiguousarray(channels[:, span].T)
