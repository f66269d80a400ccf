"""Whisper in the separator, on vocals from the stems bucket."""

from dataclasses import dataclass, field
from pathlib import Path

from stemdrop.keys import VOCALS_NAME
from stemdrop.lyrics import WHISPER_FOLDER, Transcription, engine_name, require_language
from stemdrop.lyrics_results import LyricsRequest
from stemdrop.store import Store
from stemdrop_separate.deadline import Deadline
from stemdrop_separate.lyrics.whisper import Whisper
from stemdrop_separate.workspace import workspace

# Three attempts of the 15 minutes that Lambda allows at most, and the pauses between.
MAX_WAIT_S = 3600.0


@dataclass(slots=True)
class WhisperTranscriber:
    """Transcribes with a Whisper model, which is loaded for the first song that needs it.

    Attributes
    ----------
    model : Name of the model, such as ``tiny.en``.
    model_dir : Folder of the models, with the model in ``lyrics/<name>``.
    ffmpeg : Path of the program.
    work_dir : Folder of the vocals while they are transcribed.
    """

    model: str
    model_dir: Path
    ffmpeg: Path
    work_dir: Path
    runs_here: bool = True
    max_wait_s: float = MAX_WAIT_S
    _whisper: Whisper | None = field(default=None, init=False)

    @property
    def name(self) -> str:
        """Return the name that job records have, such as ``whisper tiny.en``."""
        return engine_name(self.model)

    def cost_usd(self, _duration_s: float) -> float:
        """Return 0: the price is that of the separator's own time."""
        return 0.0

    def require_possible(self, language: str | None, _duration_s: float) -> None:
        """Refuse a language that the model doesn't know."""
        require_language(language, self.model)

    def transcribe(
        self, request: LyricsRequest, store: Store, deadline: Deadline
    ) -> Transcription | None:
        """Return the words of a song; see `Whisper.transcribe`."""
        if self._whisper is None:
            self._whisper = Whisper(self.model_dir / WHISPER_FOLDER / self.model)
        with workspace(self.work_dir) as folder:
            vocals = folder / VOCALS_NAME
            store.download_result(request.vocals_key, vocals)
            return self._whisper.transcribe(
                vocals,
                self.ffmpeg,
                language=request.language,
                offset_s=request.offset_s,
                deadline=deadline,
            )
