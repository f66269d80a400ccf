"""Transcripts of Amazon Transcribe become words on the song's clock."""

import json
import string
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stemdrop.errors import LyricsError
from stemdrop.lyrics import Transcription, Word, break_lines
from stemdrop.lyrics_languages import TRANSCRIBE_LANGUAGES
from stemdrop_lyrics.transcript import language_of, parse_transcript

TEXTS = st.text(string.ascii_letters + "'éß語", min_size=1, max_size=8)
GAPS = st.integers(0, 3000)
MARKS = st.sampled_from(",.?!")


def item(text: str, start_ms: int, end_ms: int, confidence: str = "0.998") -> dict[str, Any]:
    """Return a word as the service writes it."""
    return {
        "type": "pronunciation",
        "alternatives": [{"confidence": confidence, "content": text}],
        "start_time": str(start_ms / 1000),
        "end_time": str(end_ms / 1000),
    }


def mark(text: str) -> dict[str, Any]:
    return {"type": "punctuation", "alternatives": [{"confidence": "0.0", "content": text}]}


def transcript(items: list[dict[str, Any]], **results: Any) -> bytes:
    whole = {"transcripts": [{"transcript": "…"}], "items": items, **results}
    return json.dumps({"jobName": "x", "status": "COMPLETED", "results": whole}).encode()


@given(
    st.lists(st.tuples(TEXTS, GAPS, GAPS, st.none() | MARKS), max_size=30),
    st.integers(0, 5_000_000),
)
def test_every_word_is_kept_at_its_time_with_its_punctuation(
    sung: list[tuple[str, int, int, str | None]], offset_ms: int
) -> None:
    items, expected, at_ms = [], [], 0
    for text, gap_ms, length_ms, after in sung:
        start_ms, at_ms = at_ms + gap_ms, at_ms + gap_ms + length_ms
        items.append(item(text, start_ms, at_ms))
        if after:
            items.append(mark(after))
        times = [round((offset_ms + ms) / 1000, 3) for ms in (start_ms, at_ms)]
        expected.append(Word(text + (after or ""), times[0], times[1], 0.998))
    found = parse_transcript(transcript(items), offset_ms / 1000).words
    assert found == tuple(expected)
    assert [word for line in break_lines(found) for word in line.words] == expected


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(), lambda inner: (
    st.lists(inner) | st.dictionaries(st.sampled_from(
        ["results", "items", "type", "alternatives", "content", "confidence", "start_time"]
    ), inner)
)))  # fmt: skip
def test_any_other_json_is_an_error_or_has_no_words(value: Any) -> None:
    for body in (json.dumps(value).encode(), json.dumps({"results": value}).encode()):
        with suppress(LyricsError):
            assert parse_transcript(body, 0.0).words == ()


@pytest.mark.parametrize(
    "word",
    [
        item("x", 0, 1) | {"start_time": "NaN"},
        item("x", 0, 1) | {"end_time": "inf"},
        item("x", 2, 1),
        item("x", -1, 1),
        item("x", 0, 1, "nan"),
        {"type": "pronunciation", "alternatives": []},
    ],
)
def test_impossible_word_is_an_error(word: dict[str, Any]) -> None:
    with pytest.raises(LyricsError, match="malformed"):
        parse_transcript(transcript([word]), 0.0)


@pytest.mark.parametrize("body", [b"", b"\xff", b"[]", b"{}", b'{"results": {}}'])
def test_other_file_is_an_error(body: bytes) -> None:
    with pytest.raises(LyricsError, match="malformed"):
        parse_transcript(body, 0.0)


def test_punctuation_before_the_first_word_is_dropped_and_confidence_is_limited() -> None:
    body = transcript([mark(","), item("la", 500, 700, "1.2"), item(" ", 800, 900), mark(".")])
    assert parse_transcript(body, 2.0).words == (Word("la.", 2.5, 2.7, 1.0),)


def test_words_that_overlap_are_in_the_order_of_their_beginnings() -> None:
    body = transcript([item("two", 500, 900), item("one", 400, 2000)])
    assert [word.text for word in parse_transcript(body, 0.0).words] == ["one", "two"]


def test_instrumental_has_no_words() -> None:
    found = parse_transcript(transcript([]), 0.0)
    assert (found.words, found.language_code) == ((), None)
    assert Transcription(found.words, None).lines == ()


def test_identified_language_is_found() -> None:
    assert parse_transcript(transcript([], language_code="de-DE"), 0.0).language_code == "de-DE"


@pytest.mark.parametrize(
    ("code", "language"),
    [("en-AB", "en"), ("zh-HK", "yue"), ("zh-TW", "zh"), ("kab-DZ", "kab"), ("cy-WL", "cy")],
)
def test_country_of_a_language_does_not_matter(code: str, language: str) -> None:
    assert language_of(code) == language


def test_languages_are_those_that_can_be_chosen() -> None:
    assert {language_of(code): code for code in TRANSCRIBE_LANGUAGES.values()} == (
        TRANSCRIBE_LANGUAGES
    )
