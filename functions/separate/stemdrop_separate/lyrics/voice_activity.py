"""Where somebody sings: the parts of separated vocals that are loud enough, by their own level.

Separated vocals are almost silent where nobody sings, so their level tells the voice from the rest.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stemdrop_separate.audio.vocals_file import SPEECH_RATE_HZ

Levels = NDArray[np.float32]

FRAME_SAMPLES = 320
FRAMES_PER_S = SPEECH_RATE_HZ // FRAME_SAMPLES
# What networks leave of drums in an instrumental stays below, apart from single strokes.
FLOOR_DBFS = -60.0
# A quiet verse next to the loudest chorus.
RANGE_DB = 30.0
# Consonants and the space between syllables.
LONGEST_BREAK_S = 0.3
# Strokes of a drum are shorter than a sung syllable.
SHORTEST_VOICE_S = 0.12
MARGIN_S = 0.2


@dataclass(frozen=True, slots=True)
class VoicedSpan:
    """A part of the vocals, in frames: the first one, and the one after the last."""

    start: int
    end: int

    @property
    def frames(self) -> int:
        """Return the length."""
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class VoiceActivity:
    """The level of each frame of 20 ms, and the frames in which somebody sings.

    Attributes
    ----------
    levels_dbfs : float32, shape (frames,).
    is_voiced : Whether each frame belongs to the voice, shape (frames,).
    spans : Parts with a voice in order, apart by more than 0.3 s, with margins around the voice.
    """

    levels_dbfs: Levels
    is_voiced: NDArray[np.bool_]
    spans: tuple[VoicedSpan, ...]


def find_voice(levels_dbfs: Levels) -> VoiceActivity:
    """Find the voiced parts.

    The threshold is 30 dB below the level that the loudest twentieth of the audible frames exceeds,
    so a quiet recording is like a loud one.
    """
    audible = levels_dbfs[levels_dbfs > FLOOR_DBFS]
    song_dbfs = float(np.percentile(audible, 95)) if audible.size else 0.0
    is_voiced = levels_dbfs > max(song_dbfs - RANGE_DB, FLOOR_DBFS)
    spans = []
    for start, end in voiced_runs(is_voiced, round(LONGEST_BREAK_S * FRAMES_PER_S)):
        if np.count_nonzero(is_voiced[start:end]) >= SHORTEST_VOICE_S * FRAMES_PER_S:
            spans.append(VoicedSpan(start, end))
        else:
            is_voiced[start:end] = False
    return VoiceActivity(levels_dbfs, is_voiced, _widened(spans, len(levels_dbfs)))


def measure_levels(blocks: Iterable[NDArray[np.float32]]) -> Levels:
    """Return the level of each frame in dBFS; the last one may be shorter.

    Parameters
    ----------
    blocks : Samples at 16,000 Hz, shape (samples,), in blocks of whole frames but for the last.
    """
    levels = [_levels(block) for block in blocks if block.size]
    return np.concatenate(levels) if levels else np.zeros(0, np.float32)


def _levels(block: NDArray[np.float32]) -> Levels:
    frames = np.pad(block, (0, -len(block) % FRAME_SAMPLES)).reshape(-1, FRAME_SAMPLES)
    power = np.mean(np.square(frames), axis=1)
    return np.asarray(10 * np.log10(np.maximum(power, 1e-12)), np.float32)


def voiced_runs(is_voiced: NDArray[np.bool_], longest_break: int) -> list[tuple[int, int]]:
    """Return start and end of each run of voiced frames, with short breaks inside."""
    voiced = np.flatnonzero(is_voiced)
    if not voiced.size:
        return []
    last = np.flatnonzero(np.diff(voiced) > longest_break + 1)
    starts = voiced[np.concatenate(([0], last + 1))]
    ends = voiced[np.concatenate((last, [len(voiced) - 1]))] + 1
    return list(zip(starts.tolist(), ends.tolist(), strict=True))


def _widened(spans: Sequence[VoicedSpan], frames: int) -> tuple[VoicedSpan, ...]:
    """Return the spans with margins, which share the break between two spans."""
    margin = round(MARGIN_S * FRAMES_PER_S)
    widened = []
    for index, span in enumerate(spans):
        before = spans[index - 1].end if index else -margin
        after = spans[index + 1].start if index + 1 < len(spans) else frames + margin
        start = max(span.start - margin, (before + span.start) // 2, 0)
        end = min(span.end + margin, (span.end + after) // 2, frames)
        widened.append(VoicedSpan(start, end))
    return tuple(widened)
