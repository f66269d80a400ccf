"""Voice activity, windows and times of words, on levels without sound."""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stemdrop.errors import LyricsTimedOutError
from stemdrop.lyrics import Word
from stemdrop_separate.deadline import Deadline
from stemdrop_separate.lyrics.time_limit import require_time
from stemdrop_separate.lyrics.vocals_reader import SpeechSamples, VocalsParts
from stemdrop_separate.lyrics.voice_activity import (
    FRAME_SAMPLES,
    FRAMES_PER_S,
    Levels,
    VoiceActivity,
    VoicedSpan,
    find_voice,
    measure_levels,
)
from stemdrop_separate.lyrics.voice_windows import (
    LONGEST_WINDOW_S,
    VoiceWindow,
    make_windows,
    samples_of,
)
from stemdrop_separate.lyrics.word_times import place_words

SILENCE_DBFS = -100.0
LONGEST = LONGEST_WINDOW_S * FRAMES_PER_S


def levels(*parts: tuple[float, float]) -> Levels:
    """Return levels of parts, each with its seconds and its level in dBFS."""
    return np.concatenate(
        [np.full(round(s * FRAMES_PER_S), level, np.float32) for s, level in parts]
    )


def spans_s(activity: VoiceActivity) -> list[tuple[float, float]]:
    return [(span.start / FRAMES_PER_S, span.end / FRAMES_PER_S) for span in activity.spans]


PARTS = st.lists(
    st.tuples(st.floats(0.02, 40), st.sampled_from([SILENCE_DBFS, -62.0, -50.0, -30.0, -12.0])),
    min_size=1,
    max_size=12,
)


@given(PARTS)
def test_windows_contain_each_voiced_frame_once_and_in_order(
    parts: list[tuple[float, float]],
) -> None:
    activity = find_voice(levels(*parts))
    windows = list(make_windows(activity.spans, activity.levels_dbfs))
    spans = [span for window in windows for span in window.spans]
    covered = np.concatenate([np.arange(s.start, s.end) for s in spans] or [np.zeros(0, int)])
    assert np.all(np.diff(covered) > 0)
    assert set(np.flatnonzero(activity.is_voiced)) <= set(covered)
    assert all(0 < window.frames <= LONGEST for window in windows)
    assert all(0 <= span.start < span.end <= len(activity.levels_dbfs) for span in spans)


@given(PARTS, st.floats(-20, 5))
def test_level_of_the_recording_changes_nothing(
    parts: list[tuple[float, float]], gain_db: float
) -> None:
    loud = [(s, 0.0 if level > -40 else SILENCE_DBFS) for s, level in parts]
    found = find_voice(levels(*loud) - 25)
    assert find_voice(levels(*loud) - 25 + np.float32(gain_db)).spans == found.spans


@pytest.mark.parametrize(
    "parts",
    [
        [],
        [(60.0, SILENCE_DBFS)],
        [(60.0, -61.0)],
        [(1.0, SILENCE_DBFS), (0.06, -35.0)] * 20,
    ],
    ids=["no samples", "silence", "faint", "strokes of a drum"],
)
def test_residue_of_an_instrumental_is_no_voice(parts: list[tuple[float, float]]) -> None:
    activity = find_voice(levels(*parts, (0.0, 0.0)))
    assert activity.spans == ()
    assert not activity.is_voiced.any()


def test_residue_next_to_a_voice_is_no_voice() -> None:
    activity = find_voice(levels((10, -50), (5, -15), (10, -50)))
    assert spans_s(activity) == [(9.8, 15.2)]


def test_quiet_verse_next_to_a_loud_chorus_is_voice() -> None:
    activity = find_voice(levels((5, -35), (2, SILENCE_DBFS), (5, -12)))
    assert spans_s(activity) == [(0, 5.2), (6.8, 12)]


def test_window_ends_at_the_longest_pause() -> None:
    lines = [(4.0, -15.0), (0.6, SILENCE_DBFS)] * 4 + [(2.0, SILENCE_DBFS)]
    activity = find_voice(levels(*lines * 4))
    windows = list(make_windows(activity.spans, activity.levels_dbfs))
    assert [len(window.spans) for window in windows] == [4] * 4


