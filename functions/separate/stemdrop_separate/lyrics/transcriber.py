"""The protocol of the engines, and the choice of one."""

from pathlib import Path
from typing import Protocol

from stemdrop.lyrics import LyricsEngine, Transcription
from stemdrop.lyrics_results import LyricsRequest
from stemdrop.store import Store
from stemdrop_separate.deadline import Deadline


class Transcriber(Protocol):
    """An engine that writes the lyrics of songs whose vocals are in the stems bucket."""

    @property
    def name(self) -> str:
        """Return the name that job records have: ``transcribe``, or ``whisper tiny.en``."""

    @property
    def runs_here(self) -> bool:
        """Return whether the separator does the work, and so may be killed meanwhile."""

    @property
    def max_wait_s(self) -> float:
        """Return the seconds after which lyrics that are pending count as failed."""

    def cost_usd(self, duration_s: float) -> float:
        """Return the price of a song; 0 if it is that of the separator's own time."""

    def require_possible(self, language: str | None, duration_s: float) -> None:
        """Refuse a song that can't be transcribed.

        Raises
        ------
        LyricsError : The language is unknown to the engine, or the song is too long.
        """

    def transcribe(
        self, request: LyricsRequest, store: Store, deadline: Deadline
    ) -> Transcription | None:
        """Return the words of a song, or None if another function writes them later.

        It may be called again for the same request.

        Raises
        ------
        LyricsError : It fails, and would fail again.
        TransientError : It may work the next time.
        """


def load_transcriber(
    lyrics: str,
    model_dir: Path,
    stems_bucket: str,
    queue_url: str | None,
    ffmpeg: Path,
    work_dir: Path,
) -> Transcriber | None:
    """Return the engine that the setting LYRICS names, or None without one.

    Parameters
    ----------
    lyrics : ``none``, ``transcribe``, or the name of a Whisper model in the folder of the models.
    queue_url : URL of the lyrics queue, if there is one; see `AmazonTranscribe`.
    work_dir : Folder of the vocals while they are transcribed here.
    """
    match LyricsEngine.of(lyrics):
        case LyricsEngine.NONE:
            return None
        case LyricsEngine.TRANSCRIBE:
            from stemdrop.message_queue import MessageQueue
            from stemdrop.transcription_jobs import TranscriptionJobs
            from stemdrop_separate.lyrics.amazon_transcribe import AmazonTranscribe

            queue = MessageQueue(queue_url) if queue_url else None
            return AmazonTranscribe(TranscriptionJobs(stems_bucket), queue)
        case LyricsEngine.WHISPER:
            from stemdrop_separate.lyrics.whisper_transcriber import WhisperTranscriber

            return WhisperTranscriber(lyrics, model_dir, ffmpeg, work_dir)
