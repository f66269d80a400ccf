"""Analysis of a whole song, from its segments as they stream."""

import numpy as np
from numpy.typing import NDArray

from stemdrop.music import Music
from stemdrop_separate.analysis.beats import beat_interval_s, find_beats
from stemdrop_separate.analysis.key import find_key
from stemdrop_separate.analysis.loudness import LoudnessMeter
from stemdrop_separate.analysis.onsets import OnsetEnvelope
from stemdrop_separate.analysis.segment_features import STEPS, SegmentFeatures
from stemdrop_separate.analysis.tempo import find_tempo
from stemdrop_separate.separation.stft import Samples

# Keeps the list within 64 kB of the record: 40 minutes at 120 beats per minute.
MAX_BEATS = 5000


class SongAnalyzer:
    """Analyzes a stream of segments; it keeps four bytes per frame, 620 kB for an hour."""

    def __init__(self) -> None:
        self._onsets = OnsetEnvelope()
        self._pitches = np.zeros(STEPS)
        self._loudness = LoudnessMeter()

    def add(self, mix: Samples, features: SegmentFeatures) -> None:
        """Take the next segment.

        Parameters
        ----------
        mix : Samples, float32, shape (samples, 2).
        features : Features of its frames.
        """
        self._onsets.add(features.bands)
        self._pitches += features.pitches
        self._loudness.add(mix)

    def finish(self, offset_s: float) -> Music:
        """Return what the whole song is like.

        Parameters
        ----------
        offset_s : Time of the first sample on the song's clock.
        """
        onsets = self._onsets.finish()
        tempo = find_tempo(onsets)
        beats_s = find_beats(onsets, tempo.period_frames) if tempo else np.zeros(0)
        interval_s = beat_interval_s(beats_s)
        key = find_key(self._pitches)
        return Music(
            tempo_bpm=round(60 / interval_s, 2) if interval_s else None,
            tempo_confidence=round(tempo.confidence, 2) if tempo and interval_s else None,
            key=key.name if key else None,
            camelot=key.camelot if key else None,
            loudness_lufs=_rounded(self._loudness.integrated_lufs()),
            peak_dbfs=_rounded(self._loudness.peak_dbfs),
            beats_s=_listed(beats_s + offset_s),
        )


def _rounded(decibels: float | None) -> float | None:
    return None if decibels is None else round(decibels, 2)


def _listed(times_s: NDArray[np.float64]) -> tuple[float, ...]:
    if len(times_s) > MAX_BEATS:
        return ()
    return tuple(np.round(times_s, 3).tolist())
