"""Amazon Transcribe: the separator starts a job, and the lyrics function takes its transcript."""

from dataclasses import dataclass

from stemdrop.lyrics import Transcription
from stemdrop.lyrics_results import LyricsRequest
from stemdrop.pricing import transcription_cost_usd
from stemdrop.store import Store
from stemdrop_separate.deadline import Deadline


@dataclass(slots=True)
class AmazonTranscribe:
    """Starts transcription jobs.

    Attributes
    ----------
    stems_bucket : Name of the bucket with the vocals, into which the transcript is written.
    """

    stems_bucket: str
    max_wait_s: float = 6 * 3600.0

    @property
    def name(self) -> str:
        """Return the name that job records have."""
        return "transcribe"

    def cost_usd(self, duration_s: float) -> float:
        """Return the price of a song."""
        return transcription_cost_usd(duration_s)

    def require_possible(self, language: str | None, duration_s: float) -> None:
        """Refuse a language that the service doesn't know, and a song longer than four hours."""
        raise NotImplementedError

    def transcribe(
        self, request: LyricsRequest, store: Store, deadline: Deadline
    ) -> Transcription | None:
        """Start a job, unless it was started before."""
        raise NotImplementedError
