"""Elementary streams, such as mp3: what is in front of their frames, and damage in the middle.

They have no time stamps. Where frames are missing, a decoder continues with the next one that it
finds, and everything moves early; and if the first frame, which says how much the encoder delayed
the sound, isn't the first thing in the file, ffmpeg doesn't take that delay off. A repaired copy
has neither problem: it begins with the first frame, and frames without sound replace missing ones,
so that the decoder counts them.
"""

import math
import mmap
import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise
from pathlib import Path
from typing import NamedTuple, cast

from stemdrop_separate.audio.frame_headers import Data, Frame, Kind, find_frame, possible_frames
from stemdrop_separate.audio.id3 import synchsafe
from stemdrop_separate.audio.probe import AudioSource
from stemdrop_separate.disk_space import require_disk_space
from stemdrop_separate.separation.stft import SAMPLE_RATE_HZ

# ffmpeg's names of such streams to codecs; a RIFF header may stand in front of mp3.
CODECS = {
    "mp3": {"mp3", "mp2"},
    "aac": {"aac"},
    "loas": {"aac_latm"},
    "ac3": {"ac3"},
    "eac3": {"eac3"},
    "dts": {"dts"},
    "mlp": {"mlp"},
    "truehd": {"truehd"},
    "wav": {"mp3"},
}
_ID3_BYTES = 10
# Frames that have to follow one another before they are believed.
_CHAIN_FRAMES = 3
# More than a day of sound, which is more than anybody separates.
_MOST_FRAMES = 4_000_000
# Contents of a frame in place of a missing one. Decoders of mp3 and AAC refuse it; others make
# sound of it. Those of DTS and TrueHD don't count what they refuse, so another frame of the song
# stands in.
_FILL = b"\xff"
_REFUSED = {"mp3", "aac", "aac_latm"}
_UNCOUNTED = {"dts", "mlp"}
# Nothing here shows that a frame ends in damage.
_UNCHECKED = {"dts"}


class Gap(NamedTuple):
    """Bytes between two frames.

    Attributes
    ----------
    start, end : Where they are in the file.
    frames : Number of frames before them.
    missing_bytes : Number of bytes that should be frames; a tag's aren't.
    """

    start: int
    end: int
    frames: int
    missing_bytes: int


@dataclass(frozen=True, slots=True)
class ElementaryStream:
    """All frames of a file.

    Attributes
    ----------
    start, end : Position of the first one, and behind the last one.
    frames : Number of frames.
    kind : Codec, version and rate of the last one.
    has_one_size : Whether all frames but the first have the same size, up to a byte of padding.
    duration_s : Seconds of sound, with what an encoder's delay adds.
    gaps : What lies between frames and isn't one.
    """

    start: int
    end: int
    frames: int
    kind: Kind
    has_one_size: bool
    duration_s: float
    gaps: tuple[Gap, ...]

    @property
    def mean_bytes(self) -> float:
        """Return the mean size of a frame."""
        return (self.end - self.start - sum(gap.end - gap.start for gap in self.gaps)) / self.frames


def repair(path: Path, source: AudioSource, folder: Path) -> tuple[Path, AudioSource]:
    """Return a song that a decoder keeps in place, with its exact duration.

    Parameters
    ----------
    folder : Folder for a copy.

    Returns
    -------
    The song itself or a repaired copy of it, and its description.
    """
    if source.codec not in CODECS.get(source.container, ()):
        return path, source
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        stream = scan(data)
        return _prepare(data, stream, path, source, folder) if stream else (path, source)


def _prepare(
    data: Data, stream: ElementaryStream, path: Path, source: AudioSource, folder: Path
) -> tuple[Path, AudioSource]:
    info_frames = _info_frames(data, stream)
    missing = _missing_frames(stream, info_frames)
    known = source
    if source.duration_s is None and stream.duration_s:
        frames = max(stream.frames + sum(missing), info_frames or 0)
        known = replace(source, duration_s=frames * stream.duration_s / stream.frames)
    has_more = (stream.start, len(data)) != (_id3_end(data, 0), _tags_end(data, stream.end))
    if not stream.gaps and not (has_more and info_frames is not None):
        return path, known
    require_disk_space(folder, len(data), "A repaired copy of the song")
    copy = folder / path.name
    with copy.open("wb") as file:
        file.writelines(_repaired(data, stream, missing))
    return copy, replace(known, silenced=tuple(_silenced(stream, missing)))


def scan(data: Data) -> ElementaryStream | None:
    """Find all frames of a file, or return None if it doesn't seem to have any."""
    start = _first_frame(data)
    first = None if start is None else find_frame(data, start)
    if start is None or first is None:
        return None
    at, kind, frames, duration_s = start, first.kind, 0, 0.0
    last: Frame | None = None
    gaps: list[Gap] = []
    sizes: set[int] = set()
    while True:
        frame = find_frame(data, at)
        if frame is None or (frame.kind != kind and not _is_chain(data, at, _CHAIN_FRAMES)):
            gap = _gap(data, at, frames, kind)
            if gap is None:
                break
            if kind[0] in _UNCHECKED and last and gap.missing_bytes:
                # Damage begins inside of the frame before, which the decoder would drop as well.
                frames -= 1
                duration_s -= last.samples / last.kind[2]
                size_bytes = last.size_bytes
                gap = Gap(at - size_bytes, gap.end, frames, gap.missing_bytes + size_bytes)
            last = None
            gaps.append(gap)
            at = gap.end
        elif at + frame.size_bytes > len(data) or frames == _MOST_FRAMES:
            break
        else:
            kind, last = frame.kind, frame
            at += frame.size_bytes
            frames += 1
            duration_s += frame.samples / (frame.kind[2] or math.inf)
            if frames > 1:  # the first one may only describe the others
                sizes.add(frame.size_bytes)
    has_one_size = max(sizes, default=0) - min(sizes, default=0) <= 1
    return ElementaryStream(start, at, frames, kind, has_one_size, duration_s, tuple(gaps))


