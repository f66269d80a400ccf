import itertools
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import reference_separation
from stemdrop.errors import SeparationError
from stemdrop.options import Quality
from stemdrop_separate.models.network import Magnitude, Network
from stemdrop_separate.separation.high_quality import HALF_SAMPLES
from stemdrop_separate.separation.separate import separate
from stemdrop_separate.separation.stft import FRAME, SEGMENT_SAMPLES, Samples

INSTRUMENTS = ("vocals", "accompaniment")


class VaryingBackend:
    """A backend whose estimates depend on the whole segment, to detect wrong borders."""

    def __init__(self, parallel: int = 1) -> None:
        self.parallel = parallel

    def estimate(self, magnitude: Magnitude) -> dict[str, Magnitude]:
        ramp = np.linspace(0.1, 1, magnitude.shape[2], dtype=np.float32)[:, None]
        ramp = ramp * np.array([1, 0.7], np.float32)[:, None, None]  # left and right
        level = magnitude.mean(axis=(1, 2, 3), keepdims=True)
        high = np.linspace(0, 1, magnitude.shape[3], dtype=np.float32)
        return {
            "vocals": magnitude * ramp * high,
            "accompaniment": np.minimum(magnitude, level) * (1 - high),
        }


class NanBackend:
    """A backend whose estimates contain NaN."""

    parallel = 2

    def estimate(self, magnitude: Magnitude) -> dict[str, Magnitude]:
        return {"vocals": magnitude * np.float32("nan"), "accompaniment": magnitude}


class CountingBackend(VaryingBackend):
    """Counts the magnitudes that the network processes."""

    work = 0

    def estimate(self, magnitude: Magnitude) -> dict[str, Magnitude]:
        self.work += magnitude.size
        return super().estimate(magnitude)


def network(bins: int = 1024, parallel: int = 1) -> Network:
    return Network(INSTRUMENTS, bins, VaryingBackend(parallel))


def noise(samples: int, seed: int = 0) -> Samples:
    mix = np.random.default_rng(seed).normal(scale=0.2, size=(samples, 2))
    return mix.astype(np.float32)


def split(mix: Samples, sizes: list[int]) -> Iterator[Samples]:
    start = 0
    for size in itertools.cycle(sizes):
        if start >= len(mix):
            return
        yield mix[start : start + size]
        start += size


def joined(parts: list[dict[str, Samples]], stem: str) -> NDArray[np.float32]:
    return np.concatenate([part[stem] for part in parts])


# Lengths near the borders of segments, frames and hops, and any others.
LENGTHS = st.one_of(
    st.integers(1, 9000),
    st.sampled_from([HALF_SAMPLES, SEGMENT_SAMPLES, 3 * HALF_SAMPLES, 2 * SEGMENT_SAMPLES]).flatmap(
        lambda border: st.integers(border - 9000, border + 9000)
    ),
)


