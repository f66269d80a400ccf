"""ID3 tags: comments and lyrics in the frames where players look for them, and tags of WAV files.

ffmpeg writes both as user-defined texts: TXXX, an encoding, a description, a zero, the text. A
comment, COMM, or lyrics, USLT, have an encoding, three letters of a language, a description, a
zero, the text. So a description of three letters is a language without a description, and only the
name of the frame has to change. Source: "ID3 tag version 2.4.0 - Native Frames", 4.2.6, 4.8, 4.10.
"""

import struct
from os import SEEK_END
from pathlib import Path
from typing import IO

from stemdrop.codecs import ID3_COMMENT, ID3_LYRICS
from stemdrop.errors import EncodeError

_HEADER_BYTES = 10
_RIFF_SIZE_AT, _LARGEST_RIFF_BYTES = 4, 2**32 - 1
# In the chunk ds64, which is the first one. Source: EBU Tech 3306, 3.5.
_RF64_SIZE_AT = 20
_FRAMES = {
    b"\x03" + name.encode() + b"\0": frame
    for name, frame in ((ID3_COMMENT, b"COMM"), (ID3_LYRICS, b"USLT"))
}


def synchsafe(data: bytes) -> int:
    """Return a size as ID3 writes it, with 7 bits a byte."""
    size_bytes = 0
    for byte in data:
        size_bytes = size_bytes << 7 | byte & 0x7F
    return size_bytes


def rename_frames(path: Path) -> None:
    """Rename the frames of a file that ffmpeg wrote, mp3 or aiff; other files are left alone."""
    with path.open("r+b") as file:
        at = _find_tag(file)
        if at is None:
            return
        end = at + _HEADER_BYTES + synchsafe(_read(file, at, _HEADER_BYTES)[6:])
        at += _HEADER_BYTES
        while at < end:
            frame = _read(file, at, _HEADER_BYTES + 5)
            if frame[:1] in {b"", b"\0"}:  # padding
                return
            if frame[:4] == b"TXXX" and (name := _FRAMES.get(frame[_HEADER_BYTES:])):
                file.seek(at)
                file.write(name)
            at += _HEADER_BYTES + synchsafe(frame[4:8])


def append_id3_chunk(path: Path, tagged: Path) -> None:
    """Append the ID3 tag of another file to a WAV file, as the chunk that programs look for it in.

    A RIFF file that would become larger than its header can say is left alone. There is no
    standard for the chunk; its name is the one that TagLib and mutagen write.

    Raises
    ------
    EncodeError : There is no tag.
    """
    rename_frames(tagged)
    with tagged.open("rb") as file:
        at = _find_tag(file)
        if at is None:
            raise EncodeError("The tags can't be written: ffmpeg made none.")
        head = _read(file, at, _HEADER_BYTES)
        tag = head + file.read(synchsafe(head[6:]))
    chunk = struct.pack("<4sI", b"id3 ", len(tag)) + tag + bytes(len(tag) % 2)
    with path.open("r+b") as file:
        is_rf64 = file.read(4) == b"RF64"
        size_bytes = file.seek(0, SEEK_END) + len(chunk) - 8
        if not is_rf64 and size_bytes > _LARGEST_RIFF_BYTES:
            return
        file.write(chunk)
        file.seek(_RF64_SIZE_AT if is_rf64 else _RIFF_SIZE_AT)
        file.write(size_bytes.to_bytes(8 if is_rf64 else 4, "little"))


def _find_tag(file: IO[bytes]) -> int | None:
    head = file.read(12)
    if head[:3] == b"ID3":
        return 0
    if head[:4] != b"FORM":
        return None
    at = len(head)
    while len(chunk := _read(file, at, 8)) == 8:
        if chunk[:4] == b"ID3 ":
            return at + 8
        size_bytes = int.from_bytes(chunk[4:])
        at += 8 + size_bytes + size_bytes % 2
    return None


def _read(file: IO[bytes], at: int, size_bytes: int) -> bytes:
    file.seek(at)
    return file.read(size_bytes)
