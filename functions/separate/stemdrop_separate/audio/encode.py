"""Encode stems beside the network, each in a process of its own."""

import contextlib
import math
import queue
import re
import subprocess
import threading
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Self, cast

import numpy as np
from numpy.typing import NDArray

from stemdrop.errors import EncodeError, NoRoomError, StemdropError
from stemdrop.options import Codec
from stemdrop_separate.audio.codecs import SHORTEST_SAMPLES, codec_arguments
from stemdrop_separate.audio.ffmpeg import BYTES_PER_SAMPLE, Ffmpeg, reason
from stemdrop_separate.audio.tags import Tags, metadata_arguments
from stemdrop_separate.audio.waveform_peaks import Outline
from stemdrop_separate.separation.stft import SAMPLE_RATE_HZ

STALLED_AFTER_S = 60.0
EXPLAINED_WITHIN_S = 5.0
PIECE_BYTES = 1 << 20
# One segment of the network, 11.9 s, so that it can go on with the next one.
WAITING_PIECES = 4
_NO_ROOM = re.compile(r"No space left on device|Disk quota exceeded")


@dataclass(frozen=True, slots=True)
class EncodedStem:
    """A stem on the disk.

    Attributes
    ----------
    path : the file.
    samples : how many were written; left and right count as one.
    size_bytes : of the file.
    peak_dbfs : the largest sample in decibels, 0 being full scale; None for silence.
    clipped_samples : how many, left and right counted apart, lie beyond full scale, where the file
        or its player cuts them off; none in 32-bit floats.
    waveform : its outline; see `Outline.finish`.
    """

    path: Path
    samples: int
    size_bytes: int
    peak_dbfs: float | None
    clipped_samples: int
    waveform: str


class Encoder:
    """Writes one stem into a seekable file, so that its header says how long it is.

    Use it as a context manager: if `finish` was not reached, leaving the context ends ffmpeg and
    removes the file. Blocks are handed over by a thread, so that `write` rarely waits.

    Parameters
    ----------
    path : the file to write, replaced if it exists; its suffix must be the codec's.
    ffmpeg : the program.
    codec, bitrate, bit_depth : as in `stemdrop.options.Options`.
    tags : of the song.
    stem : the stem's name, which goes into the title.

    Raises
    ------
    EncodeError : ffmpeg failed, with its own reason; from any method.
    NoRoomError : the disk is full; from any method.
    """

    def __init__(
        self,
        path: Path,
        ffmpeg: Path,
        codec: Codec,
        bitrate: str | None,
        bit_depth: str | None,
        tags: Tags,
        stem: str,
    ) -> None:
        self._path = path.absolute()
        self._program = ffmpeg
        self._stem = stem
        self._codec = codec
        self._arguments = [
            *("-loglevel", "level+error", "-y", "-protocol_whitelist", "pipe"),
            *("-f", "f32le", "-ar", str(SAMPLE_RATE_HZ), "-ac", "2", "-i", "pipe:0"),
            *codec_arguments(codec, bitrate, bit_depth),
            *metadata_arguments(tags, stem),
            f"file:{self._path}",
        ]
        self._clips = bit_depth != "32f"
        self._samples = 0
        self._peak = 0.0
        self._clipped_samples = 0
        self._outline = Outline()
        self._finished = False

    def __enter__(self) -> Self:
        self._running = Ffmpeg(self._program, self._arguments, stdin=subprocess.PIPE)
        self._feeder = _Feeder(cast(IO[bytes], self._running.process.stdin))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._running.kill()
        self._feeder.put(None)
        self._running.close()
        if not self._finished:
            self._path.unlink(missing_ok=True)

    def write(self, block: NDArray[np.float32]) -> None:
        """Encode the next samples: float32, shape (samples, 2); the block is copied."""
        if not len(block):
            return
        largest = float(max(-block.min(), block.max()))
        if not math.isfinite(largest):
            raise EncodeError(f"The stem {self._stem!r} has samples that are not numbers.")
        if largest > 1 and self._clips:
            self._clipped_samples += int(np.count_nonzero(np.abs(block) > 1))
        self._peak = max(self._peak, largest)
        self._samples += len(block)
        self._outline.add(block)
        data = np.ascontiguousarray(block, "<f4").data.cast("B")
        for start in range(0, len(data), PIECE_BYTES):
            if not self._feeder.put(bytes(data[start : start + PIECE_BYTES])):
                raise self._failure()

    def finish(self) -> EncodedStem:
        """Wait until the file is whole, and describe it."""
        if not self._samples:
            raise EncodeError(f"The stem {self._stem!r} has no samples.")
        filling = SHORTEST_SAMPLES.get(self._codec, 0) - self._samples
        if filling > 0:
            self._feeder.put(bytes(filling * BYTES_PER_SAMPLE))
        if not self._feeder.put(None) or self._running.wait(STALLED_AFTER_S) != 0:
            raise self._failure()
        # ffmpeg 5 ends with 0 if the disk is full just at the end.
        if self._running.reason:
            raise self._failure()
        size_bytes = self._path.stat().st_size if self._path.is_file() else 0
        if not size_bytes:
            raise EncodeError(f"The stem {self._stem!r} came out empty.")
        self._finished = True
        return EncodedStem(
            path=self._path,
            samples=self._samples,
            size_bytes=size_bytes,
            peak_dbfs=20 * math.log10(self._peak) if self._peak else None,
            clipped_samples=self._clipped_samples,
            waveform=self._outline.finish(),
        )

    def _failure(self) -> StemdropError:
        hangs = self._running.wait(EXPLAINED_WITHIN_S) is None
        self._running.kill()
        log = self._running.log
        if _NO_ROOM.search(log):
            return NoRoomError("The stems don't fit on the disk: separate a part of the song.")
        why = "ffmpeg takes no more samples" if hangs else reason(log)
        code = self._running.process.returncode
        return EncodeError(
            f"The stem {self._stem!r} can't be written: {why or f'ffmpeg ended with code {code}'}."
        )


class _Feeder:
    """Writes into a pipe in a thread of its own, with a few pieces waiting."""

    def __init__(self, pipe: IO[bytes]) -> None:
        self._pipe = pipe
        self._pieces: queue.Queue[bytes | None] = queue.Queue(WAITING_PIECES)
        self._broken = False
        self._thread = threading.Thread(target=self._feed, daemon=True)
        self._thread.start()

    def put(self, piece: bytes | None) -> bool:
        """Hand over a piece, or None for the end; tell whether the reader goes on reading."""
        try:
            self._pieces.put(piece, timeout=STALLED_AFTER_S)
        except queue.Full:
            return False
        if piece is None:
            self._thread.join(STALLED_AFTER_S)
        return not (self._broken or (piece is None and self._thread.is_alive()))

    def _feed(self) -> None:
        # Goes on taking pieces after the reader has gone, so that nobody waits for it.
        with contextlib.suppress(BrokenPipeError), self._pipe:
            while (piece := self._pieces.get()) is not None:
                if not self._broken:
                    try:
                        self._pipe.write(piece)
                    except BrokenPipeError:
                        self._broken = True
