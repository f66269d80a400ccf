"""Times of words by the voice itself, because those of Whisper are late and cover pauses."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from stemdrop.lyrics import Word
from stemdrop_separate.lyrics.hallucinations import HeardWord
from stemdrop_separate.lyrics.voice_activity import FRAMES_PER_S, voiced_runs

IsVoiced = NDArray[np.bool_]

# Whisper's attention reaches a word after its start. The median over words with known times.
LAG_S = 0.12
# A pause that no word contains.
PAUSE_FRAMES = 5
# The voice starts at most this long before a word that Whisper places too late.
LARGEST_DELAY_S = 0.5
# What is left of the previous word at the start of the next one's time.
REMNANT_FRAMES = 4
# A word without a voice may have one nearby, because the times are not exact.
NEAR_FRAMES = 10
NEAR_SHARE = 0.1


def place_words(words: Iterable[Word], is_voiced: IsVoiced, free_s: float) -> Iterator[HeardWord]:
    """Yield words at the times of the voice.

    Parameters
    ----------
    words : Words with Whisper's times, in order.
    is_voiced : Whether each frame of the vocals has a voice.
    free_s : End of the word before the first one.
    """
    for word in words:
        start_s = max(word.start_s - LAG_S, free_s)
        end_s = max(word.end_s - LAG_S, start_s)
        heard = _place(replace(word, start_s=start_s, end_s=end_s), is_voiced, free_s)
        free_s = heard.word.end_s
        yield heard


def _place(word: Word, is_voiced: IsVoiced, free_s: float) -> HeardWord:
    start, end = int(word.start_s * FRAMES_PER_S), int(word.end_s * FRAMES_PER_S) + 1
    runs = voiced_runs(is_voiced[start:end], PAUSE_FRAMES)
    if not runs:
        near = is_voiced[max(start - NEAR_FRAMES, 0) : end + NEAR_FRAMES]
        return HeardWord(word, NEAR_SHARE if near.any() else 0.0)
    first, last = next((run for run in runs if run[1] - run[0] > REMNANT_FRAMES), runs[0])
    onset_s = (start + first) / FRAMES_PER_S
    start_s = onset_s if first else _onset_s(word.start_s, is_voiced, free_s)
    end_s = max(min(word.end_s, (start + last) / FRAMES_PER_S), start_s)
    voiced_share = float(np.mean(is_voiced[start:end]))
    return HeardWord(replace(word, start_s=start_s, end_s=end_s), voiced_share)


def _onset_s(start_s: float, is_voiced: IsVoiced, free_s: float) -> float:
    """Return where the voice of a word starts after a pause; its own start without one."""
    start = int(start_s * FRAMES_PER_S)
    earliest = max(int(max(free_s, start_s - LARGEST_DELAY_S) * FRAMES_PER_S), 0)
    before = is_voiced[earliest : start + 1]
    runs = voiced_runs(before, PAUSE_FRAMES)
    onset = runs[-1][0] if runs else 0
    is_after_pause = onset > PAUSE_FRAMES or len(runs) > 1
    return (earliest + onset) / FRAMES_PER_S if is_after_pause else start_s
