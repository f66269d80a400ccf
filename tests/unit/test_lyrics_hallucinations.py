"""Words that are dropped because nobody sings them, and words that look like these but are sung."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stemdrop.lyrics import Word
from stemdrop_separate.lyrics.hallucinations import HeardWord, drop_hallucinations

CHORUS = "we are never going home again"
WORDS = st.lists(st.sampled_from(["la", "oh", "yeah,", "home", "Baby"]), min_size=1, max_size=40)


def heard(
    text: str, word_s: float = 0.3, *, confidence: float = 0.8, voiced_share: float = 0.9
) -> list[HeardWord]:
    return [
        HeardWord(Word(word, n * word_s, (n + 1) * word_s, confidence), voiced_share)
        for n, word in enumerate(text.split())
    ]


def text_of(phrase: list[HeardWord]) -> str:
    return " ".join(word.text for word in drop_hallucinations(phrase))


def test_chorus_that_repeats_stays() -> None:
    chorus = " ".join([CHORUS] * 8)
    assert text_of(heard(chorus)) == chorus
    around = " ".join(["La"] * 30)
    assert text_of(heard(around, 0.21)) == around


def test_chorus_with_poor_times_stays() -> None:
    chorus = " ".join([CHORUS] * 6)
    even = heard(chorus, 0.5)
    poor = [replace(item, word=replace(item.word, end_s=item.word.start_s)) for item in even[6:24]]
    assert text_of([*even[:6], *poor, *even[24:]]) == chorus


def test_loop_of_a_stuck_model_is_left_once() -> None:
    loop = "and then " + " ".join([f"{CHORUS},"] * 20)
    assert text_of(heard(loop, 0.05)) == f"and then {CHORUS},"


def test_sung_times_of_a_loop_stay() -> None:
    sung = heard(" ".join([CHORUS] * 3))
    end_s = sung[-1].word.end_s
    stuck = [HeardWord(Word(word, end_s, end_s, 0.9), 1.0) for word in CHORUS.split() * 10]
    assert text_of([*sung, *stuck]) == " ".join([CHORUS] * 3)


def test_phrase_of_silence_is_dropped_if_the_voice_is_doubtful() -> None:
    phrase = "Thank you for watching!"
    assert text_of(heard(phrase)) == phrase
    assert not text_of(heard(phrase, confidence=0.4))
    assert not text_of(heard(phrase, voiced_share=0.2))
    other = "Thank you for the music"
    assert text_of(heard(other, confidence=0.4)) == other


@pytest.mark.parametrize("tokens", ["ご 視 聴 ありがとうございました", "谢谢 观 看"])
def test_phrase_of_silence_is_known_in_tokens(tokens: str) -> None:
    assert text_of(heard(tokens)) == tokens
    assert not text_of(heard(tokens, confidence=0.4))


def test_words_where_nobody_sings_are_dropped() -> None:
    assert text_of([*heard("sung words"), *heard("and others", voiced_share=0)]) == "sung words"
    assert not text_of(heard("very improbable words", confidence=0.1))
    assert not text_of([])


@given(WORDS, st.floats(0.15, 2), st.floats(0.5, 1), st.floats(0.6, 1))
def test_words_that_can_be_sung_stay(
    words: list[str], word_s: float, confidence: float, voiced_share: float
) -> None:
    text = " ".join(words)
    assert text_of(heard(text, word_s, confidence=confidence, voiced_share=voiced_share)) == text


@given(WORDS, st.floats(0, 2), st.floats(0, 1), st.floats(0, 1))
def test_nothing_is_added_or_reordered(
    words: list[str], word_s: float, confidence: float, voiced_share: float
) -> None:
    phrase = heard(" ".join(words), word_s, confidence=confidence, voiced_share=voiced_share)
    given_words = iter([item.word for item in phrase])
    assert all(word in given_words for word in drop_hallucinations(phrase))
