"""Measure the settings of lossy encoders: their processor time, and how audible the noise is.

    python -m benchmarks.encoder_settings [SONG]

The song is a generated one by default. Each line compares the settings in use with the encoder's
own.
"""

import argparse
import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from benchmarks.metrics import noise_to_mask_db
from benchmarks.process_usage import measure_process
from benchmarks.report import decode
from benchmarks.songs.song import generate
from benchmarks.songs.wav import write_wav
from stemdrop.codecs import LOW_BITRATE_KBPS, Codec
from stemdrop_separate.audio.encoder_arguments import codec_arguments
from stemdrop_separate.audio.ffmpeg import find_ffmpeg

SONG_S = 20
BITRATES_KBPS = (64, 96, 128, 160, 192, 256, 320)


@dataclass(frozen=True, slots=True)
class EncoderFigures:
    """Processor time of an encoder in seconds, and noise-to-mask ratio of its file in dB."""

    cpu_s: float
    noise_to_mask_db: float


def measure_encoder(song: Path, arguments: list[str], codec: Codec) -> EncoderFigures:
    """Encode a wav file, and compare the decoded file with it."""
    ffmpeg = [str(find_ffmpeg(None)), "-v", "error", "-y"]
    with tempfile.TemporaryDirectory() as folder:
        encoded = Path(folder) / f"song.{codec.suffix}"
        usage = measure_process([*ffmpeg, "-i", str(song), *arguments, str(encoded)], os.environ)
        reference, decoded = (decode(path, Path(folder)) for path in (song, encoded))
        length = min(len(reference), len(decoded))
        noise_db = noise_to_mask_db(reference[:length], decoded[:length])
    return EncoderFigures(usage.cpu_s, noise_db)


def compare_settings(song: Path, codec: Codec, bitrate: str) -> tuple[EncoderFigures, ...]:
    """Measure the settings in use, and those of the encoder."""
    filters = ["-af", ",".join(codec.spec.filters)] if codec.spec.filters else []
    ours = [*filters, *codec_arguments(codec, bitrate, None)]
    own = [*filters, *codec.spec.arguments, "-b:a", bitrate]
    return tuple(measure_encoder(song, arguments, codec) for arguments in (ours, own))


def main() -> int:
    """Print a table, and return the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("song", nargs="?", type=Path, help="wav file")
    song = parser.parse_args().song
    with tempfile.TemporaryDirectory() as folder:
        if song is None:
            song = Path(folder) / "song.wav"
            write_wav(song, [generate(SONG_S, seed=5).mix])
        print("| Codec | Bitrate | Processor time | Noise to mask |\n|---|---|---|---|")
        for codec in (codec for codec in Codec if codec.spec.low_bitrate_arguments):
            for kbps in BITRATES_KBPS:
                ours, own = compare_settings(song, codec, f"{kbps}k")
                seconds = f"{ours.cpu_s:.2f} s, default {own.cpu_s:.2f} s"
                noise = f"{ours.noise_to_mask_db:.1f} dB, default {own.noise_to_mask_db:.1f} dB"
                print(f"| {codec} | {kbps}k | {seconds} | {noise} |", flush=True)
    print(f"\nSettings of low bitrates hold up to {LOW_BITRATE_KBPS}k.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
