"""Compare tempo, beats and key of generated music with the true ones, and with librosa's.

    python -m analysis_accuracy

Shares are from 0 to 1. Of beats, the F-measure is given.
"""

import json
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from benchmarks.songs.composition import KEYBOARD_TONIC, compose
from benchmarks.songs.instruments import SAMPLE_RATE_HZ, Waveform
from benchmarks.songs.song import generate
from benchmarks.songs.wav import write_wav
from known_music import PATTERNS, PROGRESSIONS, analyze, distances_s, drums, progression, steady
from stemdrop_local.deployment import ROOT
from stemdrop_separate.analysis.key import MAJOR_TONICS, MINOR_TONICS

SONGS = 12
SONG_S = 60.0
TEMPOS_BPM = (72, 96, 124, 150)
DRUMS_S = 24.0
# Source: the tasks of MIREX, audio tempo estimation and audio beat tracking.
TEMPO_TOLERANCE = 0.04
BEAT_TOLERANCE_S = 0.07
PYTHON = ROOT / ".venv-librosa" / "bin" / "python"
SCRIPT = ROOT / "benchmarks" / "librosa" / "analyze.py"

Key = tuple[int, str]


@dataclass(frozen=True, slots=True)
class Found:
    """Tempo, beats and key of some music: the true ones, or those that a program found.

    Attributes
    ----------
    key : Semitones of the tonic above C, and ``major`` or ``minor``.
    """

    tempo_bpm: float | None
    beats_s: NDArray[np.float64]
    key: Key | None


def songs() -> Iterable[tuple[Waveform, Found]]:
    """Yield songs with drums, bass, chords and a voice."""
    for seed in range(SONGS):
        score = compose(seed)
        beat_s = score.beat / SAMPLE_RATE_HZ
        mix = generate(SONG_S, seed=seed).mix
        beats_s = np.arange(0, SONG_S, beat_s)
        key = ((KEYBOARD_TONIC + score.tonic) % 12, "major")
        yield mix, Found(60 / beat_s, beats_s, key)


def drum_patterns() -> Iterable[tuple[Waveform, Found]]:
    """Yield patterns of drums in several tempos."""
    for pattern, tempo_bpm in product(PATTERNS, TEMPOS_BPM):
        beats = round(DRUMS_S * tempo_bpm / 60 / 12) * 12
        beats_s = 0.4 + np.arange(beats) * 60 / tempo_bpm
        yield drums(pattern, steady(tempo_bpm, 0.4), beats), Found(tempo_bpm, beats_s, None)


def progressions() -> Iterable[tuple[Waveform, Found]]:
    """Yield chords in all keys."""
    for tonic, mode in product(range(12), PROGRESSIONS):
        for number in range(len(PROGRESSIONS[mode])):
            yield progression(tonic, mode, number), Found(None, np.array([]), (tonic, mode))


def by_stemdrop(music: Waveform) -> Found:
    """Analyze music as a separation does."""
    found = analyze(music)
    key = None
    if found.key:
        tonic, mode = found.key.split()
        key = ((MAJOR_TONICS if mode == "major" else MINOR_TONICS).index(tonic), mode)
    return Found(found.tempo_bpm, np.array(found.beats_s), key)


def by_librosa(files: list[Path]) -> list[Found]:
    """Analyze files with librosa."""
    command = [str(PYTHON), str(SCRIPT), *map(str, files)]
    output = subprocess.run(command, capture_output=True, check=True, text=True).stdout
    lines = map(json.loads, output.splitlines())
    return [
        Found(line["tempo_bpm"], np.array(line["beats_s"]), (line["key"][0], line["key"][1]))
        for line in lines
    ]


def f_measure(found_s: NDArray[np.float64], true_s: NDArray[np.float64]) -> float:
    """Return the harmonic mean of the shares of found and of true beats that have a partner."""
    if not len(found_s):
        return 0.0
    precision = float(np.mean(distances_s(found_s, true_s) < BEAT_TOLERANCE_S))
    recall = float(np.mean(distances_s(true_s, found_s) < BEAT_TOLERANCE_S))
    return 2 * precision * recall / max(precision + recall, 1e-9)


def rate(found: list[Found], true: list[Found]) -> dict[str, float]:
    """Return the shares of right tempos and keys, and the mean F-measure of the beats."""
    pairs = list(zip(found, true, strict=True))
    ratings: dict[str, float] = {}
    if true[0].tempo_bpm:
        ratios = np.array([(one.tempo_bpm or 0) / (other.tempo_bpm or 1) for one, other in pairs])
        is_near = {level: np.abs(ratios / level - 1) < TEMPO_TOLERANCE for level in (0.5, 1, 2)}
        ratings["tempo"] = float(np.mean(is_near[1]))
        ratings["tempo, half or double"] = float(np.mean(np.any(list(is_near.values()), axis=0)))
        ratings["beats"] = float(np.mean([f_measure(f.beats_s, t.beats_s) for f, t in pairs]))
    if true[0].key:
        ratings["key"] = float(np.mean([one.key == other.key for one, other in pairs]))
    return ratings


def main() -> int:
    """Print how often both programs are right, and return the exit status."""
    groups = {"songs": songs, "patterns of drums": drum_patterns, "progressions": progressions}
    print(f"{'':44}{'stemdrop':>10}{'librosa':>10}")
    with TemporaryDirectory(prefix="stemdrop-") as folder:
        for name, make in groups.items():
            true: list[Found] = []
            by_us: list[Found] = []
            files: list[Path] = []
            for music, known in make():
                true.append(known)
                by_us.append(by_stemdrop(music))
                files.append(Path(folder, f"{name} {len(files)}.wav"))
                write_wav(files[-1], [music])
            by_them = rate(by_librosa(files), true)
            for measure, share in rate(by_us, true).items():
                label = f"{len(true)} {name}: {measure}"
                print(f"{label:44}{share:>10.2f}{by_them[measure]:>10.2f}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
