"""Words of Whisper's segments."""

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from stemdrop.lyrics import Word
from stemdrop_separate.deadline import Deadline
from stemdrop_separate.lyrics.whisper import Whisper


def heard(code: str, *texts: str) -> list[Word]:
    """Return the words of a segment in which Whisper hears one text each second."""
    words = [
        SimpleNamespace(word=text, start=float(at), end=at + 1.0, probability=1 - at / 10)
        for at, text in enumerate(texts)
    ]
    segment = SimpleNamespace(words=words)
    whisper = Whisper.__new__(Whisper)
    model = SimpleNamespace(transcribe=lambda *_, **__: ([segment], None))
    whisper._model = cast(Any, model)
    (phrase,) = whisper._phrases(np.zeros(16_000, np.float32), code, Deadline())
    return phrase


@pytest.mark.parametrize(
    ("tokens", "words"),
    [
        ((" I", " love", " you", "愛", "してる"), ["I", "love", "you", "愛", "してる"]),
        ((" beau", "ti", "ful", " world"), ["beautiful", "world"]),
        (("愛", "be", "au", "愛"), ["愛", "beau", "愛"]),
        (("don'", "t", " stop", "..."), ["don't", "stop..."]),
        ((" 1", "9", "9", "9", "年", "!"), ["1999", "年"]),
    ],
)
def test_tokens_of_latin_words_are_joined(tokens: tuple[str, ...], words: list[str]) -> None:
    assert [word.text for word in heard("ja", *tokens)] == words


def test_joined_word_has_the_times_and_the_lowest_confidence_of_its_tokens() -> None:
    assert heard("zh", "我", " lo", "ve")[1:] == [Word("love", 1.0, 3.0, 0.8)]


def test_words_of_languages_with_spaces_stay_as_they_are() -> None:
    words = heard("en", " well", "-", "known", " song")
    assert [word.text for word in words] == ["well", "known", "song"]
