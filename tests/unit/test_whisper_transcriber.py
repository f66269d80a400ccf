from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from stemdrop.lyrics import Transcription
from stemdrop.lyrics_results import LyricsRequest
from stemdrop.store import Store
from stemdrop_separate.deadline import Deadline
from stemdrop_separate.lyrics.whisper_transcriber import WhisperTranscriber

REQUEST = LyricsRequest("drop/song.mp3", "0" * 16, "whisper tiny.en", "en", 0.0, 3.0)


def test_vocals_are_in_the_folder_that_is_cleaned_up_after_crashes(tmp_path: Path) -> None:
    seen: list[Path] = []

    def transcribe(vocals: Path, *_: Any, **__: Any) -> Transcription:
        assert vocals.read_bytes() == b"vocals"
        seen.append(vocals)
        return Transcription((), None)

    def download_result(_key: str, path: Path) -> None:
        path.write_bytes(b"vocals")

    transcriber = WhisperTranscriber("tiny.en", tmp_path, tmp_path, tmp_path / "work")
    transcriber._whisper = cast(Any, SimpleNamespace(transcribe=transcribe))
    store = cast(Store, SimpleNamespace(download_result=download_result))
    transcriber.transcribe(REQUEST, store, Deadline.after(60))
    assert tmp_path / "work" in seen[0].parents
    assert not any(path.is_file() for path in (tmp_path / "work").rglob("*"))
