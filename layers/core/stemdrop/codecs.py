"""The codecs of stems: one member and one row each."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

LOW_BITRATE_KBPS = 128
# 60 dB beyond full scale, where no music is. The encoders of mp3 and m4a fail at 2**23 and 2**31.
LARGEST_LOSSY_SAMPLE = 1000.0


class Cover(StrEnum):
    """Way of adding a cover to a file: as a picture, or as a comment that holds one."""

    PICTURE = "picture"
    COMMENT = "comment"


class Codec(StrEnum):
    """Formats that stems are written in."""

    WAV = "wav"
    FLAC = "flac"
    MP3 = "mp3"
    OGG = "ogg"
    M4A = "m4a"
    OPUS = "opus"
    WMA = "wma"
    AIFF = "aiff"
    ALAC = "alac"

    @property
    def spec(self) -> "CodecSpec":
        """Return the codec's row."""
        return CODECS[self]

    @property
    def suffix(self) -> str:
        """Return the suffix of the files, without a dot."""
        return self.spec.suffix or self.value

    @property
    def bit_depths(self) -> tuple[str, ...]:
        """Return the bit depths to choose from, the default first; none for a lossy format."""
        return tuple(self.spec.depth_arguments)


@dataclass(frozen=True, slots=True)
class CodecSpec:
    """Description of a codec.

    Attributes
    ----------
    label : Label for people.
    media_type : Media type of the files.
    arguments : Arguments of ffmpeg that encode a stem as samples of the same length and place.
    depth_arguments : Bit depth to the arguments that choose it, the default first. None for a lossy
        format, which takes a bitrate.
    filters : Filters of ffmpeg that a stem passes before it is encoded.
    suffix : Suffix of the files; None for the codec's own name.
    highest_mono_kbps : Highest bitrate of one channel; None if it is that of two.
    low_bitrate_arguments : More arguments for bitrates up to LOW_BITRATE_KBPS.
    tag_names : Names of tags that ffmpeg doesn't translate.
    cover : Way of adding a cover.
    has_id3_chunk : Whether an ID3 tag with what `tag_names` names, the cover and the chapters
        follows the samples.
    max_bytes : Size that a file can't exceed.
    largest_sample : Where samples of a lossy format are cut off.
    min_samples : Shortest length that can be encoded and decoded again. Silence fills up less,
        which is under 3 ms.
    """

    label: str
    media_type: str
    arguments: tuple[str, ...]
    depth_arguments: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    filters: tuple[str, ...] = ()
    suffix: str | None = None
    highest_mono_kbps: int | None = None
    low_bitrate_arguments: tuple[str, ...] = ()
    tag_names: Mapping[str, str] = field(default_factory=dict)
    cover: Cover | None = None
    has_id3_chunk: bool = False
    max_bytes: int | None = None
    largest_sample: float = LARGEST_LOSSY_SAMPLE
    min_samples: int = 0


VORBIS_NAMES = {"bpm": "BPM", "key": "INITIALKEY", "lyrics": "LYRICS"}
# Languages of comments and lyrics, both unknown: see `stemdrop_separate.audio.id3`.
ID3_COMMENT, ID3_LYRICS = "XXX", "und"
ID3_NAMES = {"bpm": "TBPM", "key": "TKEY", "comment": ID3_COMMENT, "lyrics": ID3_LYRICS}

