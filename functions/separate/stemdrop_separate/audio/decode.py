"""Decode any song to the samples that the networks expect, as a stream."""

import math
import re
import subprocess
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import IO, Self, cast

import numpy as np
from numpy.typing import NDArray

from stemdrop.errors import (
    EmptyAudioError,
    NotAudioError,
    NotFiniteError,
    TimedOutError,
    TooLongError,
    TransientError,
)
from stemdrop_separate.audio.downmix import to_stereo
from stemdrop_separate.audio.ffmpeg import BYTES_PER_SAMPLE, Ffmpeg, untrusted_input
from stemdrop_separate.audio.probe import Source
from stemdrop_separate.separation.stft import SAMPLE_RATE_HZ

BLOCK_SAMPLES = SAMPLE_RATE_HZ
# Far beyond any recording, far below where the square of a spectrum overflows.
LARGEST_SAMPLE = 1e12
# How much less than announced is nothing to speak of: durations are rounded, and encoders pad.
_SHORTER_BY_S, _SHORTER_BY = 0.5, 0.005
_TRANSIENT = re.compile(r"Cannot allocate memory|Resource temporarily unavailable")

Block = NDArray[np.float32]


class Decoder:
    """A song as a stream of samples: float32, shape (samples, 2), at 44 100 Hz, up to 1 s a block.

    The samples are those of ``ffmpeg -i song -ss offset -t duration -ar 44100 -f f32le``, which is
    what Spleeter runs. Mono goes into both channels as it is, and stereo is left alone. More
    channels are mixed down as `downmix.to_stereo` says; Spleeter takes the first two. The same
    holds for every part of a song whose rate or channels change in the middle.

    Use it as a context manager, and iterate over it once: leaving the context ends ffmpeg, wherever
    in the song it is. `close` does the same from another thread.

    Parameters
    ----------
    path, source : the song, and what `probe` said of it.
    ffmpeg : the program.
    offset_s : seconds to leave out at the start; ffmpeg decodes them all the same.
    duration_s : seconds to decode from there; None for all.
    max_duration_s : the limit on what comes out.

    Attributes
    ----------
    samples : how many have come out so far; left and right count as one.
    warnings : plain sentences on what is wrong with a song that was decoded all the same, such as
        one that is cut short; complete after the last block.

    Raises
    ------
    NotAudioError : ffmpeg can't decode it, or its channels have no known places.
    EmptyAudioError : no sample came out.
    NotFiniteError : some samples are no numbers, or absurd ones.
    TooLongError : the song goes on beyond the limit, or announces that it will.
    TimedOutError : the song was not at its end `within_s` seconds after the context was entered.
    TransientError : ffmpeg was ended from outside, or `close` was called.
    """

    def __init__(
        self,
        path: Path,
        source: Source,
        ffmpeg: Path,
        *,
        offset_s: float = 0.0,
        duration_s: float | None = None,
        max_duration_s: float,
        within_s: float = math.inf,
    ) -> None:
        self.samples = 0
        self.warnings: tuple[str, ...] = ()
        self._source = source
        self._offset_s = offset_s
        self._duration_s = duration_s
        self._max_duration_s = max_duration_s
        self._within_s = within_s
        self._stopped = self._is_late = False
        self._timer: threading.Timer | None = None
        self._program = ffmpeg
        self._arguments = [
            *("-loglevel", "level+error"),
            *untrusted_input(path),
            *("-map", "0:a:0", "-af", to_stereo(source.channels, source.layout)),
            *("-ss", _seconds(offset_s)),
            *(() if duration_s is None else ("-t", _seconds(duration_s))),
            *("-ar", str(SAMPLE_RATE_HZ), "-f", "f32le", "pipe:1"),
        ]

    def __enter__(self) -> Self:
        self._refuse_beyond_limit(self._announced_s() or 0.0)
        self._running = Ffmpeg(self._program, self._arguments, stdout=subprocess.PIPE)
        if math.isfinite(self._within_s):
            # A song may hold up ffmpeg without any sample coming out.
            self._timer = threading.Timer(max(self._within_s, 0.0), self._give_up)
            self._timer.daemon = True
            self._timer.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer.join()
        self._running.close()

    def __iter__(self) -> Iterator[Block]:
        pipe = cast(IO[bytes], self._running.process.stdout)
        while data := pipe.read(BLOCK_SAMPLES * BYTES_PER_SAMPLE):
            whole = len(data) // BYTES_PER_SAMPLE * BYTES_PER_SAMPLE
            block = np.frombuffer(data[:whole], "<f4").reshape(-1, 2)
            self._refuse_absurd(block)
            self.samples += len(block)
            self._refuse_beyond_limit(self.samples / SAMPLE_RATE_HZ)
            yield block
        self._check_end()

    def close(self) -> None:
        """End ffmpeg now; whoever iterates gets a `TransientError`."""
        self._stopped = True
        self._running.kill()

    def _give_up(self) -> None:
        self._is_late = True
        self._running.kill()

    def _announced_s(self) -> float | None:
        """Return how long what comes out should be, if the song says how long it is."""
        if self._source.duration_s is None:
            return None
        rest_s = max(0.0, self._source.duration_s - self._offset_s)
        return rest_s if self._duration_s is None else min(rest_s, self._duration_s)

    def _refuse_beyond_limit(self, duration_s: float) -> None:
        if duration_s > self._max_duration_s:
            limit = timedelta(seconds=round(self._max_duration_s))
            raise TooLongError(
                f"The song lasts longer than {limit}, which is the limit: separate a part of it."
            )

    def _refuse_absurd(self, block: Block) -> None:
        if not len(block) or max(-block.min(), block.max()) <= LARGEST_SAMPLE:
            return
        first = int(np.argmin(np.all(np.abs(block) <= LARGEST_SAMPLE, axis=1)))
        at_s = self._offset_s + (self.samples + first) / SAMPLE_RATE_HZ
        raise NotFiniteError(
            f"The sample at {at_s:.2f} s is not a number, or infinite: export the song again."
        )

    def _check_end(self) -> None:
        code = self._running.wait() or 0
        why = self._running.reason
        if self._is_late:
            raise TimedOutError(
                "The song was not decoded in time: choose a part of it with duration_s, or give"
                " the function more time."
            )
        if self._stopped:
            raise TransientError("Decoding was stopped before the song's end.")
        if code < 0 or (code and _TRANSIENT.search(why)):
            raise TransientError(f"ffmpeg stopped decoding: {why or f'signal {-code}'}.")
        if code or (why and not self.samples):
            raise NotAudioError(f"The song can't be decoded: {why or f'ffmpeg says {code}'}.")
        if not self.samples:
            raise EmptyAudioError(
                f"No sound is left: the song ends before {self._offset_s:g} s."
                if self._offset_s
                else "The file has no sound in it: not one sample."
            )
        self.warnings = tuple(self._complaints(why))

    def _complaints(self, why: str) -> Iterator[str]:
        announced_s = self._announced_s()
        decoded_s = self.samples / SAMPLE_RATE_HZ
        if announced_s and decoded_s < announced_s * (1 - _SHORTER_BY) - _SHORTER_BY_S:
            yield (
                f"The sound ends after {self._offset_s + decoded_s:.1f} s,"
                f" although the file announces {self._source.duration_s:.1f} s."
            )
        if why:
            yield f"Parts of the file can't be read: {why}."


def _seconds(value_s: float) -> str:
    """Format seconds for ffmpeg, rounded to microseconds as Spleeter does.

    Spleeter's own format fails from 24 hours on, for it then begins with the days.
    """
    microseconds = timedelta(seconds=value_s) // timedelta(microseconds=1)
    return f"{microseconds // 10**6}.{microseconds % 10**6:06d}"
