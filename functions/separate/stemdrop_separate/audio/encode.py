"""Encoder of a stem, in a process of its own while the network runs."""

import errno
import math
import subprocess
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Self, cast

import numpy as np
from numpy.typing import NDArray

from stemdrop.codecs import LARGEST_LOSSY_SAMPLE, Codec, Cover
from stemdrop.errors import EncodeError, NoRoomError, StemdropError, TooLongError
from stemdrop_separate.audio.cover import DEMUXERS, CoverArt
from stemdrop_separate.audio.encoder_arguments import ID3_ARGUMENTS, codec_arguments
from stemdrop_separate.audio.ffmpeg import (
    BYTES_PER_SAMPLE,
    NO_ROOM,
    FfmpegProcess,
    error_message,
)
from stemdrop_separate.audio.id3 import append_id3_chunk, rename_frames
from stemdrop_separate.audio.pipes import PipeWriter
from stemdrop_separate.audio.tags import Tags, write_tags
from stemdrop_separate.audio.waveform_peaks import WaveformPeaks
from stemdrop_separate.separation.stft import SAMPLE_RATE_HZ

STALL_TIMEOUT_S = 60.0
EXIT_TIMEOUT_S = 5.0
CHUNK_BYTES = 1 << 20
# ffmpeg rounds to 16 bits, but down to 24 bits.
HALF_A_24_BIT_STEP = np.float32(2**-24)


@dataclass(frozen=True, slots=True)
class EncodedStem:
    """A stem on the disk.

    Attributes
    ----------
    path : Path of the file.
    samples : Number of samples; left and right count as one.
    size_bytes : Size of the file.
    peak_dbfs : Largest sample in decibels, 0 being full scale; None for silence.
    clipped_samples : Number of samples beyond full scale, where the file or its player cuts them
        off; left and right count apart. 0 in 32-bit floats, which hold them.
    is_too_loud : Whether samples of a lossy format are beyond LARGEST_LOSSY_SAMPLE.
    waveform, peaks : Outline and bins of its waveform; see `WaveformPeaks.finish`.
    """

    path: Path
    samples: int
    size_bytes: int
    peak_dbfs: float | None
    clipped_samples: int
    waveform: str
    peaks: bytes
    is_too_loud: bool = False


@dataclass(frozen=True, slots=True)
class StemFormat:
    """Format of a stem's file.

    Attributes
    ----------
    codec, bitrate, bit_depth : Options as in `stemdrop.options.Options`.
    sample_rate_hz, channels : Rate, and 1 or 2 channels; 1 is the mean of both.
    """

    codec: Codec
    bitrate: str | None = None
    bit_depth: str | None = None
    sample_rate_hz: int = SAMPLE_RATE_HZ
    channels: int = 2


@dataclass(frozen=True, slots=True)
class StemMetadata:
    """What a stem says about itself: tags and chapters of the song, its own title, the cover."""

    tags: Tags
    title: str
    cover: CoverArt | None = None

    @property
    def is_title_only(self) -> bool:
        """Return whether the song has neither tags nor chapters nor a cover."""
        return not (self.tags.values or self.tags.chapters or self.cover)


