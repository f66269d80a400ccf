"""The vocals as speech recognizers take them: flac, mono, 16,000 Hz."""

from pathlib import Path

from stemdrop.codecs import Codec
from stemdrop_separate.audio.encode import Encoder, StemFormat, StemMetadata
from stemdrop_separate.audio.tags import Tags

VOCALS = "vocals"
SPEECH_RATE_HZ = 16_000


def open_vocals_file(path: Path, ffmpeg: Path) -> Encoder:
    """Return an encoder of vocals for speech recognizers; the file has no tags."""
    return Encoder(
        path,
        ffmpeg,
        StemFormat(Codec.FLAC, None, "16", SPEECH_RATE_HZ, 1),
        StemMetadata(Tags(), VOCALS),
        VOCALS,
    )
