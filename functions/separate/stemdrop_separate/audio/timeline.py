"""The song's own time line: samples at their time stamps, and silence where sound is missing.

Raw samples have no time stamps. So a filter of ffmpeg logs those of each block before its samples
come out of the pipe, and a hole between two blocks becomes silence.
"""

import re
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice, takewhile
from typing import IO

import numpy as np
from numpy.typing import NDArray

from stemdrop.errors import DamagedError
from stemdrop_separate.audio.pipes import LOG_LIMIT_BYTES, PipeReader
from stemdrop_separate.separation.stft import SAMPLE_RATE_HZ

# Filter that logs the time stamp of each block on a line of its own, and changes nothing; 16 is the
# level of errors. Length and rate follow a mark, where they change. ``ashowinfo`` would write parts
# of lines, with those of other threads in between.
_MARK = -(10**15)
LOG_FRAMES = (
    "asetpts='if(eq(NB_SAMPLES,ld(0))*eq(SR,ld(1)),0,"
    f"(print({_MARK},16);print(st(0,NB_SAMPLES),16);print(st(1,SR),16)));print(PTS,16);PTS'"
)
# Shorter holes are jitter of the clock that wrote the time stamps; the shortest block of a common
# codec that can be missing, one of DTS, lasts 11.6 ms.
SHORTEST_HOLE_S = 0.01
# Many containers count in milliseconds, and both ends of a hole are rounded.
ROUNDING_S = 0.0011
# Containers whose blocks ffmpeg counts in whole 90,000ths of a second, so that its clock lags more
# and more. It is set when it lags by this, which leaves holes within the rounding above.
LAGGING = {"dts", "mlp", "truehd"}
LAG_S = 0.00105
# A time stamp so far back begins a new count, as in files that were put together.
RESTART_S = 0.5
MOST_SILENT_SAMPLES = 3600 * SAMPLE_RATE_HZ
SILENT_BLOCK_SAMPLES = SAMPLE_RATE_HZ

_NUMBER = re.compile(rb"^\[Eval @ (?:0x)?[0-9a-fA-F]+\] \[error\] (?:(-?\d+)\.0+|-?nan)$")

Block = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Hole:
    """Part of a song in which nothing can be decoded.

    Attributes
    ----------
    decoded : Number of samples that were decoded before it.
    start : Number of samples before it, with silence in all earlier holes.
    samples : Length in samples at 44,100 Hz.
    """

    decoded: int
    start: int
    samples: int


class Timeline:
    """Counts decoded blocks, and compares the count with their time stamps.

    Parameters
    ----------
    lags : Whether the container is one of `LAGGING`.

    Attributes
    ----------
    decoded : Number of samples of all blocks, at 44,100 Hz.
    holes : Holes between them, in order.
    """

    def __init__(self, *, lags: bool = False) -> None:
        self._lags = lags
        self.decoded = 0.0
        self.holes: list[Hole] = []
        self._silent = 0
        self._first_s: float | None = None

    def add(self, time_stamp: int | None, samples: int, sample_rate_hz: int) -> None:
        """Place the next block.

        Samples are never dropped: a block that comes too early follows the one before it.

        Parameters
        ----------
        time_stamp : Samples from the start of the song, at the block's rate; None if unknown.
        samples : Length of the block.
        sample_rate_hz : Rate of the block.
        """
        if time_stamp is not None:
            placed_s = (self.decoded + self._silent) / SAMPLE_RATE_HZ
            time_s = time_stamp / sample_rate_hz
            if self._first_s is None or time_s - self._first_s < placed_s - RESTART_S:
                self._first_s = time_s - placed_s
            missing_s = time_s - self._first_s - placed_s
            if missing_s > SHORTEST_HOLE_S:
                self._add_hole(_whole_blocks_s(missing_s, samples / sample_rate_hz))
            elif self._lags and missing_s < -LAG_S:
                self._first_s += missing_s
        self.decoded += samples * SAMPLE_RATE_HZ / sample_rate_hz

    def _add_hole(self, missing_s: float) -> None:
        decoded = round(self.decoded)
        samples = round(missing_s * SAMPLE_RATE_HZ)
        self.holes.append(Hole(decoded, decoded + self._silent, samples))
        self._silent += samples


def _whole_blocks_s(missing_s: float, block_s: float) -> float:
    """Return the length of a hole: that of the blocks that fit into it, if any number does."""
    blocks_s = round(missing_s / block_s) * block_s
    return blocks_s if abs(missing_s - blocks_s) <= ROUNDING_S else missing_s


class FrameLog(PipeReader):
    """Reads ffmpeg's log: the lines of `LOG_FRAMES` into a time line; it keeps all others."""

    def __init__(self, pipe: IO[bytes], *, lags: bool = False) -> None:
        self._timeline = Timeline(lags=lags)
        self._grown = threading.Condition()
        self._has_ended = False
        self._samples = self._sample_rate_hz = 0
        self._changed: list[int] | None = None
        super().__init__(pipe)

    def holes(self) -> list[Hole]:
        """Return all holes so far."""
        with self._grown:
            return list(self._timeline.holes)

    def holes_before(self, decoded: int, skip: int = 0) -> list[Hole]:
        """Return holes before a decoded sample, without the first ones.

        Waits until the log has come that far.
        """
        with self._grown:
            self._grown.wait_for(lambda: self._has_ended or self._timeline.decoded >= decoded)
            later = islice(self._timeline.holes, skip, None)
            return list(takewhile(lambda hole: hole.decoded < decoded, later))

    def _read(self) -> None:
        try:
            with self._pipe:
                while line := self._pipe.readline(LOG_LIMIT_BYTES):
                    if number := _NUMBER.match(line):
                        self._take(None if number[1] is None else int(number[1]))
                    else:
                        self._keep(line)
        finally:
            with self._grown:
                self._has_ended = True
                self._grown.notify()

    def _take(self, number: int | None) -> None:
        if number == _MARK:
            self._changed = []
        elif self._changed is not None:
            self._changed.append(number or 0)
            if len(self._changed) == 2:
                self._samples, self._sample_rate_hz = self._changed
                self._changed = None
        elif self._samples and self._sample_rate_hz:
            with self._grown:
                self._timeline.add(number, self._samples, self._sample_rate_hz)
                self._grown.notify()


def with_silence(blocks: Iterable[Block], log: FrameLog, start_s: float) -> Iterator[Block]:
    """Yield all blocks in their place, with silence before the first one and in all holes.

    Parameters
    ----------
    blocks : Decoded samples at 44,100 Hz.
    log : Log of the ffmpeg that decodes them.
    start_s : Seconds of silence before the first one.

    Raises
    ------
    DamagedError : There is an hour of silence, and less than that of sound.
    """
    decoded = done = silent = 0
    for block in blocks:
        if not decoded:
            yield from _silence(round(start_s * SAMPLE_RATE_HZ))
        rest = block
        for hole in log.holes_before(decoded + len(block), done):
            before = max(hole.decoded - decoded, 0)
            yield rest[:before]
            silent += hole.samples
            if silent > max(MOST_SILENT_SAMPLES, decoded):
                raise DamagedError(
                    "The time stamps in the file leave more than an hour without sound: export the"
                    " song again."
                )
            yield from _silence(hole.samples)
            rest = rest[before:]
            decoded += before
            done += 1
        yield rest
        decoded += len(rest)


def _silence(samples: int) -> Iterator[Block]:
    for start in range(0, samples, SILENT_BLOCK_SAMPLES):
        yield np.zeros((min(SILENT_BLOCK_SAMPLES, samples - start), 2), np.float32)
