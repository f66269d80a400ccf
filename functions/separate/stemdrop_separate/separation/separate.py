"""Splits a stream into stems, segment by segment, in constant memory."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import cycle, repeat
from typing import TypeVar

import numpy as np

from stemdrop.options import Quality
from stemdrop_separate.models.network import Network
from stemdrop_separate.separation.energy_check import Balance
from stemdrop_separate.separation.high_quality import HALF_FRAMES, blend, first_look, second_look
from stemdrop_separate.separation.masks import Masked, ratio_masks
from stemdrop_separate.separation.stft import (
    FRAME,
    SEGMENT_FRAMES,
    SEGMENT_SAMPLES,
    OverlapAdd,
    Samples,
    cut,
    inverse,
    transform,
)

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Separated:
    """A stretch of the mix with its stems, each float32 of shape (samples, 2)."""

    mix: Samples
    stems: dict[str, Samples]


def separate(
    mix: Iterable[Samples],
    network: Network,
    stems: Iterable[str] | None = None,
    quality: Quality = Quality.SPLEETER,
) -> Iterator[Separated]:
    """Split a stereo mix into stems; the samples are those of a run on the whole song.

    Segments don't depend on each other, so several are worked on at the same time: as many as the
    network's backend takes, and one more that waits.

    Parameters
    ----------
    mix : blocks of float32, shape (samples, 2), nominally in [-1, 1], at 44 100 Hz.
    network : estimates the magnitudes.
    stems : the instruments to return; all of the network's by default.
    quality : Spleeter's own samples by default.

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
    for masked in _masked(mix, network, wanted, quality):
        span = slice(leading, masked.mix.shape[1])
        separated = Separated(
            mix=_interleaved(masked.mix, span),
            stems={
                stem: _interleaved(overlaps[stem].add(inverse(spectrum)), span)
                for stem, spectrum in masked.spectra.items()
            },
        )
        leading = 0
        balance.add(masked.energies, separated.stems)
        if len(separated.mix):
            yield separated
    balance.verify()


def _masked(
    mix: Iterable[Samples], network: Network, wanted: tuple[str, ...], quality: Quality
) -> Iterator[Masked]:
    parallel = network.backend.parallel
    if quality is Quality.HIGH:
        both = cycle([partial(first_look, network), partial(second_look, network)])
        return blend(_ahead(both, cut(mix, HALF_FRAMES), parallel), wanted)
    return _ahead(repeat(partial(_mask, network, wanted)), cut(mix), parallel)


def _ahead(
    works: Iterable[Callable[[Samples], Result]], stretches: Iterable[Samples], parallel: int
) -> Iterator[Result]:
    """Yield the results of work in order, while the next ones are worked on."""
    pending: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(parallel, thread_name_prefix="segment") as pool:
        for stretch, work in zip(stretches, works, strict=False):
            pending.append(pool.submit(work, stretch.copy()))
            if len(pending) > parallel:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()


def _mask(network: Network, wanted: tuple[str, ...], stretch: Samples) -> Masked:
    """Run the network on a segment, and square what it estimates, as Spleeter does.

    Source: "separation_exponent": 2 in ``EstimatorSpecBuilder`` of Spleeter 2.4.2.
    """
    spectrum = transform(stretch)[:, :, : network.bins]
    frames = spectrum.shape[1]
    magnitude = np.zeros((1, SEGMENT_FRAMES, network.bins, 2), np.float32)
    magnitude[0, :frames] = np.abs(spectrum).transpose(1, 2, 0)
    powers = {
        instrument: np.square(np.ascontiguousarray(estimate[0, :frames].transpose(2, 0, 1)))
        for instrument, estimate in network.backend.estimate(magnitude).items()
    }
    return Masked.by(ratio_masks(powers), spectrum, stretch[:, :SEGMENT_SAMPLES], wanted)


def _interleaved(channels: Samples, span: slice) -> Samples:
    return np.ascontiguousarray(channels[:, span].T)
