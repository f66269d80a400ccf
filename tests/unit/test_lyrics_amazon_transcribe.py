"""The separator's part of Amazon Transcribe: limits, the check, and the job."""

from pathlib import Path

import pytest

from stemdrop.errors import (
    LanguageUnavailableError,
    LyricsTooLongError,
    QueueError,
    TranscribeError,
)
from stemdrop.lyrics_checks import CHECK_DELAY_S, check_message
from stemdrop.lyrics_languages import LANGUAGES, TRANSCRIBE_LANGUAGES
from stemdrop.lyrics_results import LyricsRequest
from stemdrop.message_queue import MessageQueue
from stemdrop.store import Store
from stemdrop.transcription_jobs import TranscriptionJobs
from stemdrop_separate.deadline import Deadline
from stemdrop_separate.lyrics.amazon_transcribe import AmazonTranscribe
from stemdrop_separate.lyrics.transcriber import Transcriber, load_transcriber

REQUEST = LyricsRequest("drop/song.mp3", "0123456789abcdef", "transcribe", None, 0.0, 60.0)


class FakeJobs(TranscriptionJobs):
    """Records what is started, and fails with an error, if any."""

    def __init__(self, calls: list[object]) -> None:
        self.calls = calls
        self.error: TranscribeError | None = None

    def start(self, request: LyricsRequest) -> None:
        self.calls.append(request)
        if self.error:
            raise self.error


class FakeChecks(MessageQueue):
    """Records what is sent, and fails with an error, if any."""

    def __init__(self, calls: list[object]) -> None:
        self.calls = calls
        self.error: QueueError | None = None

    def send(self, body: str, delay_s: int) -> None:
        self.calls.append((body, delay_s))
        if self.error:
            raise self.error


@pytest.fixture
def calls() -> list[object]:
    return []


@pytest.fixture
def transcriber(calls: list[object]) -> AmazonTranscribe:
    return AmazonTranscribe(FakeJobs(calls), FakeChecks(calls))


def transcribe(transcriber: Transcriber, store: Store) -> None:
    assert transcriber.transcribe(REQUEST, store, Deadline.after(60)) is None


@pytest.fixture
def store() -> Store:
    return Store.__new__(Store)  # it isn't used


def test_check_is_sent_before_the_job_starts(
    transcriber: AmazonTranscribe, calls: list[object], store: Store
) -> None:
    transcribe(transcriber, store)
    check = (check_message(REQUEST.results_id), CHECK_DELAY_S)
    assert calls == [check, REQUEST]
    assert transcriber.max_wait_s > CHECK_DELAY_S


def test_no_job_starts_without_a_check(
    transcriber: AmazonTranscribe, calls: list[object], store: Store
) -> None:
    assert isinstance(transcriber.queue, FakeChecks)
    transcriber.queue.error = QueueError("No.")
    with pytest.raises(QueueError):
        transcribe(transcriber, store)
    assert len(calls) == 1


def test_failed_start_is_raised(transcriber: AmazonTranscribe, store: Store) -> None:
    assert isinstance(transcriber.jobs, FakeJobs)
    transcriber.jobs.error = TranscribeError("No.")
    with pytest.raises(TranscribeError):
        transcribe(transcriber, store)


def test_only_languages_of_the_service_are_possible(transcriber: AmazonTranscribe) -> None:
    for language in (None, *TRANSCRIBE_LANGUAGES):
        transcriber.require_possible(language, 60.0)
    for language in LANGUAGES.keys() - TRANSCRIBE_LANGUAGES.keys():
        with pytest.raises(LanguageUnavailableError, match=f"{language!r} .*: leave language out"):
            transcriber.require_possible(language, 60.0)


def test_song_has_at_most_four_hours(transcriber: AmazonTranscribe) -> None:
    transcriber.require_possible("en", 4 * 3600.0)
    with pytest.raises(LyricsTooLongError, match=r"lasts 4\.5 hours, and .* at most 4: choose"):
        transcriber.require_possible("en", 4.5 * 3600)


def test_price_is_that_of_the_service(transcriber: AmazonTranscribe) -> None:
    assert transcriber.name == "transcribe"
    assert transcriber.cost_usd(60.0) == 0.024
    assert transcriber.cost_usd(1.0) == 0.006  # 15 seconds at least


def test_transcriber_has_the_queue_if_there_is_one(tmp_path: Path) -> None:
    for url in (None, "https://sqs.example/lyrics"):
        found = load_transcriber("transcribe", tmp_path, "stems", url, tmp_path, tmp_path)
        assert isinstance(found, AmazonTranscribe)
        assert bool(found.queue) is bool(url)
    assert load_transcriber("none", tmp_path, "stems", None, tmp_path, tmp_path) is None
