"""Decode any song to the samples that the networks expect, as a stream."""

import math
import subprocess
import threading
from collections.abc import Iterable, Iterator
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import IO, Self, cast

import numpy as np

from stemdrop.errors import EmptyAudioError, NotFiniteError, TooLongError
from stemdrop_separate.audio.decode_result import DecodeResult, check_decoding
from stemdrop_separate.audio.downmix import to_stereo
from stemdrop_separate.audio.ffmpeg import BYTES_PER_SAMPLE, FfmpegProcess, untrusted_input
from stemdrop_separate.audio.probe import AudioSource
from stemdrop_separate.audio.timeline import LAGGING, LOG_FRAMES, Block, FrameLog, with_silence
from stemdrop_separate.deadline import Deadline
from stemdrop_separate.separation.stft import SAMPLE_RATE_HZ

BLOCK_SAMPLES = SAMPLE_RATE_HZ
# Codecs whose blocks have a checksum; without the option, ffmpeg decodes damage to loud noise.
CHECKED_CODECS = {"ape", "flac", "tta", "wavpack"}
STOPPED_EARLY = "Error during demuxing"
# Far beyond any recording, far below where the square of a spectrum overflows.
LARGEST_SAMPLE = 1e12


class Decoder:
    """Stream of a song's samples: float32, shape (samples, 2), at 44,100 Hz, up to 1 s a block.

    The samples are those of ``ffmpeg -i song -ss offset -t duration -ar 44100 -f f32le``, which is
    what Spleeter runs, at their time stamps: where sound begins late or is missing, there is
    silence. Mono goes into both channels unchanged, and stereo is not changed. More
    channels are mixed down as `downmix.to_stereo` says; Spleeter takes the first two. The same
    holds for every part of a song whose rate or channels change in the middle.

    Use it as a context manager, and iterate over it once. Leaving the context ends ffmpeg at any
    point of the song.

    Parameters
    ----------
    path : Path of the song.
    source : Result of `probe`.
    ffmpeg : Path of the program.
    offset_s : Seconds to leave out at the start; ffmpeg decodes them nevertheless.
    duration_s : Seconds to decode from there; None for all.
    max_duration_s : Limit on the seconds that come out.
    deadline : Moment by which the song has to be decoded.

    Attributes
    ----------
    samples : Number of samples so far; left and right count as one.
    warnings : Sentences about sound that is missing; complete after the last block.

    Raises
    ------
    NotAudioError : ffmpeg can't decode the song, or its channels have no known places.
    DamagedError : More than half of the song can't be decoded.
    EmptyAudioError : No sample came out, or the duration is less than one.
    NotFiniteError : Some samples are not numbers, or absurd ones.
    TooLongError : The song exceeds the limit, or its header says so.
    TimedOutError : The song was not decoded by the deadline.
    TransientError : ffmpeg was ended from outside.
    """

    def __init__(
        self,
        path: Path,
        source: AudioSource,
        ffmpeg: Path,
        *,
        offset_s: float = 0.0,
        duration_s: float | None = None,
        max_duration_s: float,
        deadline: Deadline = Deadline(),  # noqa: B008
    ) -> None:
        self.samples = 0
        self.warnings: tuple[str, ...] = ()
        self._source = source
        self._offset_s = offset_s
        self._duration_s = duration_s
        self._announced_s = source.part_duration_s(offset_s, duration_s)
        self._max_duration_s = max_duration_s
        self._deadline = deadline
        self._is_late = self._is_complete = False
        self._timer: threading.Timer | None = None
        self._program = ffmpeg
        self._arguments = [
            *("-loglevel", "level+error"),
            *(("-err_detect:a", "crccheck+explode") if source.codec in CHECKED_CODECS else ()),
            *untrusted_input(path, source.reading_arguments),
            *("-map", f"0:a:{source.track.number - 1}"),
            *("-af", f"{LOG_FRAMES},{to_stereo(source.channels, source.layout)}"),
            *("-ar", str(SAMPLE_RATE_HZ), "-f", "f32le", "pipe:1"),
        ]

    def __enter__(self) -> Self:
        self._refuse_beyond_limit(self._announced_s or 0.0)
        self._running = FfmpegProcess(
            self._program, self._arguments, stdout=subprocess.PIPE, read_log=self._open_log
        )
        if math.isfinite(self._deadline.at_s):
            # ffmpeg may be busy with a song for any time without a sample coming out.
            self._timer = threading.Timer(max(self._deadline.remaining_s, 0.0), self._give_up)
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
        song = with_silence(self._decoded(), self._log, self._source.start_s)
        for block in self._part(song):
            self._refuse_absurd(block)
            self.samples += len(block)
            self._refuse_beyond_limit(self.samples / SAMPLE_RATE_HZ)
            yield block
        self.warnings = check_decoding(self._result())

    def _decoded(self) -> Iterator[Block]:
        pipe = cast(IO[bytes], self._running.process.stdout)
        decoded = 0
        while data := pipe.read(BLOCK_SAMPLES * BYTES_PER_SAMPLE):
            whole = len(data) // BYTES_PER_SAMPLE * BYTES_PER_SAMPLE
            block = np.frombuffer(data[:whole], "<f4").reshape(-1, 2)
            yield self._silence_damage(block, decoded)
            decoded += len(block)

    def _silence_damage(self, block: Block, decoded: int) -> Block:
        spans = [
            (max(start - decoded, 0), min(end - decoded, len(block)))
            for start, end in self._source.silenced
        ]
        spans = [(start, end) for start, end in spans if start < end]
        if spans:
            block = block.copy()
            for start, end in spans:
                block[start:end] = 0
        return block

    def _part(self, song: Iterable[Block]) -> Iterator[Block]:
        """Yield the samples from the offset on; all of them, or as many as the duration says."""
        skip = _samples(self._offset_s)
        rest = math.inf if self._duration_s is None else _samples(self._duration_s)
        if not rest:
            raise EmptyAudioError(
                f"No sound is left: {self._duration_s:g} s are less than one sample, so separate"
                " more of the song."
            )
        for whole in song:
            block = whole[skip : int(min(skip + rest, len(whole)))]
            skip -= min(skip, len(whole))
            rest -= len(block)
            if len(block):
                yield block
            if not rest:
                self._is_complete = True
                self._running.kill()
                return

    def _open_log(self, pipe: IO[bytes]) -> FrameLog:
        self._log = FrameLog(pipe, lags=self._source.container in LAGGING)
        return self._log

    def _give_up(self) -> None:
        self._is_late = True
        self._running.kill()

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

    def _result(self) -> DecodeResult:
        return DecodeResult(
            exit_code=0 if self._is_complete else self._running.wait() or 0,
            message=self._running.reason,
            decoded_s=self.samples / SAMPLE_RATE_HZ,
            offset_s=self._offset_s,
            announced_s=self._announced_s,
            file_duration_s=self._source.duration_s,
            is_sound_alone=self._source.is_sound_alone,
            holes_s=tuple(self._holes_s()),
            stopped_early=not self._is_complete and STOPPED_EARLY in self._running.log,
            is_late=self._is_late,
        )

    def _holes_s(self) -> Iterator[tuple[float, float]]:
        """Yield start and end, in seconds of the song, of each hole in the part that came out."""
        first = _samples(self._offset_s)
        before = _samples(self._source.start_s)
        holes = [(hole.start + before, hole.samples) for hole in self._log.holes()]
        holes += [(start, end - start) for start, end in self._source.silenced]
        for hole_start, samples in sorted(holes):
            start = max(hole_start, first)
            end = min(hole_start + samples, first + self.samples)
            if start < end:
                yield start / SAMPLE_RATE_HZ, end / SAMPLE_RATE_HZ


def _samples(seconds: float) -> int:
    """Return a number of samples, of seconds rounded to microseconds first, as in Spleeter."""
    microseconds = timedelta(seconds=seconds) // timedelta(microseconds=1)
    return (microseconds * SAMPLE_RATE_HZ + 500_000) // 10**6
