"""Amazon Transcribe: the separator starts a job, and the lyrics function takes its transcript."""

from dataclasses import dataclass

from stemdrop.errors import LyricsTooLongError
from stemdrop.lyrics import Transcription, require_language
from stemdrop.lyrics_checks import CHECK_DELAY_S, check_message
from stemdrop.lyrics_results import LyricsRequest
from stemdrop.message_queue import MessageQueue
from stemdrop.pricing import transcription_cost_usd
from stemdrop.store import Store
from stemdrop.transcription_jobs import TranscriptionJobs
from stemdrop_separate.deadline import Deadline

# Source: Amazon Transcribe's quotas. Its other limit, 2 GB, is that of 17 hours of such vocals.
MAX_DURATION_S = 4 * 3600.0


@dataclass(slots=True)
class AmazonTranscribe:
    """Starts transcription jobs.

    Attributes
    ----------
    jobs : Jobs of the bucket with the vocals, into which the transcripts are written.
    queue : Queue of the lyrics function; None if nothing checks for events that were lost.
    """

    jobs: TranscriptionJobs
    queue: MessageQueue | None
    runs_here: bool = False
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
        require_language(language, self.name)
        if duration_s > MAX_DURATION_S:
            raise LyricsTooLongError(
                f"The song lasts {duration_s / 3600:.1f} hours, and lyrics are written for at most"
                f" {MAX_DURATION_S / 3600:.0f}: choose a part of it with duration_s."
            )

    def transcribe(
        self, request: LyricsRequest, _store: Store, _deadline: Deadline
    ) -> Transcription | None:
        """Start a job, unless it was started before; the check comes first, lest it is missing."""
        if self.queue:
            self.queue.send(check_message(request.results_id), CHECK_DELAY_S)
        self.jobs.start(request)
        return None
