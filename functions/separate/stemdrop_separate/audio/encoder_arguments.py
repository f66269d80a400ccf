"""ffmpeg's arguments for the codecs of `stemdrop.codecs`."""

from stemdrop.codecs import CODECS, LOW_BITRATE_KBPS, Codec
from stemdrop.option_values import DEFAULT_BITRATE

# The same song gives the same bytes: no time, no version, no random serial number.
_REPRODUCIBLE = ["-fflags", "+bitexact", "-flags:a", "+bitexact"]
# An AIFF file of one sample, for its ID3 tag.
ID3_ARGUMENTS = [
    *("-af", "atrim=end_sample=1"),
    *CODECS[Codec.AIFF].arguments,
    *("-c:a", "pcm_s16be", "-f", "aiff"),
    *_REPRODUCIBLE,
]


def codec_arguments(
    codec: Codec, bitrate: str | None, bit_depth: str | None, channels: int = 2
) -> list[str]:
    """Return the arguments that encode a stem.

    Parameters
    ----------
    codec : Format of the file.
    bitrate : Bitrate of a lossy format, ``64k`` to ``320k``; None for a lossless one.
    bit_depth : One of `codec.bit_depths`; None for a lossy format.
    channels : 1 or 2; one channel can't have every bitrate.
    """
    spec = codec.spec
    if codec.bit_depths:
        chosen = spec.depth_arguments[bit_depth or codec.bit_depths[0]]
    else:
        kbps = int((bitrate or DEFAULT_BITRATE).removesuffix("k"))
        if channels == 1:
            kbps = min(kbps, spec.highest_mono_kbps or kbps)
        faster = spec.low_bitrate_arguments if kbps <= LOW_BITRATE_KBPS else ()
        chosen = (*faster, "-b:a", f"{kbps}k")
    return [*spec.arguments, *chosen, *_REPRODUCIBLE]