CODECS = {
    # Beyond 4 GB a file becomes RF64. 16 bits are rounded as Spleeter has ffmpeg round them.
    # RIFF's own tags, which ffmpeg writes, have no covers, no tempo, and no known character set.
    Codec.WAV: CodecSpec(
        label="WAV – exact and large",
        media_type="audio/wav",
        arguments=("-rf64", "auto"),
        depth_arguments={
            "16": ("-c:a", "pcm_s16le"),
            "24": ("-c:a", "pcm_s24le"),
            "32f": ("-c:a", "pcm_f32le"),
        },
        tag_names=ID3_NAMES,
        has_id3_chunk=True,
    ),
    Codec.FLAC: CodecSpec(
        label="FLAC – exact, about half the size",
        media_type="audio/flac",
        arguments=("-c:a", "flac"),
        depth_arguments={
            "16": ("-sample_fmt", "s16"),
            "24": ("-sample_fmt", "s32", "-bits_per_raw_sample", "24"),
        },
        tag_names=VORBIS_NAMES,
        cover=Cover.PICTURE,
        min_samples=16,
    ),
    # LAME's default quality: the fast one (-compression_level 7) saves 1 of 2 s of processor time
    # for 3 minutes, but doesn't shape its noise, which at 192k is 4 dB nearer to being heard.
    # Bitrates are 64, 80, 96, 112, 128, 160, 192, 224, 256 and 320k only; the nearest is taken.
    Codec.MP3: CodecSpec(
        label="MP3 – small, plays everywhere",
        media_type="audio/mpeg",
        arguments=("-c:a", "libmp3lame"),
        tag_names=ID3_NAMES,
        cover=Cover.PICTURE,
    ),
    # Pages of 0.1 s: a song that fits into one page, of 1 s by default, loses its last 128 samples.
    # The rate varies with the music, and is up to a third higher.
    Codec.OGG: CodecSpec(
        label="Ogg Vorbis – small, a free format",
        media_type="audio/ogg",
        arguments=("-c:a", "libvorbis", "-page_duration", "100000"),
        highest_mono_kbps=192,
        tag_names=VORBIS_NAMES,
        cover=Cover.COMMENT,
    ),
    # The fast way to divide the bits takes half of the processor time or less. Up to 128k its noise
    # is farther from being heard, from 192k on nearer: see `python -m benchmarks.encoder_settings`.
    Codec.M4A: CodecSpec(
        label="M4A (AAC) – small, for phones",
        media_type="audio/mp4",
        arguments=("-c:a", "aac", "-movflags", "+faststart"),
        low_bitrate_arguments=("-aac_coder", "fast"),
        tag_names={"bpm": "tmpo"},
        cover=Cover.PICTURE,
    ),
    # The rate varies with the music.
    Codec.OPUS: CodecSpec(
        label="Opus – smallest for the same sound",
        media_type="audio/ogg",
        arguments=("-c:a", "libopus"),
        highest_mono_kbps=256,
        tag_names=VORBIS_NAMES,
        cover=Cover.COMMENT,
        min_samples=100,
    ),
    # Decoders drop the first two frames of 2,048 samples, but this encoder's delay is one, and it
    # breaks the last one off: a frame of silence goes ahead, and one behind. Packets of the usual
    # 3,200 bytes hold one or two frames of a high bitrate, and leave up to half of the file empty.
    # The rate is up to a third higher.
    Codec.WMA: CodecSpec(
        label="WMA – small, for older Windows programs",
        media_type="audio/x-ms-wma",
        arguments=("-c:a", "wmav2", "-packet_size", "16000"),
        filters=("adelay=2048S:all=1", "apad=pad_len=2048"),
        tag_names={
            "bpm": "WM/BeatsPerMinute",
            "key": "WM/InitialKey",
            "lyrics": "WM/Lyrics",
            "date": "WM/Year",
        },
        # The encoder fails on loud sound: at 64k on noise at three times full scale.
        largest_sample=1.0,
    ),
    Codec.AIFF: CodecSpec(
        label="AIFF – exact and large, for Apple's programs",
        media_type="audio/aiff",
        arguments=("-write_id3v2", "1"),
        depth_arguments={
            "16": ("-c:a", "pcm_s16be"),
            "24": ("-c:a", "pcm_s24be"),
            "32f": ("-c:a", "pcm_f32be"),
        },
        tag_names=ID3_NAMES,
        cover=Cover.PICTURE,
        max_bytes=2**32 - 1,
    ),
    Codec.ALAC: CodecSpec(
        label="ALAC – exact, about half the size, for Apple's programs",
        media_type="audio/mp4",
        arguments=("-c:a", "alac", "-movflags", "+faststart"),
        suffix="m4a",
        depth_arguments={
            "16": ("-sample_fmt", "s16p"),
            "24": ("-sample_fmt", "s32p", "-bits_per_raw_sample", "24"),
        },
        tag_names={"bpm": "tmpo"},
        cover=Cover.PICTURE,
    ),
}
