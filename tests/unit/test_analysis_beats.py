"""Tempo and beats of drums whose beats are known."""

from itertools import cycle

import numpy as np
import pytest

from benchmarks.songs.instruments import SAMPLE_RATE_HZ, Waveform
from known_music import PATTERNS, analyze, distances_s, drums, noise, progression, steady
from stemdrop.job_record import Job, Status, now
from stemdrop.music import Music
from stemdrop_separate.analysis.onsets import FRAMES_PER_S
from stemdrop_separate.analysis.segment_features import BAND_STARTS, STEPS, SegmentFeatures
from stemdrop_separate.analysis.song_analysis import MAX_BEATS, SongAnalyzer

SLOW_BPM, FAST_BPM = (60, 80, 100), (160, 180, 140, 120)
TOLERANCE_S = 0.05
DURATION_S = 16.0
# Where half or twice as fast is as good an answer: eighths of a slow song, halves of a fast one.
OTHER_LEVELS = {
    ("house", 180): 0.5,
    ("funk", 160): 0.5,
    ("funk", 180): 0.5,
    ("syncopated", 180): 0.5,
    ("syncopated", 60): 2.0,
}


def tones(duration_s: float) -> Waveform:
    time_s = np.arange(round(duration_s * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    tone: Waveform = (0.3 * np.sin(2 * np.pi * 440 * time_s)).astype(np.float32)
    return np.stack([tone, tone], axis=1)


# Each pattern also in a slow and in a fast tempo.
SONGS = [*OTHER_LEVELS, *zip(PATTERNS, cycle(SLOW_BPM)), *zip(PATTERNS, cycle(FAST_BPM))]


@pytest.mark.parametrize(("pattern", "tempo_bpm"), SONGS)
def test_drums_have_their_tempo_and_beats(pattern: str, tempo_bpm: int) -> None:
    beats = round(DURATION_S * tempo_bpm / 60 / 12) * 12  # whole bars
    level = OTHER_LEVELS.get((pattern, tempo_bpm), 1.0)
    music = analyze(drums(pattern, steady(tempo_bpm, 0.4), beats))
    assert music.tempo_bpm == pytest.approx(level * tempo_bpm, rel=0.003)
    assert music.tempo_confidence is not None
    assert 0.3 < music.tempo_confidence <= 1
    known_s = 0.4 + np.arange(0, beats, 1 / level) * 60 / tempo_bpm
    found_s = np.array(music.beats_s)
    if level < 1:  # on the first or on the second beat
        known_s = np.concatenate([known_s, known_s + 60 / tempo_bpm])
    assert distances_s(found_s, known_s).max() < TOLERANCE_S
    inner_s = known_s[2:-2] if level >= 1 else found_s
    assert distances_s(inner_s, found_s).max() < TOLERANCE_S
    assert np.diff(found_s).min() > 0.9 * 60 / (level * tempo_bpm)


def test_beats_follow_a_tempo_that_changes() -> None:
    # From 100 to 112 beats per minute.
    known_s = np.cumsum(60 / np.linspace(100, 112, 50))
    music = analyze(drums("rock", lambda beat: float(np.interp(beat, np.arange(50), known_s)), 48))
    assert distances_s(np.array(music.beats_s), known_s).max() < TOLERANCE_S
    assert distances_s(known_s[2:46], np.array(music.beats_s)).max() < TOLERANCE_S
    assert music.tempo_bpm == pytest.approx(106, abs=3)


def test_silence_around_music_has_no_beats() -> None:
    silence = np.zeros((8 * SAMPLE_RATE_HZ, 2), np.float32)
    music = analyze(np.concatenate([silence, drums("rock", steady(120), 32), silence]))
    assert music.tempo_bpm == pytest.approx(120, rel=0.003)
    assert music.beats_s[0] == pytest.approx(8, abs=TOLERANCE_S)
    assert music.beats_s[-1] == pytest.approx(23.5, abs=TOLERANCE_S)


def test_volume_does_not_matter() -> None:
    mix = drums("rock", steady(92), 24)
    loud, quiet = analyze(mix), analyze(np.float32(0.003) * mix)
    assert quiet.tempo_bpm == pytest.approx(loud.tempo_bpm, abs=0.01)
    assert quiet.beats_s == pytest.approx(loud.beats_s, abs=0.002)


def test_beats_of_a_part_are_on_the_clock_of_the_song() -> None:
    mix = drums("house", steady(128), 32)
    whole, part = analyze(mix), analyze(mix, offset_s=61.5)
    assert part.beats_s == pytest.approx([time_s + 61.5 for time_s in whole.beats_s], abs=0.0011)


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("duration_s", [3.2, 5.0, 20.0])
def test_noise_has_neither_tempo_nor_key(duration_s: float, seed: int) -> None:
    music = analyze(noise(duration_s, seed))
    assert (music.tempo_bpm, music.tempo_confidence, music.beats_s) == (None, None, ())
    assert (music.key, music.camelot) == (None, None)
    assert music.loudness_lufs is not None


@pytest.mark.parametrize(
    "mix",
    [np.zeros((0, 2), np.float32), np.zeros((10 * SAMPLE_RATE_HZ, 2), np.float32)],
    ids=["nothing", "silence"],
)
def test_silence_has_nothing(mix: Waveform) -> None:
    assert analyze(mix) == Music()


def test_tones_and_short_songs_have_no_tempo() -> None:
    for mix in (tones(10.0), drums("rock", steady(120), 5)):
        music = analyze(mix)
        assert (music.tempo_bpm, music.tempo_confidence, music.beats_s) == (None, None, ())


def test_tempo_and_key_are_found_in_the_same_song() -> None:
    chords, beat = progression(9, "minor", 0), drums("rock", steady(120), 32)
    music = analyze(chords + beat[: len(chords)])
    assert music.summary().startswith("120 BPM, A minor (8A), -")


def long_song(beats: int) -> Music:
    """Analyze frames of which every 20th has an onset."""
    bands = np.zeros((20 * beats, len(BAND_STARTS)), np.float32)
    bands[10::20] = 1.0
    analyzer = SongAnalyzer()
    analyzer.add(np.zeros((0, 2), np.float32), SegmentFeatures(bands, np.zeros(STEPS)))
    return analyzer.finish(0.0)


def test_list_of_beats_is_bounded() -> None:
    at_most, too_many = long_song(MAX_BEATS), long_song(MAX_BEATS + 5)
    assert MAX_BEATS - 5 <= len(at_most.beats_s) <= MAX_BEATS
    assert len(Job("drop/a", Status.DONE, now(), now(), music=at_most).to_json()) < 68_000
    assert too_many.beats_s == ()
    assert too_many.tempo_bpm == pytest.approx(60 * FRAMES_PER_S / 20, rel=0.001)
