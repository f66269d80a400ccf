"""Flags of Spleeter's command line that don't change the stems, or can't be supported.

Source: `spleeter separate --help` of Spleeter 2.4.2, and of 1.5 for the last one.
"""

import argparse
import subprocess
from collections.abc import Iterator
from pathlib import Path

from stemdrop.errors import OptionError
from stemdrop.models import Model
from stemdrop_separate.models.catalog import Models

ADAPTER = "spleeter.audio.ffmpeg.FFMPEGProcessAudioAdapter"
STFT_BACKENDS = ("auto", "tensorflow", "librosa")


def add_spleeter_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags."""
    add = parser.add_argument
    add(
        "-a", "--adapter", default=ADAPTER, help="audio adapter; only Spleeter's default is allowed"
    )
    add("--mwf", action="store_true", help="not supported: use --quality high")
    add("--verbose", action="store_true", help="show versions, the model and details of each song")
    add(
        *("-B", "--stft_backend"),
        choices=STFT_BACKENDS,
        help="no effect: the stems are the same with any",
    )


def check_spleeter_flags(parsed: argparse.Namespace) -> None:
    """Check the flags.

    Raises
    ------
    OptionError : A flag, or its value, isn't supported.
    """
    if parsed.mwf:
        raise OptionError("--mwf, Wiener filtering, isn't supported: use --quality high instead.")
    if parsed.adapter != ADAPTER:
        raise OptionError(f"adapter can't be {parsed.adapter!r}: leave it out, or use {ADAPTER}.")


def describe_setup(models: Models, model: Model, ffmpeg: Path) -> Iterator[str]:
    """Yield what `--verbose` says about the model, the packages and ffmpeg."""
    engine = models.engine(model)
    versions = ", ".join(f"{package} {version}" for package, version in engine.versions.items())
    yield f"{versions}; {models.threads} threads"
    yield f"model {engine.model} in {models.folder}, SHA-256 {engine.weights_sha256}"
    asked = subprocess.run([ffmpeg, "-version"], check=False, capture_output=True, text=True)
    yield f"{asked.stdout.partition(' Copyright')[0]} in {ffmpeg}"
