"""The time limit of a transcription."""

from stemdrop.errors import LyricsTimedOutError
from stemdrop_separate.deadline import Deadline


def require_time(deadline: Deadline) -> None:
    """Refuse to go on after the deadline.

    Raises
    ------
    LyricsTimedOutError : The deadline passed.
    """
    if deadline.has_passed:
        raise LyricsTimedOutError(
            "The transcription took longer than its time limit: raise the limit, choose a smaller"
            " model, or a part of the song with duration_s."
        )
