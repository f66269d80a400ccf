"""Progress of a separation, written to the record every other second."""

import time

from aws_lambda_powertools import Logger

from stemdrop.errors import StorageError, TimedOutError
from stemdrop_separate.deadline import Deadline
from stemdrop_separate.job.record_writer import RecordWriter
from stemdrop_separate.time_left import TimeLeft

INTERVAL_S = 2.0
# The rest is for the upload of the stems, which takes a few percent of the time.
SEPARATION_SHARE = 0.97

logger = Logger(child=True)


class ProgressReporter:
    """Writes progress to a record, and ends a separation whose deadline has passed.

    Parameters
    ----------
    record : Record of the job.
    deadline : Moment by which the separation has to end.
    parallel : Number of segments that are worked on at the same time.
    """

    def __init__(self, record: RecordWriter, deadline: Deadline, parallel: int) -> None:
        self._record = record
        self._deadline = deadline
        self._time_left = TimeLeft(parallel)
        self._began_at_s = time.monotonic()
        self._saved_at_s = 0.0

    def __call__(self, progress: float) -> None:
        """Report the share of the separation that is done, from 0 to 1.

        Raises
        ------
        TimedOutError : The deadline has passed.
        SupersededError : The work is no longer needed.
        """
        if self._deadline.has_passed:
            raise TimedOutError(
                f"The separation was {progress:.0%} done when its time was up: choose a part of "
                "the song with duration_s, or give the function more time or memory."
            )
        now_s = time.monotonic()
        done = progress * SEPARATION_SHARE
        seconds_left = self._time_left.update(done, now_s - self._began_at_s)
        if now_s - self._saved_at_s >= INTERVAL_S:
            self._saved_at_s = now_s
            self._save(done, seconds_left)

    def _save(self, progress: float, seconds_left: float | None) -> None:
        try:
            self._record.update(
                progress=round(progress, 3),
                seconds_left=None if seconds_left is None else round(seconds_left, 1),
            )
        except StorageError as error:
            logger.warning("progress_not_saved", reason=error.message)
