"""Jobs of Amazon Transcribe: started once per song, and looked up by the same name."""

from dataclasses import replace
from typing import Any

import boto3
import pytest
from botocore.exceptions import EndpointConnectionError
from botocore.stub import Stubber

from stemdrop.errors import LyricsError, TranscribeError
from stemdrop.lyrics_languages import TRANSCRIBE_LANGUAGES
from stemdrop.lyrics_results import LyricsRequest
from stemdrop.transcription_jobs import TranscriptionJob, TranscriptionJobs, results_id_of_job

BUCKET = "stemdrop-stems-123456789012-eu-central-1"
RESULTS_ID = "0123456789abcdef"
NAME = f"{BUCKET}-{RESULTS_ID}"
REQUEST = LyricsRequest("drop/song.mp3", RESULTS_ID, "transcribe", None, 0.0, 60.0)
WANTED: dict[str, Any] = {
    "TranscriptionJobName": NAME,
    "Media": {"MediaFileUri": f"s3://{BUCKET}/transcriptions/{RESULTS_ID}/vocals.flac"},
    "MediaFormat": "flac",
    "OutputBucketName": BUCKET,
    "OutputKey": f"transcriptions/{RESULTS_ID}/transcript.json",
}


class FakeTranscribe:
    """Answers each call with a result or an error."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def start_transcription_job(self, **_: Any) -> Any:
        return self._answer()

    def get_transcription_job(self, **_: Any) -> Any:
        return {"TranscriptionJob": self._answer()}

    def _answer(self) -> Any:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.fixture
def client() -> Any:
    secrets = {"aws_access_key_id": "key", "aws_secret_access_key": "secret"}
    return boto3.client("transcribe", region_name="eu-central-1", **secrets)  # type: ignore[call-overload]


@pytest.mark.parametrize("language", [None, "de", "yue"])
def test_job_writes_its_transcript_beside_the_vocals(client: Any, language: str | None) -> None:
    code = TRANSCRIBE_LANGUAGES[language] if language else None
    wanted = WANTED | ({"LanguageCode": code} if code else {"IdentifyLanguage": True})
    with Stubber(client) as transcribe:
        transcribe.add_response("start_transcription_job", {}, wanted)
        TranscriptionJobs(BUCKET, client).start(replace(REQUEST, language=language))
        transcribe.assert_no_pending_responses()


def test_known_languages_are_those_of_the_service(client: Any) -> None:
    known = client.meta.service_model.shape_for("LanguageCode").enum
    # Source: "Supported languages" in the guide; the enumeration has Welsh as cy-WL, too.
    assert set(TRANSCRIBE_LANGUAGES.values()) <= {*known, "cy-GB"}


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("ConflictException", None),
        ("BadRequestException", LyricsError),
        ("LimitExceededException", TranscribeError),
        ("ThrottlingException", TranscribeError),
        ("InternalFailureException", TranscribeError),
        ("AccessDeniedException", TranscribeError),
    ],
)
def test_job_is_started_once_and_errors_that_may_pass_are_transient(
    client: Any, code: str, error: type[Exception] | None
) -> None:
    with Stubber(client) as transcribe:
        transcribe.add_client_error("start_transcription_job", code, "No.")
        if error is None:
            TranscriptionJobs(BUCKET, client).start(REQUEST)
        else:
            with pytest.raises(error, match="No"):
                TranscriptionJobs(BUCKET, client).start(REQUEST)


@pytest.mark.parametrize(
    ("job", "found"),
    [
        ({"TranscriptionJobStatus": "IN_PROGRESS"}, TranscriptionJob(None, None)),
        (
            {"TranscriptionJobStatus": "COMPLETED", "LanguageCode": "en-US"},
            TranscriptionJob("en-US", None),
        ),
        (
            {"TranscriptionJobStatus": "FAILED", "FailureReason": "Too long."},
            TranscriptionJob(None, "Too long."),
        ),
        ({"TranscriptionJobStatus": "FAILED"}, TranscriptionJob(None, "it gives no reason")),
    ],
)
def test_job_is_described(client: Any, job: dict[str, Any], found: TranscriptionJob) -> None:
    with Stubber(client) as transcribe:
        wanted = {"TranscriptionJobName": NAME}
        transcribe.add_response("get_transcription_job", {"TranscriptionJob": job}, wanted)
        assert TranscriptionJobs(BUCKET, client).find(RESULTS_ID) == found


@pytest.mark.parametrize("code", ["NotFoundException", "BadRequestException"])
def test_missing_job_is_none(client: Any, code: str) -> None:
    with Stubber(client) as transcribe:
        transcribe.add_client_error("get_transcription_job", code)
        assert TranscriptionJobs(BUCKET, client).find(RESULTS_ID) is None


def test_failures_of_the_service_are_transient(client: Any) -> None:
    with Stubber(client) as transcribe:
        transcribe.add_client_error("get_transcription_job", "LimitExceededException")
        with pytest.raises(TranscribeError, match="Could not look up"):
            TranscriptionJobs(BUCKET, client).find(RESULTS_ID)
    jobs = TranscriptionJobs(BUCKET, FakeTranscribe(EndpointConnectionError(endpoint_url="x")))
    with pytest.raises(TranscribeError, match="Could not start"):
        jobs.start(REQUEST)


def test_names_of_jobs_have_the_results_id() -> None:
    assert results_id_of_job(NAME) == RESULTS_ID
    for name in ("", "other", f"{BUCKET}-0123", f"{RESULTS_ID}-x"):
        with pytest.raises(ValueError, match="not the name of a job"):
            results_id_of_job(name)
