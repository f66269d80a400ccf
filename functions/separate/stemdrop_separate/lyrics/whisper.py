"""Whisper on this machine's processors."""

from collections.abc import Callable
from pathlib import Path

from stemdrop.lyrics import Transcription
from stemdrop_separate.deadline import Deadline


class Whisper:
    """A Whisper model of CTranslate2.

    Parameters
    ----------
    folder : Folder of the model.

    Raises
    ------
    LyricsUnavailableError : faster-whisper or the model isn't installed.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def transcribe(
        self,
        vocals: Path,
        ffmpeg: Path,
        *,
        language: str | None = None,
        offset_s: float = 0.0,
        deadline: Deadline = Deadline(),  # noqa: B008
        on_progress: Callable[[float], None] = lambda _: None,
    ) -> Transcription:
        """Return the words of separated vocals.

        Parameters
        ----------
        vocals : Path of mono flac at 16,000 Hz.
        language : ISO 639 code; by default it is found out.
        offset_s : Time of the first sample on the song's clock.
        on_progress : Function that takes the share that is done, 0 to 1.

        Raises
        ------
        LyricsTimedOutError : The deadline passed.
        """
        raise NotImplementedError
