"""The progress of one song, over one or two passes."""

from collections.abc import Callable, Iterable, Iterator

import numpy as np

from stemdrop_separate.audio.stem_writer import Block
from stemdrop_separate.separation.stft import SAMPLE_RATE_HZ

# Shares of the progress: the encoders' last samples, and a second pass, which is expected once a
# sample clips. Measured on two processors, it took 12% (wav), 26% (mp3) or 65% (m4a) of the time
# of the first.
FINISH_SHARE = 0.02
SECOND_PASS_SHARE = 0.2

Progress = Callable[[float], None]


class SongProgress:
    """Reports the progress after each block of one or two passes; it never goes back."""

    def __init__(self, expected_s: float, on_progress: Progress) -> None:
        self._expected_s = expected_s
        self._on_progress = on_progress
        self._share = 0.0

    def report(self, blocks: Iterable[Block], *, may_scale: bool = False) -> Iterator[Block]:
        """Yield the blocks of a pass.

        Parameters
        ----------
        may_scale : Whether another pass follows if a sample clips.
        """
        begin, end, samples = self._share, 1 - FINISH_SHARE, 0
        for block in blocks:
            yield block
            if may_scale and any(np.any(np.abs(stem) > 1) for stem in block.values()):
                may_scale, end = False, end - SECOND_PASS_SHARE
            samples += len(next(iter(block.values())))
            done_s = samples / SAMPLE_RATE_HZ
            part = min(done_s / self._expected_s, 1.0) if self._expected_s else 1.0
            self._share = max(self._share, begin + part * (end - begin))
            self._on_progress(self._share)