class Encoder:
    """Writes one stem into a seekable file, so that its header says how long it is.

    Use it as a context manager: if `finish` was not reached, leaving the context ends ffmpeg and
    removes the file. A thread writes the blocks, so that `write` rarely waits.

    Parameters
    ----------
    path : Path of the file, replaced if it exists; its suffix must be the codec's.
    ffmpeg : Path of the program.
    stem_format : Format of the file.
    metadata : Tags, title and cover.
    stem : Name of the stem, for messages.

    Raises
    ------
    EncodeError : ffmpeg failed, with its own message; from any method.
    NoRoomError : The disk is full; from any method.
    """

    def __init__(
        self,
        path: Path,
        ffmpeg: Path,
        stem_format: StemFormat,
        metadata: StemMetadata,
        stem: str,
    ) -> None:
        self._path = path.absolute()
        self._tags_path = self._path.with_name(f"{self._path.name}.tags")
        self._id3_path = self._path.with_name(f"{self._path.name}.id3")
        self._program = ffmpeg
        self._stem = stem
        self._format = stem_format
        self._codec = stem_format.codec
        self._metadata = metadata
        self._has_id3_chunk = stem_format.codec.spec.has_id3_chunk and not metadata.is_title_only
        self._clips = stem_format.bit_depth != "32f"
        self._samples = 0
        self._peak = 0.0
        self._clipped_samples = 0
        self._peaks = WaveformPeaks()
        self._finished = False

    def __enter__(self) -> Self:
        arguments = [
            *("-loglevel", "level+error", "-y", "-protocol_whitelist", "pipe"),
            *("-f", "f32le", "-ar", str(SAMPLE_RATE_HZ), "-ac", "2", "-i", "pipe:0"),
            *self._metadata_inputs(),
            *self._metadata_maps(self._codec.spec.cover is Cover.PICTURE),
            *self._format_arguments(),
            f"file:{self._path}",
        ]
        if self._has_id3_chunk:
            arguments += [*self._metadata_maps(True), *ID3_ARGUMENTS, f"file:{self._id3_path}"]
        self._running = FfmpegProcess(self._program, arguments, stdin=subprocess.PIPE)
        self._pipe = PipeWriter(cast(IO[bytes], self._running.process.stdin), STALL_TIMEOUT_S)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._running.kill()
        self._pipe.put(None)
        self._running.close()
        self._tags_path.unlink(missing_ok=True)
        self._id3_path.unlink(missing_ok=True)
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
        self._peaks.add(block)
        limit = self._codec.spec.largest_sample
        if largest > limit and not self._codec.bit_depths:
            block = np.clip(block, -limit, limit)
        if self._format.bit_depth == "24":
            block = block + HALF_A_24_BIT_STEP
        data = np.ascontiguousarray(block, "<f4").data.cast("B")
        for start in range(0, len(data), CHUNK_BYTES):
            if not self._pipe.put(bytes(data[start : start + CHUNK_BYTES])):
                raise self._failure()

    def finish(self) -> EncodedStem:
        """Wait until the file is whole, and describe it."""
        if not self._samples:
            raise EncodeError(f"The stem {self._stem!r} has no samples.")
        missing = self._codec.spec.min_samples - self._samples
        if missing > 0:
            self._pipe.put(bytes(missing * BYTES_PER_SAMPLE))
        if not self._pipe.put(None) or self._running.wait(STALL_TIMEOUT_S) != 0:
            raise self._failure()
        # ffmpeg 5 ends with 0 if the disk is full just at the end.
        if self._running.reason:
            raise self._failure()
        if not self._path.is_file() or not self._path.stat().st_size:
            raise EncodeError(f"The stem {self._stem!r} came out empty.")
        self._finish_tags()
        size_bytes = self._path.stat().st_size
        if size_bytes > (self._codec.spec.max_bytes or size_bytes):
            raise TooLongError(
                f"The stems would be larger than {self._codec} can be: choose wav or flac, or a"
                " part of the song."
            )
        self._finished = True
        waveform, peaks = self._peaks.finish()
        return EncodedStem(
            path=self._path,
            samples=self._samples,
            size_bytes=size_bytes,
            peak_dbfs=20 * math.log10(self._peak) if self._peak else None,
            clipped_samples=self._clipped_samples,
            waveform=waveform,
            peaks=peaks,
            is_too_loud=self._peak > LARGEST_LOSSY_SAMPLE and not self._codec.bit_depths,
        )

    def _finish_tags(self) -> None:
        try:
            if self._has_id3_chunk:
                append_id3_chunk(self._path, self._id3_path)
            else:
                rename_frames(self._path)
        except OSError as error:
            raise self._os_error(error) from error

    def _format_arguments(self) -> list[str]:
        wanted, spec = self._format, self._codec.spec
        filters = list(spec.filters)
        if wanted.channels == 1:
            filters.insert(0, "pan=mono|c0=0.5*c0+0.5*c1")
        arguments = codec_arguments(wanted.codec, wanted.bitrate, wanted.bit_depth, wanted.channels)
        if wanted.sample_rate_hz != SAMPLE_RATE_HZ:
            arguments += ["-ar", str(wanted.sample_rate_hz)]
        return [*(("-af", ",".join(filters)) if filters else ()), *arguments]

    def _metadata_inputs(self) -> list[str]:
        """Write the tags into a file, and return the arguments that read it, and the cover."""
        spec, cover = self._codec.spec, self._metadata.cover
        more = {}
        if cover and spec.cover is Cover.COMMENT:
            more["METADATA_BLOCK_PICTURE"] = cover.comment()
        text = write_tags(self._metadata.tags, self._metadata.title, spec.tag_names, more)
        try:
            self._tags_path.write_text(text, "utf-8", newline="\n")
        except OSError as error:
            raise self._os_error(error) from error
        trusted = ("-protocol_whitelist", "file")
        arguments = [*trusted, "-f", "ffmetadata", "-i", f"file:{self._tags_path}"]
        if cover:
            arguments += [*trusted, "-f", DEMUXERS[cover.codec], "-i", f"file:{cover.path}"]
        return arguments

    def _metadata_maps(self, with_cover: bool) -> list[str]:
        chosen = ["-map", "0:a", "-map_metadata", "1", "-map_chapters", "1"]
        if with_cover and self._metadata.cover:
            chosen += ["-map", "2:v", "-c:v", "copy", "-disposition:v", "attached_pic"]
        return chosen

    def _os_error(self, error: OSError) -> StemdropError:
        kind = NoRoomError if error.errno == errno.ENOSPC else EncodeError
        return kind(f"The stem {self._stem!r} can't be written: {error.strerror}.")

    def _failure(self) -> StemdropError:
        hangs = self._running.wait(EXIT_TIMEOUT_S) is None
        self._running.kill()
        log = self._running.log
        if NO_ROOM.search(log):
            return NoRoomError("The stems don't fit on the disk: separate a part of the song.")
        why = "ffmpeg takes no more samples" if hangs else error_message(log)
        code = self._running.process.returncode
        return EncodeError(
            f"The stem {self._stem!r} can't be written: {why or f'ffmpeg ended with code {code}'}."
        )
