"""ffmpeg's arguments for each format of the stems."""

from stemdrop.options import DEFAULT_BITRATE, Codec

_PCM = {"16": "pcm_s16le", "24": "pcm_s24le", "32f": "pcm_f32le"}
_FLAC = {"16": ["-sample_fmt", "s16"], "24": ["-sample_fmt", "s32", "-bits_per_raw_sample", "24"]}
_LOSSY = {
    # LAME's default quality: the fast one (-compression_level 7) saves 1 of 2 s of processor time
    # for 3 minutes, but doesn't shape its noise, which at 192k is 4 dB nearer to being heard.
    Codec.MP3: ["-c:a", "libmp3lame"],
    # Pages of 0.1 s: a song that fits into one page, of 1 s by default, loses its last 128 samples.
    Codec.OGG: ["-c:a", "libvorbis", "-page_duration", "100000"],
    Codec.M4A: ["-c:a", "aac", "-movflags", "+faststart"],
    Codec.OPUS: ["-c:a", "libopus"],
    # Decoders drop the first two frames of 2,048 samples, but this encoder's delay is one, and it
    # breaks the last one off: a frame of silence goes ahead, and one behind. Packets of the usual
    # 3,200 bytes hold one or two frames of a high bit rate, and leave up to half of the file empty.
    Codec.WMA: [
        *("-c:a", "wmav2", "-af", "adelay=2048S:all=1,apad=pad_len=2048", "-packet_size", "16000"),
    ],
}
# What is shorter, under 3 ms, can't be encoded, or not decoded again: silence fills it up.
SHORTEST_SAMPLES = {Codec.FLAC: 16, Codec.OPUS: 100}
# The same song gives the same bytes: no time, no version, no random serial number.
_REPRODUCIBLE = ["-fflags", "+bitexact", "-flags:a", "+bitexact"]


def codec_arguments(codec: Codec, bitrate: str | None, bit_depth: str | None) -> list[str]:
    """Return the arguments that encode a stem, as samples of the same length and place.

    wav and flac take `bit_depth`; 16 bits are rounded as Spleeter has ffmpeg round them. A wav file
    beyond 4 GB becomes RF64. The others take `bitrate`, 64k to 320k in steps of 1k. What a format
    can't do becomes the nearest that it can: mp3 has 64, 80, 96, 112, 128, 160, 192, 224, 256 and
    320k only; ogg and opus vary with the music; the rates of ogg and wma come out up to a third
    higher.

    Parameters
    ----------
    codec : the format.
    bitrate : of a lossy format, such as ``192k``.
    bit_depth : one of `codec.bit_depths`; None for a lossy format.
    """
    if codec is Codec.WAV:
        chosen = ["-c:a", _PCM[bit_depth or "16"], "-rf64", "auto"]
    elif codec is Codec.FLAC:
        chosen = ["-c:a", "flac", *_FLAC[bit_depth or "16"]]
    else:
        chosen = [*_LOSSY[codec], "-b:a", bitrate or DEFAULT_BITRATE]
    return [*chosen, *_REPRODUCIBLE]
