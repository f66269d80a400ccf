"""Measure the errors, the time and the memory of lyrics that Whisper writes.

    python -m benchmarks.lyrics_share [--model tiny.en] [--minutes 60]

Generated songs with spoken words are separated, and transcribed with and without the separation.
Separation and transcription run in turn, so their ratio doesn't depend on other programs. Memory is
that of a process that only transcribes.
"""

import argparse
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.analysis_share import cpu_s
from benchmarks.songs.instruments import SAMPLE_RATE_HZ
from benchmarks.songs.spoken_songs import BANDS, SpokenSong, spoken_song
from benchmarks.songs.wav import write_wav
from benchmarks.word_errors import start_errors_s, word_error_rate
from stemdrop.lyrics import WHISPER_FOLDER, Transcription
from stemdrop.options import Options
from stemdrop_local.deployment import ROOT
from stemdrop_separate.audio.ffmpeg import find_ffmpeg
from stemdrop_separate.lyrics.whisper import Whisper
from stemdrop_separate.models.catalog import Models
from stemdrop_separate.pipeline import separate_song

MODELS = ROOT / "build" / "models"


@dataclass(frozen=True, slots=True)
class LyricsMeasurement:
    """Figures of one song.

    Attributes
    ----------
    separation_s, lyrics_s : Processor time per minute of the song.
    mix_error_rate, vocals_error_rate : Word error rates without and with the separation.
    start_errors_s : Differences between the starts of words and the known ones.
    """

    separation_s: float
    lyrics_s: float
    mix_error_rate: float
    vocals_error_rate: float
    start_errors_s: list[float]


def measure(songs: int, whisper: Whisper, folder: Path) -> Iterator[LyricsMeasurement]:
    """Separate and transcribe songs."""
    ffmpeg, options = find_ffmpeg(None), Options()
    network = Models(MODELS).load(options.model)
    for index in range(songs):
        song = spoken_song(index)
        mix, vocals = folder / "mix.wav", folder / "vocals.flac"
        minutes = write_wav(mix, [song.song.mix]) / SAMPLE_RATE_HZ / 60
        targets = {stem: folder / f"{stem}.wav" for stem in options.outputs}
        heard: list[Transcription] = []

        def separate() -> None:
            separate_song(mix, targets, options, network, ffmpeg, vocals_file=vocals)  # noqa: B023

        def transcribe() -> None:
            heard.append(whisper.transcribe(vocals, ffmpeg))  # noqa: B023

        separation_s, lyrics_s = cpu_s(separate), cpu_s(transcribe)
        yield LyricsMeasurement(
            separation_s / minutes,
            lyrics_s / minutes,
            _error_rate(song, whisper.transcribe(mix, ffmpeg)),
            _error_rate(song, heard[0]),
            start_errors_s(song.words, heard[0].words),
        )


def _error_rate(song: SpokenSong, transcription: Transcription) -> float:
    return word_error_rate(song.text, " ".join(word.text for word in transcription.words))


def _print_memory(minutes: int, model: str, folder: Path) -> None:
    """Transcribe songs of two lengths, each in a process of its own."""
    voice, ffmpeg = folder / "voice.wav", str(find_ffmpeg(None))
    write_wav(voice, [spoken_song(0).song.vocals])
    for length in (max(minutes // 12, 1), minutes):
        vocals = folder / f"{length}.flac"
        loop = ["-stream_loop", "-1", "-i", str(voice), "-t", str(60 * length)]
        form = ["-ac", "1", "-ar", "16000", str(vocals)]
        subprocess.run([ffmpeg, "-loglevel", "error", *loop, *form], check=True)
        module = [sys.executable, "-m", "benchmarks.lyrics_share", "--model", model]
        print(f"{length} minutes of voice:", end=" ", flush=True)
        subprocess.run([*module, "--vocals", str(vocals)], check=True)


def _peak_bytes() -> int:
    """Return the peak memory of this process since its program started.

    `resource.getrusage` also counts what the parent process had.
    """
    [line] = re.findall(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(line) * 1024


def main() -> int:
    """Measure and print the figures, and return the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--model", default="tiny.en")
    parser.add_argument("--minutes", type=int, default=60)
    parser.add_argument("--vocals", type=Path, help="only transcribe this file")
    arguments = parser.parse_args()
    whisper_folder = MODELS / WHISPER_FOLDER / arguments.model
    if arguments.vocals:
        whisper = Whisper(whisper_folder)
        spent_s = cpu_s(lambda: whisper.transcribe(arguments.vocals, find_ffmpeg(None)))
        print(f"processor time {spent_s:.0f} s, peak memory {_peak_bytes() / 1e6:.0f} MB")
        return 0
    with tempfile.TemporaryDirectory(prefix="stemdrop-bench-") as folder:
        _print_memory(arguments.minutes, arguments.model, Path(folder))
        songs = list(measure(len(BANDS), Whisper(whisper_folder), Path(folder)))
    separation_s, lyrics_s, mix, vocals = (
        np.mean([getattr(song, name) for song in songs])
        for name in ("separation_s", "lyrics_s", "mix_error_rate", "vocals_error_rate")
    )
    errors_s = np.abs(np.concatenate([song.start_errors_s for song in songs]))
    print(f"processor time per minute: separation {separation_s:.2f} s, lyrics {lyrics_s:.2f} s")
    print(f"ratio {np.median([song.lyrics_s / song.separation_s for song in songs]):.2f}")
    print(f"word error rate: mix {mix:.2f}, separated vocals {vocals:.2f}")
    print(f"starts of words: median error {np.median(errors_s):.2f} s,", end=" ")
    print(f"{np.mean(errors_s <= 0.3):.0%} within 0.3 s")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
