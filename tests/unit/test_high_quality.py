from collections.abc import Callable, Iterator

import numpy as np
import pytest

from stemdrop_separate.models.network import Magnitude, Network
from stemdrop_separate.separation.high_quality import (
    FADE_FRAMES,
    FIRST_ESTIMATE_BINS,
    HALF_FRAMES,
    HALF_SAMPLES,
    SECOND_ESTIMATE_BINS,
    TOPMOST_BINS,
    SegmentEstimate,
    average_estimates,
    extended_masks,
    first_estimate,
    second_estimate,
)
from stemdrop_separate.separation.stft import BINS, SEGMENT_FRAMES, SEGMENT_SAMPLES, Samples

INSTRUMENTS = ("vocals", "accompaniment")


class LeftVocalsBackend:
    """A backend that assigns the left channel to the vocals."""

    parallel = 1

    def estimate(self, magnitude: Magnitude) -> dict[str, Magnitude]:
        left = np.array([1, 0], np.float32)[:, None, None]
        return {"vocals": magnitude * left, "accompaniment": magnitude * (1 - left)}


def estimates(
    shares: list[float], bins: tuple[int, int] = (FIRST_ESTIMATE_BINS, SECOND_ESTIMATE_BINS)
) -> Iterator[SegmentEstimate]:
    """Yield estimates of a spectrum of ones, each with a constant share of vocals."""
    for index, share in enumerate(shares):
        shape = (2, SEGMENT_FRAMES, bins[index % 2])
        vocals = np.full(shape, share, np.float32)
        yield SegmentEstimate(
            mix=np.zeros((2, HALF_SAMPLES), np.float32),
            spectrum=np.ones((2, HALF_FRAMES, BINS), np.complex64),
            magnitudes={"vocals": vocals, "accompaniment": 1 - vocals},
        )


def mask(shares: list[float]) -> Samples:
    """Return the mask of the vocals, shape (frames, bins)."""
    averages = average_estimates(estimates(shares))
    masks = [extended_masks(magnitudes)["vocals"] for _, magnitudes in averages]
    joined: Samples = np.concatenate(masks, axis=1)[0]
    return joined


def test_estimates_fade_into_each_other() -> None:
    low = mask([0.0, 1.0, 0.0, 1.0, 0.2])[:, 0]
    steps = np.abs(np.diff(low))
    assert steps.max() == pytest.approx(0.5 / FADE_FRAMES, abs=1e-5)
    # The first half segment has one estimate. The middle of all others has both.
    np.testing.assert_allclose(low[:HALF_FRAMES], 0, atol=1e-6)
    for half, mean in enumerate([0.5, 0.5, 0.5, 0.6], start=1):
        start = half * HALF_FRAMES
        middle = low[start + FADE_FRAMES : start + HALF_FRAMES - FADE_FRAMES]
        np.testing.assert_allclose(middle, mean, atol=1e-6)


def test_other_estimate_counts_alone_at_a_segments_border() -> None:
    low = mask([0.0, 0.4, 1.0])[:, 0]
    border = 2 * HALF_FRAMES
    np.testing.assert_allclose(
        low[border - 1 : border + 1], [0.4 * (1 - 0.25 / 16), 0.4 + 0.6 / 64], atol=1e-6
    )


def test_second_estimate_counts_up_to_its_highest_bin() -> None:
    voice = mask([0.0, 1.0])[HALF_FRAMES + HALF_FRAMES // 2]
    np.testing.assert_allclose(voice[:SECOND_ESTIMATE_BINS], 0.5, atol=1e-6)
    np.testing.assert_allclose(voice[SECOND_ESTIMATE_BINS:], 0.0, atol=1e-6)


def test_mask_continues_above_the_highest_bin() -> None:
    (only,) = estimates([0.5])
    rising = np.linspace(0, 1, FIRST_ESTIMATE_BINS, dtype=np.float32)
    only.magnitudes["vocals"][:] = rising
    only.magnitudes["accompaniment"][:] = 1 - rising
    ((_, magnitudes),) = average_estimates([only])
    vocals, accompaniment = extended_masks(magnitudes).values()
    np.testing.assert_allclose(vocals + accompaniment, 1, atol=1e-6)
    np.testing.assert_allclose(vocals[0, 0, :FIRST_ESTIMATE_BINS], rising, atol=1e-6)
    top = rising[-TOPMOST_BINS:].mean()
    np.testing.assert_allclose(vocals[0, 0, FIRST_ESTIMATE_BINS:], top, atol=1e-6)


@pytest.mark.parametrize(("take", "vocals_on"), [(first_estimate, 0), (second_estimate, 1)])
def test_second_estimate_swaps_left_and_right_and_back(
    take: Callable[[Network, Samples], SegmentEstimate], vocals_on: int
) -> None:
    network = Network(INSTRUMENTS, 1024, LeftVocalsBackend())
    segment = np.random.default_rng(1).normal(size=(2, SEGMENT_SAMPLES)).astype(np.float32)
    seen = take(network, segment).magnitudes["vocals"]
    assert seen.shape[2] in {FIRST_ESTIMATE_BINS, SECOND_ESTIMATE_BINS}
    assert seen[vocals_on].any()
    assert not seen[1 - vocals_on].any()
