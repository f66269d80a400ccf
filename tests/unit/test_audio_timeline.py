import io
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stemdrop.errors import DamagedError
from stemdrop_separate.audio.timeline import FrameLog, Hole, Timeline, with_silence

BLOCK = 1024
RATE_HZ = 44_100


def holes(
    stamps: Sequence[int | None],
    samples: int = BLOCK,
    rate_hz: int = RATE_HZ,
    *,
    lags: bool = False,
) -> list[Hole]:
    timeline = Timeline(lags=lags)
    for stamp in stamps:
        timeline.add(stamp, samples, rate_hz)
    return timeline.holes


def log(*lines: str) -> FrameLog:
    return FrameLog(io.BytesIO("".join(line + "\n" for line in lines).encode()))


def frame(stamp: int | str, samples: int = 0) -> str:
    numbers = [stamp] if not samples else [-(10**15), samples, RATE_HZ, stamp]
    return "\n".join(
        f"[Eval @ 0x7f5] [error] {number}" + (".000000" if isinstance(number, int) else "")
        for number in numbers
    )


def test_consecutive_blocks_have_no_holes() -> None:
    assert holes([BLOCK * block for block in range(1000)]) == []
    assert holes([5_000_000 + BLOCK * block for block in range(1000)]) == []
    assert holes([None, None, None]) == []


@given(st.lists(st.integers(1, 20), min_size=1, max_size=20), st.integers(0, 2**40))
def test_missing_blocks_are_counted(lost: list[int], first: int) -> None:
    stamps = [first]
    for blocks in lost:
        stamps.append(stamps[-1] + BLOCK * (1 + blocks))
    assert [hole.samples for hole in holes(stamps)] == [BLOCK * blocks for blocks in lost]


@given(st.lists(st.integers(1, 300), min_size=1, max_size=10))
def test_clock_that_loses_part_of_a_sample_in_each_block_hides_no_hole(apart: list[int]) -> None:
    # That of raw DTS at 44.1 kHz counts 511.6 samples for a block of 512.
    stamps, position = [0], 0
    for blocks in apart:
        for lost in [*[0] * blocks, 1]:
            position += 1 + lost
            stamps.append(int(511.6 * position))
    assert [hole.samples for hole in holes(stamps, 512, lags=True)] == [512] * len(apart)


@given(st.lists(st.integers(1, 20), min_size=1, max_size=20), st.sampled_from([32_000, 48_000]))
def test_stamps_in_milliseconds_lose_no_sample(lost: list[int], rate_hz: int) -> None:
    stamps, at = [0], 0
    for blocks in lost:
        at += BLOCK * (1 + blocks)
        stamps.append(round(round(at / rate_hz, 3) * rate_hz))
    missing_s = sum(lost) * BLOCK / rate_hz
    found = holes(stamps, rate_hz=rate_hz)
    assert sum(hole.samples for hole in found) == pytest.approx(
        missing_s * RATE_HZ, abs=len(lost) / 2 + 0.01
    )


@given(st.lists(st.integers(-400, 400), min_size=2, max_size=100))
def test_jitter_is_no_hole(jitter: list[int]) -> None:
    found = holes([BLOCK * block + late // 2 for block, late in enumerate(jitter)])
    assert found == []


def test_time_stamps_that_begin_again_are_no_hole() -> None:
    whole = [BLOCK * block for block in range(100)]
    assert holes([*whole, *whole]) == []


def test_blocks_that_overlap_do_not_hide_a_later_hole() -> None:
    stamps = [0, BLOCK - 500, 2 * BLOCK - 500, 10 * BLOCK]
    (hole,) = holes(stamps)
    assert (hole.start, hole.samples) == (3 * BLOCK, 7 * BLOCK)


def test_holes_lie_where_sound_is_missing() -> None:
    found = holes([0, 2 * BLOCK, 3 * BLOCK, 6 * BLOCK])
    assert found == [Hole(BLOCK, BLOCK, BLOCK), Hole(3 * BLOCK, 4 * BLOCK, 2 * BLOCK)]


@pytest.mark.parametrize("block_samples", [100, 1024, 3000, 10_000])
def test_silence_is_inserted_at_the_sample(block_samples: int) -> None:
    frames = log(frame(0, BLOCK), *(frame(stamp * BLOCK) for stamp in [2, 3, 6, 7]))
    decoded = np.arange(1.0, 5 * BLOCK + 1, dtype=np.float32)
    sound = np.stack([decoded, -decoded], axis=1)
    blocks = (sound[at : at + block_samples] for at in range(0, len(sound), block_samples))
    whole = np.concatenate(list(with_silence(blocks, frames, 10 / RATE_HZ)))
    parts = sound.reshape(5, BLOCK, 2)
    empty = np.zeros((BLOCK, 2), np.float32)
    expected = [empty[:10], parts[0], empty, *parts[1:3], empty, empty, *parts[3:]]
    np.testing.assert_array_equal(whole, np.concatenate(expected))


def test_an_hour_without_sound_is_refused() -> None:
    frames = log(frame(0, BLOCK), frame(10**14))
    block = np.ones((2 * BLOCK, 2), np.float32)
    with pytest.raises(DamagedError, match="more than an hour"):
        list(with_silence([block], frames, 0.0))


def test_log_keeps_only_messages() -> None:
    frames = log(
        frame("nan", BLOCK),
        "[flac @ 0x55] [error] invalid residual",
        frame(5 * BLOCK),
        frame(9 * BLOCK),
        "[aist#0:0/flac @ 0x55] [dec:flac @ 0x56] [fatal] broken",
    )
    assert frames.text().splitlines() == [
        "[flac @ 0x55] [error] invalid residual",
        "[aist#0:0/flac @ 0x55] [dec:flac @ 0x56] [fatal] broken",
    ]
    assert frames.holes() == [Hole(2 * BLOCK, 2 * BLOCK, 3 * BLOCK)]


def test_length_and_rate_of_blocks_may_change() -> None:
    frames = log(frame(0, BLOCK), frame(BLOCK), frame(2 * BLOCK, 500), frame(2 * BLOCK + 500))
    list(with_silence([np.ones((2 * BLOCK + 1000, 2), np.float32)], frames, 0.0))
    assert frames.holes() == []
