import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from benchmarks.songs.composition import compose
from benchmarks.songs.instruments import SAMPLE_RATE_HZ, Waveform, bass_note
from benchmarks.songs.song import blocks, generate
from benchmarks.songs.voice import SungNote, sing

SOURCES = ("vocals", "drums", "bass", "other")
PRINT_SONG = f"""
import sys
from benchmarks.songs.song import generate
song = generate(3, seed=7)
for name in {SOURCES}:
    sys.stdout.buffer.write(getattr(song, name).tobytes())
"""


def strongest_hz(sound: Waveform) -> float:
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound))))
    return float(np.argmax(spectrum)) * SAMPLE_RATE_HZ / len(sound)


def loudness_db(waveform: Waveform) -> float:
    return float(10 * np.log10(np.mean(np.square(waveform, dtype=np.float64))))


def energy_of_pitch_classes(sound: Waveform) -> NDArray[np.float64]:
    energy = np.square(np.abs(np.fft.rfft(sound)))
    frequencies_hz = np.fft.rfftfreq(len(sound), 1 / SAMPLE_RATE_HZ)
    is_low = (frequencies_hz > 30) & (frequencies_hz < 500)
    pitches = np.round(12 * np.log2(frequencies_hz[is_low] / 440) + 69).astype(int)
    energies = np.zeros(12)
    np.add.at(energies, pitches % 12, energy[is_low])
    return energies


@settings(max_examples=4)
@given(
    samples=st.one_of(st.integers(1, 5000), st.integers(5000, 12 * SAMPLE_RATE_HZ)),
    seed=st.integers(0, 2**32),
    channels=st.sampled_from([1, 2]),
)
def test_every_song_is_the_sum_of_its_stems_and_never_clips(
    samples: int, seed: int, channels: int
) -> None:
    song = generate(samples / SAMPLE_RATE_HZ, seed=seed, channels=channels)
    stems = [getattr(song, name) for name in SOURCES]
    for waveform in (*stems, song.accompaniment, song.mix):
        assert waveform.shape == (samples, 2)
        assert waveform.dtype == np.float32
    np.testing.assert_allclose(np.sum(stems, axis=0, dtype=np.float64), song.mix, atol=1e-6)
    np.testing.assert_allclose(song.vocals + song.accompaniment, song.mix, atol=1e-6)
    assert np.abs(song.mix).max() <= 0.9
    assert (channels == 1) == all(np.array_equal(stem[:, 0], stem[:, 1]) for stem in stems)


def test_a_seed_gives_the_same_song_in_another_process(root: Path) -> None:
    environment = os.environ | {"PYTHONHASHSEED": "3"}
    command = [sys.executable, "-c", PRINT_SONG]
    other = subprocess.run(command, env=environment, cwd=root, capture_output=True, check=True)
    song = generate(3, seed=7)
    assert other.stdout == b"".join(getattr(song, name).tobytes() for name in SOURCES)


def test_another_seed_gives_another_song() -> None:
    mixes = [generate(4, seed=seed).mix.ravel() for seed in range(3)]
    correlations = np.abs(np.corrcoef(mixes) - np.eye(3))
    assert correlations.max() < 0.6


@pytest.mark.parametrize("seed", range(4))
def test_voice_bass_and_keyboard_are_in_the_same_major_key(seed: int) -> None:
    scale = np.array([0, 2, 4, 5, 7, 9, 11])
    section = compose(seed).section(0)
    shares = []
    for instrument in ("vocals", "bass", "keyboard"):
        energy = energy_of_pitch_classes(section[instrument])
        in_key = [energy[(tonic + scale) % 12].sum() for tonic in range(12)]
        shares.append(in_key / energy.sum())
    assert np.max(np.min(shares, axis=0)) > 0.8


def test_concatenated_blocks_equal_the_song() -> None:
    song = generate(24.5, seed=2)
    parts = list(blocks(24.5, seed=2))
    assert len(parts) > 2
    assert max(len(part.mix) for part in parts) < 12 * SAMPLE_RATE_HZ
    assert np.array_equal(np.concatenate([part.mix for part in parts]), song.mix)
    short = generate(3.3, seed=2)
    assert np.array_equal(short.mix, song.mix[: len(short.mix)])
    first, second = parts[0].vocals, parts[1].vocals
    assert not np.array_equal(first[: len(second)], second[: len(first)])


def test_sources_have_different_positions() -> None:
    song = generate(12)
    balances_db = [
        loudness_db(stem[:, 1]) - loudness_db(stem[:, 0])
        for stem in (getattr(song, name) for name in SOURCES)
    ]
    gaps_db = np.diff(sorted(balances_db))
    assert gaps_db.min() > 0.3
    assert abs(balances_db[0]) < 0.01


def test_all_sources_play_from_the_start_and_vocals_pause() -> None:
    song = generate(30, seed=4)
    for name in SOURCES:
        assert loudness_db(getattr(song, name)[:13_230]) > -50
    tenths = song.vocals[: 300 * 4410, 0].reshape(300, 4410)
    silent = np.count_nonzero(~tenths.any(axis=1))
    assert 15 <= silent <= 150


@pytest.mark.parametrize("channels", [0, 3])
def test_other_channel_counts_are_refused(channels: int) -> None:
    with pytest.raises(ValueError, match="channels"):
        generate(1, channels=channels)


def test_instruments_play_in_tune() -> None:
    assert strongest_hz(bass_note(45, SAMPLE_RATE_HZ)) == pytest.approx(110, abs=2)


@pytest.mark.parametrize("pitch", [57, 62, 69])
def test_vocals_have_the_pitch_of_their_notes_and_are_silent_between(pitch: int) -> None:
    note = SungNote(start=22_050, length=66_150, pitch=pitch, vowel="o")
    sung = sing([note], 110_250, np.random.default_rng(1))
    assert np.abs(sung).max() == pytest.approx(1)
    assert not sung[:22_050].any()
    assert not sung[88_200:].any()
    # Vibrato smears single partials, so ask which comb of partials holds the energy.
    held = sung[55_125:83_790]
    power = np.square(np.abs(np.fft.rfft(held * np.hanning(len(held)))))
    bins_hz = np.fft.rfftfreq(len(held), 1 / SAMPLE_RATE_HZ)
    partial = bins_hz / (440 * 2 ** ((pitch - 69) / 12))
    near = (np.abs(partial - np.round(partial)) < 0.2) & (np.round(partial) > 0)
    assert power[near].sum() > 0.9 * power.sum()
    assert power[np.round(partial) == 1].sum() > 0.01 * power.sum()
