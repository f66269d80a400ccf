import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from stemdrop_separate.audio.vocals_blend import SHARE, VocalsBlend
from stemdrop_separate.separation.stft import SAMPLE_RATE_HZ, Samples


def noise(duration_s: float, level: float, seed: int) -> Samples:
    samples = round(duration_s * SAMPLE_RATE_HZ)
    sound = np.random.default_rng(seed).standard_normal((samples, 2))
    return (level * sound).astype(np.float32)


@given(st.lists(st.integers(0, 60_000), max_size=4), st.floats(0, 1), st.floats(0, 1))
def test_mix_is_added_below_the_voice_and_within_its_share(
    lengths: list[int], voice: float, band: float
) -> None:
    blend = VocalsBlend()
    for seed, length in enumerate(lengths):
        vocals, mix = noise(1.5, voice, seed)[:length], noise(1.5, band, seed + 10)[:length]
        added = blend.add(vocals, mix) - vocals
        assert added.dtype == np.float32
        assert np.all(np.abs(added) <= SHARE * np.abs(mix) + 1e-6)
        if length > 10_000:
            assert np.std(added) <= 1.2 * np.std(vocals) + 1e-6


def test_silent_vocals_stay_silent() -> None:
    mix = noise(2, 0.2, 1)
    assert not VocalsBlend().add(np.zeros_like(mix), mix).any()


def test_gain_has_no_step_between_two_parts() -> None:
    vocals, mix = noise(4, 0.1, 1), np.ones((4 * SAMPLE_RATE_HZ, 2), np.float32)
    vocals[: 2 * SAMPLE_RATE_HZ] *= 0.01
    blend, half = VocalsBlend(), 2 * SAMPLE_RATE_HZ + 77
    parts = [blend.add(vocals[part], mix[part]) for part in (slice(half), slice(half, None))]
    gain = (np.concatenate(parts) - vocals)[:, 0]
    assert np.ptp(gain) > 0.05
    assert np.abs(np.diff(gain)).max() < 0.001
