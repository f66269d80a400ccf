"""Description of an audio file before it is decoded, by one call of ffmpeg."""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from stemdrop.errors import (
    EmptyAudioError,
    NoAudioStreamError,
    NoRoomError,
    NotAudioError,
    TimedOutError,
    TransientError,
)
from stemdrop_separate.audio.ffmpeg import NO_ROOM, FfmpegProcess, error_message, untrusted_input
from stemdrop_separate.audio.pipes import PipeReader
from stemdrop_separate.audio.tags import Tags, parse_tags
from stemdrop_separate.audio.wav_header import announced_duration_s

PROBE_WITHIN_S = 60.0
_FIRST_BLOCK = ["-map", "0:a:0", "-frames:a", "1"]
_FIELD = re.compile(r"^#(\w+) 0: (.*)$", re.MULTILINE)
_BLOCK = re.compile(r"^0, *-?\d+, *-?\d+, *(\d+), *(\d+),", re.MULTILINE)
_INPUT = re.compile(r"^\[info\] Input #0, (\S+), from ", re.MULTILINE)
_DURATION = re.compile(r"^\[info\]   Duration: (\d+):(\d\d):(\d\d\.\d\d),", re.MULTILINE)
_ESTIMATED = re.compile(r"^\[[^\]\n]+\] \[warning\] Estimating duration from", re.MULTILINE)
_NO_STREAM = re.compile(r"^\[fatal\] Stream map '.*' matches no streams", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class AudioSource:
    """Description of a file by its header; only decoding shows whether it is true.

    Attributes
    ----------
    duration_s : Duration in the container's header; None if it has none.
    sample_rate_hz, channels : Format of the first decoded block.
    codec, container : Names of ffmpeg, such as ``aac`` and ``mov,mp4,m4a,3gp,3g2,mj2``.
    tags : Title, artist and album.
    layout : Name of the channel layout in ffmpeg, such as ``5.1(side)`` or ``9 channels``.
    """

    duration_s: float | None
    sample_rate_hz: int
    channels: int
    codec: str
    container: str
    tags: Tags
    layout: str = ""


def probe(path: Path, ffmpeg: Path, *, within_s: float = PROBE_WITHIN_S) -> AudioSource:
    """Find out codec, rate, channels, announced duration and tags of a file's first sound stream.

    ffmpeg knows some formats by the file's suffix only, so it should be the upload's own.

    Raises
    ------
    EmptyAudioError : The file has no bytes, or no samples.
    NotAudioError : ffmpeg can't read it, or may not.
    NoAudioStreamError : The file is a medium without sound.
    NoRoomError : The disk is full.
    TimedOutError : ffmpeg was still reading after `within_s`.
    """
    if path.stat().st_size == 0:
        raise EmptyAudioError("The file is empty: it has 0 bytes.")
    answer = _ask(path, ffmpeg, within_s)
    container = _INPUT.search(answer.log)
    block = _BLOCK.search(answer.decoded)
    if container is None or block is None or not answer.stored:
        raise _refusal(path, answer)
    decoded = dict(_FIELD.findall(answer.decoded))
    samples, size_bytes = int(block[1]), int(block[2])
    return AudioSource(
        duration_s=_announced_s(path, answer.log),
        sample_rate_hz=int(decoded["sample_rate"]),
        channels=size_bytes // (samples * 4),
        codec=dict(_FIELD.findall(answer.stored))["codec_id"],
        container=container[1],
        tags=parse_tags(answer.ffmetadata),
        layout=decoded["channel_layout_name"],
    )


@dataclass(frozen=True, slots=True)
class _Answer:
    """What ffmpeg wrote: its log, the stream as stored, its first block decoded, and the tags."""

    code: int
    log: str
    stored: str
    decoded: str
    ffmetadata: str


def _ask(path: Path, ffmpeg: Path, within_s: float) -> _Answer:
    with TemporaryDirectory(prefix="stemdrop-") as folder:
        stored, decoded = Path(folder, "stored"), Path(folder, "decoded")
        arguments = [
            *("-loglevel", "level+info"),
            *untrusted_input(path),
            *(*_FIRST_BLOCK, "-c", "copy", "-f", "framecrc", f"file:{stored}"),
            # 32-bit floats, so that the size of a block tells the number of channels.
            *(*_FIRST_BLOCK, "-c", "pcm_f32le", "-f", "framecrc", f"file:{decoded}"),
            *(*_FIRST_BLOCK, "-c", "copy", "-map_chapters", "-1", "-f", "ffmetadata", "pipe:1"),
        ]
        running, ffmetadata = _start(ffmpeg, arguments)
        with running:
            code = running.wait(within_s)
            if code is None:
                raise TimedOutError(f"The file was not recognized within {within_s:g} s.")
            return _Answer(code, running.log, _text(stored), _text(decoded), ffmetadata.text())


def _start(ffmpeg: Path, arguments: Sequence[str]) -> tuple[FfmpegProcess, PipeReader]:
    """Start ffmpeg with a pipe for the tags, which may be larger than what is kept of them."""
    read_end, write_end = os.pipe()
    reader = PipeReader(os.fdopen(read_end, "rb"))
    try:
        return FfmpegProcess(ffmpeg, arguments, stdout=write_end), reader
    finally:
        os.close(write_end)


def _text(path: Path) -> str:
    """Return what ffmpeg wrote about one block: a few lines, or nothing if it found none."""
    return path.read_bytes().decode("utf-8", "replace") if path.is_file() else ""


def _refusal(path: Path, answer: _Answer) -> Exception:
    why = error_message(answer.log)
    if answer.code < 0:
        return TransientError(f"ffmpeg was ended by signal {-answer.code} while it read the file.")
    if NO_ROOM.search(answer.log):
        return NoRoomError("There is no room on the disk for temporary files.")
    if _NO_STREAM.search(answer.log) or _is_only_a_tag(path):
        return NoAudioStreamError("The file has no sound: there are only pictures in it.")
    if answer.code == 0 and not why:
        return EmptyAudioError("The file has no sound in it: not one sample.")
    return NotAudioError(f"The file can't be read as audio: {why or 'ffmpeg failed'}.")


def _announced_s(path: Path, log: str) -> float | None:
    """Return the announced duration; ffmpeg's guess from the bit rate is none."""
    match = _DURATION.search(log)
    if match is None:
        return None
    if _ESTIMATED.search(log):
        return announced_duration_s(path)
    hours, minutes, seconds = match.groups()
    return int(hours) * 3600 + int(minutes) * 60 + float(seconds)


def _is_only_a_tag(path: Path) -> bool:
    """Tell whether an ID3 tag, which may hold a cover, is all that there is in the file."""
    with path.open("rb") as file:
        head = file.read(10)
    if len(head) < 10 or head[:3] != b"ID3":
        return False
    # The size has 7 bits a byte, and doesn't count the head; an older tag of 128 bytes may follow.
    size_bytes = 0
    for byte in head[6:]:
        size_bytes = size_bytes << 7 | byte & 0x7F
    return path.stat().st_size <= len(head) + size_bytes + 128
