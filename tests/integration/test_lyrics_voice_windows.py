"""Whisper with a model that answers at once; test_lyrics_whisper.py has the real one."""

import json
import sys
import tracemalloc
from collections.abc import Generator, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import media
from media import FFMPEG
from stemdrop.errors import (
    LanguageUnavailableError,
    LyricsError,
    LyricsTimedOutError,
    LyricsUnavailableError,
)
from stemdrop.lyrics import Transcription
from stemdrop_separate.deadline import Deadline
from stemdrop_separate.lyrics import whisper
from stemdrop_separate.lyrics.voice_windows import LONGEST_WINDOW_S
from stemdrop_separate.lyrics.whisper import Whisper

RATE_HZ = 16_000


class FakeModel:
    """Hears a word in the middle of each window, and knows English, Javanese and French."""

    def __init__(self, text: str = " word\n", *, is_multilingual: bool = True) -> None:
        self.text = text
        self.model = SimpleNamespace(is_multilingual=is_multilingual)
        self.hf_tokenizer = SimpleNamespace(token_to_id={"<|en|>": 1, "<|jw|>": 2, "<|fr|>": 3}.get)
        self.languages: list[str] = []
        self.windows_s: list[float] = []

    def detect_language(self, samples: NDArray[np.float32]) -> tuple[str, float]:
        assert len(samples)
        return "jw", 0.9

    def transcribe(
        self, samples: NDArray[np.float32], *, language: str, **_: Any
    ) -> tuple[Iterator[Any], None]:
        self.languages.append(language)
        self.windows_s.append(len(samples) / RATE_HZ)
        middle_s = len(samples) / RATE_HZ / 2
        word = SimpleNamespace(
            word=self.text, start=middle_s, end=middle_s + 0.3, probability=np.float64(0.9004)
        )
        return iter([SimpleNamespace(words=[word]), SimpleNamespace(words=None)]), None


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> FakeModel:
    fake = FakeModel()
    monkeypatch.setattr(whisper, "_load", lambda _: fake)
    return fake


def voice(duration_s: float, silence_s: float = 0.0) -> NDArray[np.float32]:
    """Return noise as loud as a voice, after silence."""
    noise = np.random.default_rng(1).standard_normal((round(duration_s * RATE_HZ), 1))
    silence = np.zeros((round(silence_s * RATE_HZ), 1))
    sound: NDArray[np.float32] = np.concatenate([silence, 0.1 * noise]).astype(np.float32)
    return sound


def flac(path: Path, samples: NDArray[np.float32]) -> Path:
    return media.encode(path / "vocals.flac", samples, rate_hz=RATE_HZ)


def transcribe(path: Path, **given: Any) -> Transcription:
    return Whisper(path.parent).transcribe(path, FFMPEG, **given)


def test_words_are_on_the_clock_of_the_song(tmp_path: Path, model: FakeModel) -> None:
    path = flac(tmp_path, voice(2, 5))
    [word] = transcribe(path).words
    assert 5.5 < word.start_s < word.end_s < 6.5
    [later] = transcribe(path, offset_s=61.5).words
    assert later.start_s == pytest.approx(word.start_s + 61.5, abs=0.0011)
    assert later.start_s == round(later.start_s, 3)
    assert (later.text, later.confidence) == ("word", 0.9)
    assert json.dumps(later.confidence)
    assert model.windows_s == [2.2, 2.2]


def test_language_is_found_out_or_given(tmp_path: Path, model: FakeModel) -> None:
    path = flac(tmp_path, voice(1))
    assert transcribe(path).language == "jv"
    assert transcribe(path, language="jv").language == "jv"
    assert transcribe(path, language="fr").language == "fr"
    assert model.languages == ["jw", "jw", "fr"]
    with pytest.raises(LanguageUnavailableError, match="doesn't know the language 'yue': leave"):
        transcribe(path, language="yue")
    model.model.is_multilingual = False
    assert transcribe(path).language == "en"
    with pytest.raises(LanguageUnavailableError):
        transcribe(path, language="fr")


@pytest.mark.parametrize(
    "samples",
    [np.zeros((RATE_HZ, 1), np.float32), voice(5) / 500, voice(0.02)],
    ids=["silence", "residue of an instrumental", "click"],
)
def test_model_is_not_asked_without_a_voice(
    tmp_path: Path, model: FakeModel, samples: NDArray[np.float32]
) -> None:
    assert transcribe(flac(tmp_path, samples)) == Transcription((), None)
    assert not model.windows_s


def test_text_without_letters_is_no_word(tmp_path: Path, model: FakeModel) -> None:
    model.text = " ♪ …"
    assert transcribe(flac(tmp_path, voice(1))) == Transcription((), None)


class PassingDeadline(Deadline):
    """Passes when something is put into `reasons`."""

    reasons: list[float]

    @property
    def has_passed(self) -> bool:
        return bool(self.reasons)


@pytest.mark.usefixtures("model")
def test_deadline_in_the_middle_ends_the_transcription(tmp_path: Path) -> None:
    path = flac(tmp_path, np.concatenate([voice(20, 1)] * 4))
    reported: list[float] = []
    PassingDeadline.reasons = reported
    with pytest.raises(LyricsTimedOutError):
        transcribe(path, deadline=PassingDeadline(), on_progress=reported.append)
    assert len(reported) == 1
    assert 0 < reported[0] < 0.5


@pytest.mark.usefixtures("model")
def test_progress_rises_to_the_end(tmp_path: Path) -> None:
    reported: list[float] = []
    path = flac(tmp_path, np.concatenate([voice(20, 1)] * 3))
    words = transcribe(path, on_progress=reported.append).words
    assert len(words) == 3
    assert reported == sorted(reported)
    assert reported[-1] == 1.0


def test_hour_stays_in_bounded_memory(model: FakeModel, monkeypatch: pytest.MonkeyPatch) -> None:
    def hour(*_: Any) -> Generator[NDArray[np.float32]]:
        for _second in range(0, 3600, 10):
            yield np.concatenate([voice(4, 1), voice(4, 1)])[:, 0]

    monkeypatch.setattr(whisper, "read_vocals", hour)
    tracemalloc.start()
    try:
        words = transcribe(Path("hour.flac")).words
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert 2800 < sum(model.windows_s) < 3600
    assert max(model.windows_s) <= LONGEST_WINDOW_S
    assert words[-1].start_s > 3560
    assert peak_bytes < 20_000_000  # all samples would take 230 MB


@pytest.mark.usefixtures("model")
def test_vocals_that_are_no_sound_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "vocals.flac"
    path.write_bytes(b"no flac")
    with pytest.raises(LyricsError, match="The vocals can't be read: "):
        transcribe(path)


def test_missing_package_model_and_damaged_model_are_told_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(LyricsUnavailableError, match=r"no Whisper model tiny\.en: stemdrop models"):
        Whisper(tmp_path / "tiny.en")
    (tmp_path / "model.bin").write_bytes(b"damaged")
    with pytest.raises(LyricsUnavailableError, match="can't be loaded: install it again"):
        Whisper(tmp_path)
    monkeypatch.setitem(sys.modules, "faster_whisper", None)
    with pytest.raises(LyricsUnavailableError, match=r'faster-whisper: pip install "stemdrop\[lyr'):
        Whisper(tmp_path)