def test_voice_without_pause_is_cut_where_it_is_quietest() -> None:
    activity = find_voice(levels((24, -15), (0.1, -40), (20, -15)))
    first, second = make_windows(activity.spans, activity.levels_dbfs)
    assert first.spans[0].end == second.spans[0].start
    assert 24 <= first.spans[0].end / FRAMES_PER_S <= 24.1


@given(st.integers(1, 5000), st.integers(1, 2000))
def test_levels_do_not_depend_on_the_blocks(samples: int, block_frames: int) -> None:
    sound = np.random.default_rng(samples).standard_normal(samples).astype(np.float32)
    size = block_frames * FRAME_SAMPLES
    parts = [sound[start : start + size] for start in range(0, samples, size)]
    np.testing.assert_allclose(measure_levels(parts), measure_levels([sound]))


@given(st.integers(1, 50), st.lists(st.integers(0, 300), min_size=2, max_size=10))
def test_parts_are_the_samples_of_the_song(block: int, edges: list[int]) -> None:
    song = np.arange(250, dtype=np.float32)
    blocks: Iterator[SpeechSamples] = (song[at : at + block] for at in range(0, 250, block))
    parts = VocalsParts(blocks)
    edges = sorted(edges)
    for start, end in zip(edges[::2], edges[1::2], strict=False):
        np.testing.assert_array_equal(parts.read(slice(start, end)), song[start:end])


def test_words_of_a_window_get_their_time_in_the_song() -> None:
    window = VoiceWindow((VoicedSpan(100, 200), VoicedSpan(500, 600)))
    assert [samples_of(span) for span in window.spans] == [
        slice(32000, 64000),
        slice(160000, 192000),
    ]
    first, across, last = (
        window.locate(Word("la", start_s, end_s, 1.0))
        for start_s, end_s in [(0.5, 1.0), (1.8, 2.6), (3.5, 9.0)]
    )
    assert (first.start_s, first.end_s) == (2.5, 3.0)
    assert (across.start_s, across.end_s) == (10.0, 10.6)
    assert (last.start_s, last.end_s) == (11.5, 12.0)


def placed(words: list[tuple[float, float]], *parts: tuple[float, float]) -> list[list[float]]:
    heard = place_words(
        [Word("la", start_s, end_s, 1.0) for start_s, end_s in words],
        find_voice(levels(*parts)).is_voiced,
        0.0,
    )
    return [[item.word.start_s, item.word.end_s, item.voiced_share] for item in heard]


def test_word_that_covers_a_pause_ends_before_it_and_the_next_one_starts_after_it() -> None:
    sung = placed([(1.12, 4.4), (4.4, 5.0)], (1, SILENCE_DBFS), (1, -15), (2, -99), (1.5, -15))
    np.testing.assert_allclose(sung, [[1, 2, 0.375], [4, 4.88, 1]], atol=0.03)


def test_only_the_first_word_after_a_pause_starts_with_the_voice() -> None:
    sung = placed([(1.3, 1.45), (1.45, 2.0)], (1, SILENCE_DBFS), (2, -15))
    np.testing.assert_allclose([start_s for start_s, _, _ in sung], [1, 1.33], atol=0.03)


def test_word_without_a_voice_has_a_share_of_zero() -> None:
    [_, _, far], [_, _, near] = placed([(0.5, 1.0), (1.9, 2.05)], (2, -99), (1, -15))
    assert far == 0
    assert 0 < near < 0.2


@given(st.lists(st.floats(0, 30), min_size=2, max_size=20), PARTS)
def test_words_stay_in_order_and_have_no_negative_length(
    times: list[float], parts: list[tuple[float, float]]
) -> None:
    times = sorted(times)
    sung = placed(list(pairwise(times)), *parts)
    starts = [start_s for start_s, _, _ in sung]
    assert starts == sorted(starts)
    assert all(0 <= start_s <= end_s and 0 <= share <= 1 for start_s, end_s, share in sung)


def test_time_limit_that_has_passed_is_told_in_a_sentence() -> None:
    require_time(Deadline())
    with pytest.raises(LyricsTimedOutError, match="took longer than its time limit: "):
        require_time(Deadline.after(-1))
