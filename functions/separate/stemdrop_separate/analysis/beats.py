"""Beats of a song: the path of onsets that is strongest, and steadiest.

Source: Ellis, "Beat Tracking by Dynamic Programming", Journal of New Music Research 36, 2007.
"""

import numpy as np
from numpy.typing import NDArray

from stemdrop_separate.analysis.onsets import FRAMES_PER_S
from stemdrop_separate.separation.stft import FRAME, SAMPLE_RATE_HZ

# Weight of a steady tempo against strong onsets, for natural logarithms. Source: librosa's
# ``beat_track``.
TIGHTNESS = 100.0
# Beats are means of so many on both sides, since frames are 23 ms apart.
NEIGHBORS = 4
# Weaker first and last beats are those of silence, as a share of the mean square.
LEAST_SHARE_OF_ONSETS = 0.5
# The flux is largest soon after an onset enters the window, before the onset reaches its center.
# Measured on generated drums: 10 to 15 ms.
ONSET_LEAD_S = 0.013
FEWEST_BEATS = 4
INTERVAL_BEATS = 8


def find_beats(onsets: NDArray[np.float64], period_frames: float) -> NDArray[np.float64]:
    """Return the times of the beats, in seconds from the first sample; none if they are too few.

    Parameters
    ----------
    onsets : Result of `OnsetEnvelope.finish`.
    period_frames : Frames from beat to beat, which may vary by a few percent.
    """
    strength = _blurred(onsets, period_frames)
    path = _strongest_path(strength, period_frames)
    loud = np.flatnonzero(strength[path] > LEAST_SHARE_OF_ONSETS * strength.std())
    path = path[loud[0] : loud[-1] + 1] if len(loud) else path[:0]
    frames = _steadied(path + _offset_of_maximum(strength, path))
    # Half a window, of the frame of zeros before the song.
    times_s = frames / FRAMES_PER_S - FRAME / 2 / SAMPLE_RATE_HZ + ONSET_LEAD_S
    times_s = times_s[times_s >= 0]
    return np.asarray(times_s if len(times_s) >= FEWEST_BEATS else times_s[:0])


def beat_interval_s(times_s: NDArray[np.float64]) -> float | None:
    """Return the usual time from beat to beat, of at least FEWEST_BEATS; None if there are none."""
    if not len(times_s):
        return None
    beats = min(INTERVAL_BEATS, len(times_s) - 1)
    return float(np.median(times_s[beats:] - times_s[:-beats])) / beats


def _blurred(onsets: NDArray[np.float64], period_frames: float) -> NDArray[np.float64]:
    """Smooth by a Gauss window whose deviation is 1/32 of a beat, at least half a frame."""
    deviation = max(period_frames / 32, 0.5)
    reach = int(4 * deviation) + 1
    window = np.exp(-0.5 * np.square(np.arange(-reach, reach + 1) / deviation))
    blurred = np.convolve(onsets, window, "same")
    return np.asarray(blurred / max(blurred.std(), 1e-9))


def _strongest_path(strength: NDArray[np.float64], period_frames: float) -> NDArray[np.int_]:
    """Return the frames of the beats.

    Each frame's score is its strength and the best score between half a period and two before. So
    frames are scored by half a period at once.
    """
    nearest, farthest = max(round(period_frames / 2), 1), round(2 * period_frames)
    steps = np.arange(farthest, nearest - 1, -1)
    costs = -TIGHTNESS * np.square(np.log(steps / period_frames))
    scores = np.zeros(len(strength) + farthest)
    windows = np.lib.stride_tricks.sliding_window_view(scores, len(steps))
    previous = np.zeros(len(strength), np.int_)
    for start in range(0, len(strength), nearest):
        span = slice(start, min(start + nearest, len(strength)))
        totals = windows[span] + costs
        best = np.argmax(totals, axis=1)
        previous[span] = np.arange(span.start, span.stop) - steps[best]
        scores[span.start + farthest : span.stop + farthest] = (
            strength[span] + totals[np.arange(len(best)), best]
        )
    path = [int(np.argmax(scores[-farthest:])) + len(strength) - farthest]
    while previous[path[-1]] >= 0:
        path.append(int(previous[path[-1]]))
    return np.array(path[::-1])


def _offset_of_maximum(
    strength: NDArray[np.float64], path: NDArray[np.int_]
) -> NDArray[np.float64]:
    """Return how far the top of a parabola is from each frame, at most half a frame."""
    padded = np.pad(strength, 1, mode="edge")
    before, at, after = padded[path], padded[path + 1], padded[path + 2]
    curve = before - 2 * at + after
    is_top = (at >= before) & (at >= after) & (curve < 0)
    return np.where(is_top, 0.5 * (before - after) / np.where(is_top, curve, 1), 0)


def _steadied(frames: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return each beat as the mean of those around it, at both ends of fewer."""
    sums = np.concatenate([[0.0], np.cumsum(frames)])
    index = np.arange(len(frames))
    reach = np.minimum(NEIGHBORS, np.minimum(index, index[::-1]))
    return np.asarray((sums[index + reach + 1] - sums[index - reach]) / (2 * reach + 1))
