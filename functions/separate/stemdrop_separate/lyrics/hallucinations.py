"""Words that a speech recognizer invents where nobody sings, or repeats without end."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from stemdrop.lyrics import Word

# What Whisper's training data says over silence and music. In songs it may be sung as well, so it
# is dropped only where the voice is doubtful.
PHRASES_OF_SILENCE = frozenset(
    {
        "bye", "bye bye", "you", "i'm sorry", "okay", "so", "thank you", "thanks",
        "thank you very much", "thank you so much", "thank you for watching",
        "thanks for watching", "thank you for listening", "thanks for listening",
        "please subscribe", "please subscribe to my channel", "like and subscribe",
        "don't forget to subscribe", "see you next time", "see you in the next video",
        "i'll see you in the next video", "subtitles by the amara org community",
        "untertitel der amara org community", "untertitelung des zdf 2020",
        "sous titres réalisés par la communauté d'amara org", "sous titrage st' 501",
        "vielen dank", "merci d'avoir regardé cette vidéo", "gracias",
        "gracias por ver el video",
        "subtítulos realizados por la comunidad de amara org", "obrigado", "grazie",
        "ご視聴ありがとうございました", "谢谢观看", "시청해주셔서 감사합니다",
        "продолжение следует",
    }
)  # fmt: skip
# Whisper splits some languages by token, so spaces say nothing.
_SPACELESS_PHRASES = frozenset(phrase.replace(" ", "") for phrase in PHRASES_OF_SILENCE)
DOUBTFUL_CONFIDENCE = 0.5
DOUBTFUL_VOICED_SHARE = 0.5
LOWEST_CONFIDENCE = 0.2
# A phrase that comes more often in a row is checked.
MOST_REPETITIONS = 3
LONGEST_PHRASE = 12
# Faster than rap, and faster than a chorus.
MOST_WORDS_PER_S = 8.0
MOST_REPEATED_WORDS_PER_S = 5.0
LARGEST_EMPTY_SHARE = 0.3
SHORTEST_WORD_S = 0.03


@dataclass(frozen=True, slots=True)
class HeardWord:
    """A word with what the vocals say about it.

    Attributes
    ----------
    voiced_share : Share of the word's time in which somebody sings, 0 to 1.
    """

    word: Word
    voiced_share: float

    @property
    def duration_s(self) -> float:
        """Return how long the word lasts."""
        return self.word.end_s - self.word.start_s


def drop_hallucinations(phrase: Sequence[HeardWord]) -> list[Word]:
    """Return the words of a phrase that are sung.

    Parameters
    ----------
    phrase : Words that the model gave as one segment.
    """
    sung = [heard for heard in phrase if heard.voiced_share > 0]
    if not sung or _is_doubtful(sung):
        return []
    return [heard.word for heard in drop_loops(sung)]


def _is_doubtful(phrase: Sequence[HeardWord]) -> bool:
    """Return whether a phrase is known from silence, or improbable, and its voice is weak."""
    confidence = sum(heard.word.confidence for heard in phrase) / len(phrase)
    voiced_share = sum(heard.voiced_share for heard in phrase) / len(phrase)
    if confidence < LOWEST_CONFIDENCE:
        return True
    text = "".join(_plain(heard.word.text) for heard in phrase)
    is_known = text.replace(" ", "") in _SPACELESS_PHRASES
    return is_known and (confidence < DOUBTFUL_CONFIDENCE or voiced_share < DOUBTFUL_VOICED_SHARE)


def drop_loops(words: Sequence[HeardWord]) -> list[HeardWord]:
    """Return words without the repetitions that nobody can sing.

    A chorus repeats a phrase as well, but that takes a while. A model that is stuck puts hundreds
    of words into half a minute, most of them into no time at all.
    """
    kept: list[HeardWord] = []
    at = 0
    while at < len(words):
        length, times = _repetition(words, at)
        phrases = [words[at + n * length :][:length] for n in range(times)]
        if times > MOST_REPETITIONS and _rate(phrases) > MOST_REPEATED_WORDS_PER_S:
            phrases = [phrases[0], *filter(_is_singable, phrases[1:])]
        kept += [word for phrase in phrases for word in phrase]
        at += length * times
    return kept


def _repetition(words: Sequence[HeardWord], at: int) -> tuple[int, int]:
    """Return the length of the phrase from here that covers most words, and how often it comes."""
    texts = [_plain(heard.word.text) for heard in words[at:]]
    found = (1, 1)
    for length in range(1, min(LONGEST_PHRASE, len(texts) // (MOST_REPETITIONS + 1)) + 1):
        times = 1 + sum(1 for _ in _equal_phrases(texts, length))
        if times > MOST_REPETITIONS and length * times > found[0] * found[1]:
            found = (length, times)
    return found


def _equal_phrases(texts: Sequence[str], length: int) -> Iterator[Sequence[str]]:
    for start in range(length, len(texts) - length + 1, length):
        phrase = texts[start : start + length]
        if phrase != texts[:length]:
            return
        yield phrase


def _rate(phrases: Sequence[Sequence[HeardWord]]) -> float:
    """Return the words per second."""
    duration_s = phrases[-1][-1].word.end_s - phrases[0][0].word.start_s
    return sum(map(len, phrases)) / max(duration_s, SHORTEST_WORD_S)


def _is_singable(phrase: Sequence[HeardWord]) -> bool:
    duration_s = phrase[-1].word.end_s - phrase[0].word.start_s
    empty = sum(heard.duration_s < SHORTEST_WORD_S for heard in phrase)
    return duration_s * MOST_WORDS_PER_S >= len(phrase) and empty <= LARGEST_EMPTY_SHARE * len(
        phrase
    )


def _plain(text: str) -> str:
    """Return a text in lower case, with its letters, digits and apostrophes only."""
    return " ".join(re.findall(r"[\w']+", text.casefold()))
