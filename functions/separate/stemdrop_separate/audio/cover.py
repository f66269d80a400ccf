"""The cover of a song, for its stems."""

import base64
import struct
from dataclasses import dataclass
from pathlib import Path

from stemdrop_separate.audio.ffmpeg import FfmpegProcess, untrusted_input
from stemdrop_separate.audio.tracks import CoverStream

EXTRACTED_WITHIN_S = 10.0
LARGEST_COVER_BYTES = 16 << 20
MOST_PIXELS = 50_000_000
# ffmpeg's names of codecs to its demuxers, and to media types.
DEMUXERS = {"mjpeg": "jpeg_pipe", "png": "png_pipe"}
MEDIA_TYPES = {"mjpeg": "image/jpeg", "png": "image/png"}
# Type of a picture in a FLAC file. Source: RFC 9639, 8.8.
_FRONT_COVER = 3


@dataclass(frozen=True, slots=True)
class CoverArt:
    """A picture in a file of its own."""

    path: Path
    codec: str

    def comment(self) -> str:
        """Return the picture as Vorbis comments hold it, METADATA_BLOCK_PICTURE."""
        media_type, data = MEDIA_TYPES[self.codec].encode(), self.path.read_bytes()
        head = struct.pack(">II", _FRONT_COVER, len(media_type)) + media_type
        # An empty description, and no dimensions.
        block = head + struct.pack(">IIIIII", 0, 0, 0, 0, 0, len(data)) + data
        return base64.b64encode(block).decode()


def extract_cover(
    song: Path, cover: CoverStream | None, ffmpeg: Path, folder: Path
) -> CoverArt | None:
    """Write a song's cover into a file, if it has one that is whole and of a common kind."""
    if cover is None or cover.codec not in DEMUXERS:
        return None
    path = folder.absolute() / "cover"
    chosen = ["-map", f"0:{cover.stream}", "-frames:v", "1"]
    arguments = [
        *("-loglevel", "level+error", "-max_pixels", str(MOST_PIXELS)),
        *untrusted_input(song),
        *(*chosen, "-c", "copy", "-f", "rawvideo", f"file:{path}"),
        # Decoded as well: a broken picture must not spoil the stems.
        *(*chosen, "-f", "null", "pipe:1"),
    ]
    with FfmpegProcess(ffmpeg, arguments) as running:
        is_whole = running.wait(EXTRACTED_WITHIN_S) == 0 and not running.reason
    if not is_whole or not 0 < path.stat().st_size <= LARGEST_COVER_BYTES:
        return None
    return CoverArt(path, cover.codec)
