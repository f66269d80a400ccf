import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.metrics import (
    STRETCH_SAMPLES,
    max_step_difference,
    noise_to_mask_db,
    si_sdr_db,
    snr_db,
)
from benchmarks.songs.instruments import Waveform


def noise(samples: int, seed: int = 0, scale: float = 0.1) -> Waveform:
    random = np.random.default_rng(seed)
    return random.normal(scale=scale, size=(samples, 2)).astype(np.float32)


def pair_with_error(ratio_db: float) -> tuple[Waveform, Waveform]:
    """Return a reference, and an estimate with an orthogonal error of a known level."""
    time = np.arange(44_100) / 44_100
    reference = np.sin(2 * np.pi * 441 * time)
    error = np.cos(2 * np.pi * 441 * time) * 10 ** (-ratio_db / 20)
    both = np.stack([reference, reference + error])[:, :, np.newaxis].repeat(2, axis=2) * 0.5
    return both[0].astype(np.float32), both[1].astype(np.float32)


SILENCE = np.zeros((1000, 2), np.float32)
SOUND = noise(1000)


@pytest.mark.parametrize("ratio_db", [-12.0, 0.0, 6.5, 40.0, 90.0])
def test_known_error_has_the_expected_ratios(ratio_db: float) -> None:
    reference, estimate = pair_with_error(ratio_db)
    assert si_sdr_db(reference, estimate) == pytest.approx(ratio_db, abs=0.01)
    assert snr_db(reference, estimate) == pytest.approx(ratio_db, abs=0.01)


@settings(max_examples=25)
@given(gain=st.floats(0.01, 100), sign=st.sampled_from([-1, 1]))
def test_gain_changes_snr_but_not_si_sdr(gain: float, sign: int) -> None:
    reference, estimate = pair_with_error(20)
    scaled = (estimate * gain * sign).astype(np.float32)
    assert si_sdr_db(reference, scaled) == pytest.approx(20, abs=0.01)
    # With a gain g, the error is (g - 1) times the reference.
    left_over = np.square(gain * sign - 1) + np.square(gain) / 100
    assert snr_db(reference, scaled) == pytest.approx(-10 * np.log10(left_over), abs=0.01)


def test_a_long_song_is_measured_to_its_end() -> None:
    reference = noise(2 * STRETCH_SAMPLES + 77)
    estimate = reference.copy()
    estimate[-1, 1] += np.float32(0.25)
    s, e = reference.astype(float).ravel(), estimate.astype(float).ravel()
    scale = (e @ s) / (s @ s)
    si_sdr = 10 * np.log10(np.sum((scale * s) ** 2) / np.sum((e - scale * s) ** 2))
    assert si_sdr_db(reference, estimate) == pytest.approx(si_sdr)
    assert snr_db(reference, estimate) == pytest.approx(10 * np.log10(s @ s / 0.25**2), rel=1e-5)
    assert max_step_difference(reference, estimate) == pytest.approx(8192, rel=1e-5)


@pytest.mark.parametrize(
    ("reference", "estimate", "si_sdr", "snr"),
    [
        (SOUND, SOUND, np.inf, np.inf),
        (SOUND, SOUND * 2, np.inf, 0.0),
        (SILENCE, SILENCE, np.inf, np.inf),
        (SILENCE, SOUND, -np.inf, -np.inf),
        (SOUND, SILENCE, -np.inf, 0.0),
        (SILENCE[:0], SILENCE[:0], np.inf, np.inf),
    ],
)
def test_identical_and_silent_waveforms_have_defined_ratios(
    reference: Waveform, estimate: Waveform, si_sdr: float, snr: float
) -> None:
    assert si_sdr_db(reference, estimate) == si_sdr
    assert snr_db(reference, estimate) == pytest.approx(snr, abs=1e-9)


def test_largest_difference_is_in_16_bit_steps() -> None:
    other = SOUND.copy()
    other[17, 0] += np.float32(1.5 / 32_768)
    other[400, 1] -= np.float32(3 / 32_768)
    assert max_step_difference(SOUND, other) == pytest.approx(3, abs=1e-3)
    assert max_step_difference(SOUND, SOUND) == 0
    assert max_step_difference(SILENCE[:0], SILENCE[:0]) == 0


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("reference", [SOUND, SILENCE])
def test_nan_is_never_close(reference: Waveform, value: float) -> None:
    broken = reference.copy()
    broken[5, 0] = value
    assert not max_step_difference(reference, broken) < 1e9
    assert not snr_db(reference, broken) > -1e9
    assert not si_sdr_db(reference, broken) > -1e9


@pytest.mark.parametrize("metric", [si_sdr_db, snr_db, max_step_difference])
def test_waveforms_of_different_lengths_are_an_error(metric: type) -> None:
    with pytest.raises(ValueError, match="shapes"):
        metric(SOUND, SOUND[:-1])


def tone(frequency_hz: float, scale: float) -> Waveform:
    wave = scale * np.sin(2 * np.pi * frequency_hz / 44_100 * np.arange(44_100))
    return np.asarray(wave[:, np.newaxis].repeat(2, axis=1), np.float32)


def test_ten_times_the_noise_is_20_db_nearer_to_being_heard() -> None:
    song = noise(44_100)
    quiet, loud = (noise(44_100, 1, scale) for scale in (1e-4, 1e-3))
    difference_db = noise_to_mask_db(song, song + loud) - noise_to_mask_db(song, song + quiet)
    assert difference_db == pytest.approx(20, abs=0.1)


def test_noise_next_to_a_tone_is_masked_more_than_far_from_it() -> None:
    song = tone(1000, 0.5)
    ratios_db = [
        noise_to_mask_db(song, song + tone(frequency_hz, 1e-3))
        for frequency_hz in (1050, 1600, 400)
    ]
    assert ratios_db == sorted(ratios_db)
    assert ratios_db[0] + 10 < ratios_db[1]