def _first_frame(data: Data) -> int | None:
    behind_tags = _tags_end(data, 0)
    if _is_chain(data, behind_tags, _CHAIN_FRAMES):
        return behind_tags
    # A tag may say that it is longer than it is.
    return _next_chain(data, 0)


def _gap(data: Data, at: int, frames: int, kind: Kind) -> Gap | None:
    """Return what lies between a position and the next frame, or None if there is no frame."""
    sound_at = _tags_end(data, at)
    found = _next_chain(data, sound_at, kind)
    return None if found is None else Gap(at, found, frames, found - sound_at)


def _is_chain(data: Data, at: int, frames: int, kind: Kind | None = None) -> bool:
    """Tell whether a number of frames of one kind follow one another, or all up to the end."""
    for _ in range(frames):
        frame = find_frame(data, at)
        if frame is None or (kind is not None and frame.kind != kind):
            return False
        kind = frame.kind
        at += frame.size_bytes
        if at >= len(data):
            return at == len(data)
    return True


def _next_chain(data: Data, at: int, kind: Kind | None = None) -> int | None:
    """Return the next position of frames of a kind, or of more frames of another kind."""
    for start in possible_frames(data, at):
        if kind is not None and _is_chain(data, start, _CHAIN_FRAMES - 1, kind):
            return start
        if _is_chain(data, start, _CHAIN_FRAMES):
            return start
    return None


def _tags_end(data: Data, at: int) -> int:
    """Return the position behind the tags that begin at a position, or that position."""
    end = -1
    while end != at:
        end = at
        at = _id3_end(data, at)
        head = data[at : at + 32]
        if head[:3] == b"TAG":
            at += 128
        elif head[:8] == b"APETAGEX" and len(head) == 32:
            size_bytes, flags = struct.unpack("<I4xI", head[12:24])
            at += size_bytes + (32 if flags & 0x80000000 else 0)
    return min(at, len(data))


def _id3_end(data: Data, at: int) -> int:
    """Return the position behind the ID3v2 tags that begin at a position, or that position."""
    while data[at : at + 3] == b"ID3" and len(data) >= at + _ID3_BYTES:
        # The size doesn't count the head and its copy at the end.
        size_bytes = synchsafe(data[at + 6 : at + _ID3_BYTES])
        at += size_bytes + (2 if data[at + 5] & 0x10 else 1) * _ID3_BYTES
    return min(at, len(data))


def _info_frames(data: Data, stream: ElementaryStream) -> int | None:
    """Return how many frames the first one announces, 0 if it doesn't say, None if it is sound."""
    head = data[stream.start : stream.start + 200]
    version, mode = head[1] >> 3 & 3, head[3] >> 6
    side_bytes = (17 if mode == 3 else 32) if version == 3 else (9 if mode == 3 else 17)
    tag = head[4 + side_bytes :][:12]
    if head[1] & 0xF6 == 0xF0 or tag[:4] not in {b"Xing", b"Info"}:
        return None
    return int.from_bytes(tag[8:12]) if tag[7] & 1 else 0


def _repaired(data: Data, stream: ElementaryStream, missing: list[int]) -> Iterator[bytes]:
    """Yield the frames of a stream, and frames without sound in place of missing ones."""
    at = stream.start
    for gap, frames in zip(stream.gaps, missing, strict=True):
        yield data[at : gap.start]
        yield frames * _replacement(data, gap.end)
        at = gap.end
    yield data[at : stream.end]


def _missing_frames(stream: ElementaryStream, info_frames: int | None) -> list[int]:
    """Return how many frames are missing in each gap.

    Frames of different sizes may be announced as a number; otherwise their mean size has to do.
    """
    missing_bytes = sum(gap.missing_bytes for gap in stream.gaps)
    if not missing_bytes:
        return [0 for _ in stream.gaps]
    per_byte = 1 / stream.mean_bytes
    announced = (info_frames or 0) - (stream.frames - 1)
    is_plausible = 0.5 < announced / max(missing_bytes * per_byte, 1) < 2
    if is_plausible and not stream.has_one_size:
        per_byte = announced / missing_bytes
    so_far = accumulate((gap.missing_bytes for gap in stream.gaps), initial=0)
    return [end - start for start, end in pairwise(round(each * per_byte) for each in so_far)]


def _silenced(stream: ElementaryStream, missing: list[int]) -> Iterator[tuple[int, int]]:
    """Yield where a decoder makes sound of a replacement, in samples at 44,100 Hz."""
    if stream.kind[0] in _REFUSED:
        return
    per_frame = stream.duration_s / stream.frames * SAMPLE_RATE_HZ
    before = 0
    for gap, frames in zip(stream.gaps, missing, strict=True):
        start = gap.frames + before
        before += frames
        yield round(start * per_frame), round((start + frames) * per_frame)


def _replacement(data: Data, at: int) -> bytes:
    """Return a frame with the header of another one, and without its sound if that is possible."""
    frame = cast(Frame, find_frame(data, at))
    if frame.kind[0] in _UNCOUNTED:
        return data[at : at + frame.size_bytes]
    head = bytearray(data[at : at + frame.header_bytes])
    if frame.kind[0] in {"mp2", "mp3", "aac"}:
        head[1] |= 1  # no checksum follows
    return bytes(head).ljust(frame.size_bytes, _FILL)
