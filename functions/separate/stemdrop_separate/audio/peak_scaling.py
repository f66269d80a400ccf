"""``clip=scale``: one factor for all stems of a song, so that none of them clips and they add up.

Which factor that is, is known at the song's end. So the samples go into the encoders as they are,
and a copy of them onto the disk. Only if a stem clips, all of them are encoded once more, from
the copy; the network never runs twice.
"""

import errno
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

import numpy as np

from stemdrop.errors import NoRoomError
from stemdrop.options import Clip, Options
from stemdrop_separate.audio.encode import EncodedStem
from stemdrop_separate.audio.ffmpeg import BYTES_PER_SAMPLE
from stemdrop_separate.audio.stem_writer import Block, StemWriter
from stemdrop_separate.separation.stft import Samples

# The largest sample that 16 bits have above zero as well as below it.
FULL_SCALE_DBFS = 20 * float(np.log10(1 - 2**-15))
BLOCK_BYTES = BYTES_PER_SAMPLE << 16


def may_scale(options: Options) -> bool:
    """Return whether samples beyond full scale would matter; 32-bit floats hold them."""
    return options.clip is Clip.SCALE and options.bit_depth != "32f"


def write_scaled(
    writer: StemWriter,
    blocks: Iterable[Block],
    report: Callable[[Iterable[Block]], Iterable[Block]],
) -> tuple[dict[str, EncodedStem], float]:
    """Write stems, and if one of them clips, write all of them again at a lower level.

    Parameters
    ----------
    writer : Writer of the files. Their folder needs space for a copy of all samples.
    blocks : Every stem's next samples, float32, shape (samples, 2).
    report : Function that yields the blocks that are written again, and reports the progress. It
        may raise an error to stop.

    Returns
    -------
    Stem to file, and the gain in dB: 0 if nothing clips, or less.

    Raises
    ------
    NoRoomError : The disk is full.
    """
    with _SampleCopy(writer.folder) as copy:
        stems = writer.write(copy.record(blocks))
        gain_db = _gain_db(stems)
        if gain_db:
            stems = writer.write(report(copy.scaled(gain_db)))
    return stems, gain_db


def _gain_db(stems: Mapping[str, EncodedStem]) -> float:
    peaks = [stem.peak_dbfs for stem in stems.values() if stem.clipped_samples and stem.peak_dbfs]
    return FULL_SCALE_DBFS - max(peaks) if peaks else 0.0


class _SampleCopy(ExitStack):
    """All samples of all stems, in files without names: not even a killed process leaves them."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder
        self._files: dict[str, IO[bytes]] = {}

    def record(self, blocks: Iterable[Block]) -> Iterator[Block]:
        """Yield blocks, and copy them to the disk."""
        for block in blocks:
            for stem, samples in block.items():
                if stem not in self._files:
                    file = TemporaryFile(dir=self._folder, buffering=0)  # noqa: SIM115
                    self._files[stem] = self.enter_context(file)
                _write(self._files[stem], samples)
            yield block

    def scaled(self, gain_db: float) -> Iterator[Block]:
        """Yield all samples from the start, multiplied by the same factor."""
        gain = np.float32(10 ** (gain_db / 20))
        for file in self._files.values():
            file.seek(0)
        while any((blocks := self._next()).values()):
            yield {
                stem: np.frombuffer(block, np.float32).reshape(-1, 2) * gain
                for stem, block in blocks.items()
            }

    def _next(self) -> dict[str, bytes]:
        return {stem: file.read(BLOCK_BYTES) for stem, file in self._files.items()}


def _write(file: IO[bytes], samples: Samples) -> None:
    """Write everything; a disk that fills up takes a part first, and fails then."""
    data = np.ascontiguousarray(samples).data.cast("B")
    try:
        while data:
            data = data[file.write(data) :]
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        raise NoRoomError(
            "The stems, and the copy that they are scaled from, don't fit on the disk: separate a "
            "part of the song, or leave clip=scale out."
        ) from error