@settings(max_examples=3)
@given(
    samples=LENGTHS,
    sizes=st.lists(st.integers(1, 300_000), min_size=1),
    parallel=st.integers(1, 4),
    bins=st.sampled_from([1024, 1536]),
)
@example(samples=2 * SEGMENT_SAMPLES + 5000, sizes=[70_000], parallel=2, bins=1024)
def test_stream_equals_whole_song(samples: int, sizes: list[int], parallel: int, bins: int) -> None:
    mix = noise(samples)
    blocks = split(mix, [max(size, samples // 50) for size in sizes])
    parts = list(separate(blocks, network(bins, parallel)))
    expected = reference_separation.separate(mix.astype(float), bins, VaryingBackend().estimate)
    assert np.array_equal(np.concatenate([part.mix for part in parts]), mix)
    for stem, waveform in expected.items():
        streamed = joined([part.stems for part in parts], stem)
        assert streamed.shape == mix.shape
        assert streamed.dtype == np.float32
        np.testing.assert_allclose(streamed, waveform, atol=2e-6)


@settings(max_examples=3)
@given(
    samples=LENGTHS,
    sizes=st.lists(st.integers(1, 300_000), min_size=1),
    parallel=st.integers(1, 4),
    bins=st.sampled_from([1024, 1536]),
)
@example(samples=1, sizes=[1], parallel=1, bins=1024)
@example(samples=HALF_SAMPLES - FRAME, sizes=[HALF_SAMPLES], parallel=1, bins=1024)
@example(samples=2 * SEGMENT_SAMPLES + 5000, sizes=[70_000], parallel=2, bins=1536)
def test_high_quality_stream_equals_whole_song_and_adds_up(
    samples: int, sizes: list[int], parallel: int, bins: int
) -> None:
    mix = noise(samples)
    blocks = split(mix, [max(size, samples // 50) for size in sizes])
    parts = list(separate(blocks, network(bins, parallel), quality=Quality.HIGH))
    expected = reference_separation.separate_high(mix.astype(float), VaryingBackend().estimate)
    assert np.array_equal(np.concatenate([part.mix for part in parts]), mix)
    for stem, waveform in expected.items():
        streamed = joined([part.stems for part in parts], stem)
        assert streamed.dtype == np.float32
        np.testing.assert_allclose(streamed, waveform, atol=2e-6)
    total = np.sum([joined([part.stems for part in parts], stem) for stem in expected], axis=0)
    np.testing.assert_allclose(total, mix, atol=2e-6)


@pytest.mark.parametrize("quality", Quality)
def test_subset_equals_the_same_stem_of_all(quality: Quality) -> None:
    mix = noise(400_000)
    everything = list(separate([mix], network(), quality=quality))
    alone = list(separate([mix], network(), ["vocals"], quality))
    assert [set(part.stems) for part in alone] == [{"vocals"}] * len(alone)
    assert np.array_equal(
        joined([part.stems for part in alone], "vocals"),
        joined([part.stems for part in everything], "vocals"),
    )


@pytest.mark.parametrize("quality", Quality)
@pytest.mark.parametrize("parallel", [1, 2, 6])
def test_separation_reads_only_the_segments_it_needs(parallel: int, quality: Quality) -> None:
    taken = 0

    def endless() -> Iterator[Samples]:
        nonlocal taken
        while True:
            taken += 10_000
            yield noise(10_000, taken)

    stream = separate(endless(), network(parallel=parallel), quality=quality)
    for segment in range(1, 4):
        next(stream)
        assert taken <= (segment + parallel) * SEGMENT_SAMPLES + 10_000


@pytest.mark.parametrize("quality", Quality)
def test_silence_stays_silent(quality: Quality) -> None:
    parts = list(separate([np.zeros((400_000, 2), np.float32)], network(), quality=quality))
    assert not np.any(joined([part.stems for part in parts], "vocals"))


@settings(max_examples=12)
@given(
    samples=st.integers(1, 6000),
    scale_db=st.floats(-120, 40),
    tone_hz=st.one_of(st.none(), st.floats(0, 22_050)),
    quality=st.sampled_from(Quality),
)
def test_no_song_fails_the_energy_check(
    samples: int, scale_db: float, tone_hz: float | None, quality: Quality
) -> None:
    mix = noise(samples)
    if tone_hz is not None:
        mix = np.sin(2 * np.pi * tone_hz / 44_100 * np.arange(samples))[:, None].repeat(2, 1)
    scaled = (mix * 10 ** (scale_db / 20)).astype(np.float32)
    assert sum(len(part.mix) for part in separate([scaled], network(), quality=quality)) == samples


@pytest.mark.parametrize("quality", Quality)
def test_nan_estimates_are_an_error(quality: Quality) -> None:
    broken = Network(INSTRUMENTS, 1024, NanBackend())
    with pytest.raises(SeparationError):
        list(separate([noise(5000)], broken, quality=quality))


@settings(max_examples=4)
@given(samples=st.integers(1, 3 * SEGMENT_SAMPLES))
@example(samples=SEGMENT_SAMPLES - FRAME)
@example(samples=SEGMENT_SAMPLES - FRAME + 1)
@example(samples=HALF_SAMPLES - FRAME + 1)
def test_high_quality_takes_at_most_twice_the_networks_work(samples: int) -> None:
    work = {}
    for quality in Quality:
        backend = CountingBackend()
        list(separate([noise(samples)], Network(INSTRUMENTS, 1024, backend), quality=quality))
        work[quality] = backend.work
    assert work[Quality.SPLEETER] < work[Quality.HIGH] <= 2 * work[Quality.SPLEETER]
