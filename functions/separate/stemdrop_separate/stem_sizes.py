"""Estimates of the size of stems before they are written."""

from stemdrop.options import Options, SampleRate
from stemdrop_separate.audio.ffmpeg import BYTES_PER_SAMPLE
from stemdrop_separate.audio.peak_scaling import may_scale
from stemdrop_separate.audio.probe import AudioSource
from stemdrop_separate.separation.stft import SAMPLE_RATE_HZ

# Size of an uncompressed value of one channel; flac takes less.
BYTES_PER_VALUE = {"16": 2, "24": 3, "32f": 4}
HEADER_BYTES = 1 << 16


def needed_bytes(expected_s: float, options: Options, source: AudioSource) -> int:
    """Return the size of the stems, and of what is on the disk together with them."""
    # With a stem file, there is the mix as well.
    outputs = len(options.outputs) + options.stem_file
    stems_bytes = outputs * (int(expected_s * _bytes_per_s(options, source)) + HEADER_BYTES)
    zip_bytes = stems_bytes if options.zip else 0
    copy_bytes = outputs * int(expected_s * SAMPLE_RATE_HZ * BYTES_PER_SAMPLE)
    # The copy for scaling is deleted before the zip is made.
    more_bytes = max(zip_bytes, copy_bytes if may_scale(options) else 0)
    return stems_bytes + more_bytes + (stems_bytes if options.stem_file else 0)


def _bytes_per_s(options: Options, source: AudioSource) -> float:
    if options.bitrate is not None:
        # Vorbis went up to 1.3 times beyond a bitrate of 64k.
        return int(options.bitrate.removesuffix("k")) * 1000 / 8 * 1.4
    is_own_rate = options.sample_rate is SampleRate.SOURCE
    sample_rate_hz = source.sample_rate_hz if is_own_rate else SAMPLE_RATE_HZ
    return sample_rate_hz * 2 * BYTES_PER_VALUE[options.bit_depth or "16"]
