"""Errors of lyrics: wrong words, and wrong times of right words."""

import re
from collections.abc import Sequence
from difflib import SequenceMatcher

import numpy as np

from benchmarks.songs.speech import KnownWord
from stemdrop.lyrics import Word


def word_error_rate(expected: str, heard: str) -> float:
    """Return the substitutions, insertions and deletions per expected word.

    Case and punctuation don't count.
    """
    reference, hypothesis = _plain(expected), _plain(heard)
    errors = np.arange(len(hypothesis) + 1)
    for count, word in enumerate(reference, 1):
        previous = errors.copy()
        errors[0] = count
        for at, other in enumerate(hypothesis, 1):
            errors[at] = min(
                previous[at] + 1, errors[at - 1] + 1, previous[at - 1] + (word != other)
            )
    return float(errors[-1]) / len(reference)


def start_errors_s(expected: Sequence[KnownWord], heard: Sequence[Word]) -> list[float]:
    """Return how much later each word starts than it should, for words that are right."""
    reference = [" ".join(_plain(word.text)) for word in expected]
    hypothesis = [" ".join(_plain(word.text)) for word in heard]
    matcher = SequenceMatcher(None, reference, hypothesis, autojunk=False)
    return [
        heard[match.b + n].start_s - expected[match.a + n].start_s
        for match in matcher.get_matching_blocks()
        for n in range(match.size)
    ]


def _plain(text: str) -> list[str]:
    return re.findall(r"[a-z0-9']+", text.lower())
