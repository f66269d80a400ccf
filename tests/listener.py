"""An engine for lyrics that hears the same words in every song."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from stemdrop.errors import LanguageUnavailableError
from stemdrop.lyrics import Transcription, Word
from stemdrop.lyrics_results import LyricsRequest
from stemdrop.store import Store
from stemdrop_separate.deadline import Deadline
from stemdrop_separate.lyrics.transcriber import Transcriber

WORDS = (Word("Hello", 0.2, 0.4, 0.9), Word("you.", 0.5, 0.8, 0.8))


@dataclass
class Listener(Transcriber):
    """An engine that keeps what it hears.

    Attributes
    ----------
    errors : Errors of the calls, the first first; later ones return words.
    """

    folder: Path
    errors: list[Exception] = field(default_factory=list)
    name = "whisper test"
    runs_here = True
    max_wait_s = 3600.0
    requests: list[LyricsRequest] = field(default_factory=list)
    heard: NDArray[np.float32] | None = None
    sample_rate_hz = 0

    def cost_usd(self, _duration_s: float) -> float:
        return 0.0

    def require_possible(self, language: str | None, _duration_s: float) -> None:
        if language == "zu":
            raise LanguageUnavailableError("Zulu is unknown: leave language out.")

    def transcribe(
        self, request: LyricsRequest, store: Store, _deadline: Deadline
    ) -> Transcription:
        self.requests.append(request)
        if self.errors:
            raise self.errors.pop(0)
        path = self.folder / "heard.flac"
        store.download_result(request.vocals_key, path)
        self.heard, self.sample_rate_hz = soundfile.read(path, dtype="float32")
        return Transcription(WORDS, "en")
