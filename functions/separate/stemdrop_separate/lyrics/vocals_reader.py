"""Read the vocals of a song as a stream, however long it is."""

import subprocess
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import IO, cast

import numpy as np
from numpy.typing import NDArray

from stemdrop.errors import LyricsError
from stemdrop_separate.audio.ffmpeg import FfmpegProcess, untrusted_input
from stemdrop_separate.audio.vocals_file import SPEECH_RATE_HZ
from stemdrop_separate.deadline import Deadline
from stemdrop_separate.lyrics.time_limit import require_time

SpeechSamples = NDArray[np.float32]

BLOCK_SAMPLES = 10 * SPEECH_RATE_HZ
BYTES_PER_VALUE = 4


def read_vocals(
    vocals: Path,
    ffmpeg: Path,
    deadline: Deadline = Deadline(),  # noqa: B008
) -> Generator[SpeechSamples]:
    """Yield samples at 16,000 Hz, float32, shape (samples,), 10 s a block.

    Parameters
    ----------
    vocals : Path of any file that ffmpeg reads; several channels are averaged.

    Raises
    ------
    LyricsError : The file can't be read.
    LyricsTimedOutError : The deadline passed.
    """
    arguments = [
        *("-loglevel", "level+error"),
        *untrusted_input(vocals),
        *("-map", "0:a:0", "-ac", "1", "-ar", str(SPEECH_RATE_HZ), "-f", "f32le", "pipe:1"),
    ]
    with FfmpegProcess(ffmpeg, arguments, stdout=subprocess.PIPE) as decoder:
        pipe = cast(IO[bytes], decoder.process.stdout)
        while data := pipe.read(BLOCK_SAMPLES * BYTES_PER_VALUE):
            require_time(deadline)
            yield np.frombuffer(data[: len(data) // BYTES_PER_VALUE * BYTES_PER_VALUE], "<f4")
        if decoder.wait():
            raise LyricsError(f"The vocals can't be read: {decoder.reason}.")


class VocalsParts:
    """Reads parts of the vocals in the order of their times, with no more than they in memory.

    Parameters
    ----------
    blocks : All samples, as `read_vocals` yields them.
    """

    def __init__(self, blocks: Iterator[SpeechSamples]) -> None:
        self._blocks = blocks
        self._start = 0
        self._block = np.zeros(0, np.float32)

    def read(self, part: slice) -> SpeechSamples:
        """Return the samples of a part, which may not begin before the end of the previous one."""
        found = []
        while True:
            found.append(self._block[max(part.start - self._start, 0) : part.stop - self._start])
            end = self._start + len(self._block)
            following = next(self._blocks, None) if end < part.stop else None
            if following is None:
                return np.concatenate(found)
            self._start, self._block = end, following
