"""Measure the share of a separation's processor time that the analysis of the song takes.

    python -m benchmarks.analysis_share [--duration_s 180] [--rounds 5]

A generated song is separated as a file, and what the analysis does with its spectrogram is done
once more alone, in turn. All threads and processes count.
"""

import argparse
import resource
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.songs.song import blocks
from benchmarks.songs.wav import write_wav
from stemdrop.music import Music
from stemdrop.options import Options
from stemdrop_local.deployment import ROOT
from stemdrop_separate.analysis.segment_features import measure_features
from stemdrop_separate.analysis.song_analysis import SongAnalyzer
from stemdrop_separate.audio.ffmpeg import find_ffmpeg
from stemdrop_separate.models.catalog import Models
from stemdrop_separate.pipeline import separate_song
from stemdrop_separate.separation.stft import SEGMENT_SAMPLES, Samples, segments, stft

SONG_S = 180


def analyze(mix: Samples, magnitudes: list[Samples]) -> Music:
    """Analyze a song whose spectrogram is known, as a separation does."""
    analyzer = SongAnalyzer()
    for index, magnitude in enumerate(magnitudes):
        samples = mix[index * SEGMENT_SAMPLES : (index + 1) * SEGMENT_SAMPLES]
        analyzer.add(samples, measure_features(magnitude))
    return analyzer.finish(0.0)


def cpu_s(work: Callable[[], object]) -> float:
    """Run something, and return the processor time of all threads and ended processes."""
    before_s = _spent_s()
    work()
    return _spent_s() - before_s


def _spent_s() -> float:
    usages = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def main() -> int:
    """Measure and print the times and their ratio, and return the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--duration_s", type=float, default=SONG_S)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    options, ffmpeg = Options(), find_ffmpeg(None)
    network = Models(ROOT / "build" / "models").load(options.model)
    mix = np.concatenate([part.mix for part in blocks(arguments.duration_s, seed=5)])
    magnitudes = [np.abs(stft(segment, network.bins)) for segment in segments([mix])]
    with tempfile.TemporaryDirectory(prefix="stemdrop-bench-") as folder:
        song = Path(folder) / "song.wav"
        write_wav(song, [mix])
        targets = {stem: song.with_name(f"{stem}.wav") for stem in options.outputs}

        def separate() -> None:
            separate_song(song, targets, options, network, ffmpeg)

        separate()  # warm up
        pairs = [
            (cpu_s(separate), cpu_s(lambda: analyze(mix, magnitudes)))
            for _ in range(arguments.rounds)
        ]
    separation_s, analysis_s = np.median(pairs, axis=0)
    share = np.median([analysis / separation for separation, analysis in pairs])
    print(f"separation {separation_s:.2f} s, of which analysis {analysis_s:.3f} s")
    print(f"share {share:.4f}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
