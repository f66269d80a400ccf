"""Measure the settings of lossy encoders: their processor time, and how audible the noise is.

    python -m benchmarks.encoders [SONG]

The song is a generated one by default. Each line compares the settings in use with the encoder's
own.
"""

import argparse
import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.metrics import noise_to_mask_db
from benchmarks.process_usage import measure_process
from benchmarks.songs.instruments import Waveform
from benchmarks.songs.song import generate
from benchmarks.songs.wav import write_wav
from stemdrop.codecs import LOW_BITRATE_KBPS, Codec
from stemdrop_separate.audio.encoder_arguments import codec_arguments
from stemdrop_separate.audio.ffmpeg import find_ffmpeg
from stemdrop_separate.separation.stft import SAMPLE_RATE_HZ

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
        encoded = Path(folder) / f"song.{codec}"
        usage = measure_process([*ffmpeg, "-i", str(song), *arguments, str(encoded)], os.environ)
        reference, decoded = (_samples(ffmpeg, path) for path in (song, encoded))
    length = min(len(reference), len(decoded))
    return EncoderFigures(usage.cpu_s, noise_to_mask_db(reference[:length], decoded[:length]))


def _samples(ffmpeg: list[str], path: Path) -> Waveform:
    raw = path.with_suffix(".f32")
    output = ["-ac", "2", "-ar", str(SAMPLE_RATE_HZ), "-f", "f32le", str(raw)]
    measure_process([*ffmpeg, "-i", str(path), *output], os.environ)
    samples = np.fromfile(raw, "<f4").reshape(-1, 2)
    raw.unlink()
    return samples


def compare_settings(song: Path, codec: Codec, bitrate: str) -> tuple[EncoderFigures, ...]:
    """Measure the settings in use, and those of the encoder."""
    ours = codec_arguments(codec, bitrate, None)
    own = [*codec.spec.arguments, "-b:a", bitrate]
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
