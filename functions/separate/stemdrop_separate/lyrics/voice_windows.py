"""Windows of at most 30 s for the model: voiced spans, with the long pauses between left out."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from stemdrop.lyrics import Word
from stemdrop_separate.lyrics.voice_activity import (
    FRAME_SAMPLES,
    FRAMES_PER_S,
    Levels,
    VoicedSpan,
)

# The model always takes 30 s. The rest is for the pauses between spans.
LONGEST_WINDOW_S = 29.0
# A pause ends a window from there on. The longest one does.
SHORTEST_WINDOW_S = 15.0
# Frames over which the level is averaged to find the best place to cut a voice without a pause.
SMOOTHED_FRAMES = 5


@dataclass(frozen=True, slots=True)
class VoiceWindow:
    """Parts of the vocals that the model gets as one piece.

    Attributes
    ----------
    spans : Parts in the order of their times, at least one.
    """

    spans: tuple[VoicedSpan, ...]

    @property
    def frames(self) -> int:
        """Return the length of all spans."""
        return sum(span.frames for span in self.spans)

    def locate(self, word: Word) -> Word:
        """Return a word of the window with its time in the vocals.

        Start and end are in the same span: that of the middle.
        """
        middle = (word.start_s + word.end_s) / 2 * FRAMES_PER_S
        passed = 0
        for span in self.spans:
            if middle < passed + span.frames or span is self.spans[-1]:
                break
            passed += span.frames
        shift_s = (span.start - passed) / FRAMES_PER_S
        first_s, last_s = span.start / FRAMES_PER_S, span.end / FRAMES_PER_S
        start_s = min(max(word.start_s + shift_s, first_s), last_s)
        end_s = min(max(word.end_s + shift_s, first_s), last_s)
        return replace(word, start_s=start_s, end_s=end_s)


def make_windows(spans: Sequence[VoicedSpan], levels_dbfs: Levels) -> Iterator[VoiceWindow]:
    """Yield windows in the order of their times that contain all spans.

    A window ends at the longest pause between 15 and 29 s of voice. A span without a pause is cut
    where it is quietest.
    """
    longest, shortest = round(LONGEST_WINDOW_S * FRAMES_PER_S), SHORTEST_WINDOW_S * FRAMES_PER_S
    waiting = list(spans)
    while waiting:
        lengths = np.cumsum([span.frames for span in waiting])
        fitting = int(np.searchsorted(lengths, longest, "right"))
        if fitting == len(waiting):
            yield VoiceWindow(tuple(waiting))
            return
        possible = [n for n in range(1, fitting + 1) if lengths[n - 1] >= shortest]
        if possible:
            cut = max(possible, key=lambda n: waiting[n].start - waiting[n - 1].end)
        else:
            rest = longest - (int(lengths[fitting - 1]) if fitting else 0)
            waiting[fitting : fitting + 1] = _split(waiting[fitting], rest, levels_dbfs)
            cut = fitting + 1
        yield VoiceWindow(tuple(waiting[:cut]))
        del waiting[:cut]


def _split(span: VoicedSpan, longest: int, levels_dbfs: Levels) -> tuple[VoicedSpan, VoicedSpan]:
    """Cut a span at its quietest place in the second half of the longest first part."""
    first = span.start + longest // 2
    smooth = np.convolve(
        levels_dbfs[first : span.start + longest],
        np.ones(SMOOTHED_FRAMES) / SMOOTHED_FRAMES,
        "same",
    )
    inner = smooth[SMOOTHED_FRAMES:-SMOOTHED_FRAMES]
    at = first + SMOOTHED_FRAMES + int(np.argmin(inner))
    return VoicedSpan(span.start, at), VoicedSpan(at, span.end)


def samples_of(span: VoicedSpan) -> slice:
    """Return the samples of a span."""
    return slice(span.start * FRAME_SAMPLES, span.end * FRAME_SAMPLES)
