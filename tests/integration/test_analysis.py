"""Analysis of songs, as the pipeline does it, and loudness against ffmpeg's meter."""

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import media
import tiny_models
from benchmarks.songs.instruments import SAMPLE_RATE_HZ, Waveform
from benchmarks.songs.song import generate
from known_music import analyze, drums, noise, progression, steady
from media import FFMPEG
from stemdrop.music import Music
from stemdrop.options import Options
from stemdrop_separate.analysis.loudness import LoudnessMeter
from stemdrop_separate.models.catalog import Models
from stemdrop_separate.pipeline import separate_song

DURATION_S = 16.0


def song() -> Waveform:
    chords = progression(4, "minor", 0)
    return chords + drums("rock", steady(120), round(2 * DURATION_S))[: len(chords)]


def music_of(path: Path, **given: object) -> Music:
    """Return the analysis; the tiny model gives the same as a real one, in less time."""
    options = Options.parse({"stems": "vocals", **given})
    targets = {"vocals": path.with_name("vocals.wav")}
    tiny_models.install(path.parent)
    network = Models(path.parent).load(options.model)
    return separate_song(path, targets, options, network, FFMPEG).music


def test_quality_and_model_do_not_change_the_analysis(tmp_path: Path) -> None:
    path = media.wav(tmp_path / "song.wav", song())
    alone = analyze(song())
    assert alone.summary().startswith("120 BPM, E minor (9A), -")
    assert music_of(path) == alone
    assert music_of(path, quality="high") == alone
    assert music_of(path, model="2stems-16kHz") == alone


def test_beats_of_a_part_are_on_the_clock_of_the_song(tmp_path: Path) -> None:
    path = media.wav(tmp_path / "song.wav", song())
    part = music_of(path, offset_s=6.2, duration_s=7)
    assert part.tempo_bpm == pytest.approx(120, rel=0.003)
    on_the_clock = np.array(part.beats_s)
    assert on_the_clock.min() > 6.2
    assert on_the_clock.max() < 13.2
    np.testing.assert_allclose(2 * on_the_clock, np.rint(2 * on_the_clock), atol=0.06)


def gated(levels_db: tuple[float, ...], duration_s: float) -> Waveform:
    gains = (np.float32(10 ** (level / 20)) for level in levels_db)
    return np.concatenate([gain * noise(duration_s, seed) for seed, gain in enumerate(gains)])


def sweep() -> Waveform:
    time_s = np.arange(20 * SAMPLE_RATE_HZ) / SAMPLE_RATE_HZ
    tone: Waveform = np.sin(2 * np.pi * 20 * 20 * 1.4**time_s / np.log(1.4)).astype(np.float32)
    return np.stack([np.float32(0.3) * tone, np.float32(0.03) * tone], axis=1)


@pytest.mark.parametrize(
    "signal",
    [
        lambda: noise(10.0),
        lambda: gated((0, -30, 0, -90, 3, -7), 1.7),
        lambda: gated((-40, -8, 6, -60), 3.3),
        sweep,
        lambda: noise(6.0) * np.array([1, 0], np.float32),
        lambda: generate(20.0, seed=3).mix,
        lambda: noise(0.7),
    ],
    ids=["noise", "gated", "quiet and loud", "sweep", "left", "song", "0.7 s"],
)
def test_loudness_agrees_with_ffmpeg(signal: Callable[[], Waveform]) -> None:
    samples, meter = signal(), LoudnessMeter()
    meter.add(samples)
    raw = ("-f", "f32le", "-ar", str(SAMPLE_RATE_HZ), "-ac", "2", "-i", "pipe:0")
    measured = subprocess.run(
        [str(FFMPEG), "-nostats", *raw, "-af", "ebur128=peak=sample", "-f", "null", "-"],
        input=samples.tobytes(),
        capture_output=True,
        check=True,
    ).stderr.decode()
    loudness = re.findall(r"I: +(\S+) LUFS", measured)[-1]
    peak = re.findall(r"Peak: +(\S+) dBFS", measured)[-1]
    assert meter.integrated_lufs() == pytest.approx(float(loudness), abs=0.1)
    assert meter.peak_dbfs == pytest.approx(float(peak), abs=0.06)
