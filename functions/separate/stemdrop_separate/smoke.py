"""Prove that an installation can do the function's work, as far as that goes without S3.

    python -m stemdrop_separate.smoke

Loads the handler, as Lambda does, so it takes the function's environment. Then a second of sound is
separated by each model that is installed, and into each format, and transcribed by Whisper if that
writes the lyrics. The image's build ends with it.
"""

import sys
import tempfile
import wave
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stemdrop.codecs import Codec
from stemdrop.lyrics import WHISPER_FOLDER, LyricsEngine
from stemdrop.options import Options
from stemdrop_separate.audio.vocals_file import open_vocals_file
from stemdrop_separate.handler import job_context
from stemdrop_separate.lyrics.whisper import Whisper
from stemdrop_separate.pipeline import separate_song
from stemdrop_separate.separation.stft import SAMPLE_RATE_HZ

TONE_HZ = 440.0


def main() -> int:
    """Separate, and return the exit status; what goes wrong is raised."""
    models = [model for model in job_context.models.available() if model == model.weights]
    orders: list[dict[str, str]] = [{"model": model} for model in models]
    orders += [{"model": models[0], "codec": codec} for codec in Codec]
    with tempfile.TemporaryDirectory() as name:
        song = Path(name, "song.wav")
        _write(song)
        for order in orders:
            _separate(song, Options.parse(order))
        if LyricsEngine.of(job_context.settings.lyrics) is LyricsEngine.WHISPER:
            _transcribe(song.with_name("vocals.flac"))
    return 0


def _separate(song: Path, options: Options) -> None:
    targets = {stem: song.with_name(f"{stem}.{options.codec.suffix}") for stem in options.outputs}
    network = job_context.models.load(options.model)
    separated = separate_song(song, targets, options, network, job_context.ffmpeg)
    for stem in separated.stems.values():
        if stem.samples != SAMPLE_RATE_HZ:
            raise RuntimeError(f"{stem.path.name} has {stem.samples} samples.")
        stem.path.unlink()


def _transcribe(vocals: Path) -> None:
    settings, ffmpeg = job_context.settings, job_context.ffmpeg
    with open_vocals_file(vocals, ffmpeg) as encoder:
        encoder.write(np.repeat(_tone()[:, np.newaxis], 2, axis=1))
        encoder.finish()
    folder = settings.model_dir / WHISPER_FOLDER / settings.lyrics
    Whisper(folder).transcribe(vocals, ffmpeg)


def _tone() -> NDArray[np.float32]:
    """Return a second of a tone."""
    times_s = np.arange(SAMPLE_RATE_HZ, dtype=np.float32) / SAMPLE_RATE_HZ
    tone: NDArray[np.float32] = np.sin(2 * np.pi * TONE_HZ * times_s) / 4
    return tone


def _write(song: Path) -> None:
    """Write the tone as a stereo file."""
    tone = (_tone() * 32768).astype("<i2")
    with wave.open(str(song), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE_HZ)
        file.writeframes(np.repeat(tone, 2).tobytes())


if __name__ == "__main__":
    sys.exit(main())
