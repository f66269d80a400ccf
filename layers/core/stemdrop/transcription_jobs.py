"""Jobs of Amazon Transcribe. Only this module uses the service."""

from dataclasses import dataclass
from typing import Any, Protocol

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from stemdrop.errors import LyricsError, TranscribeError
from stemdrop.keys import RESULTS_ID, TRANSCRIPT_NAME, transcription_key
from stemdrop.lyrics_languages import TRANSCRIBE_LANGUAGES
from stemdrop.lyrics_results import LyricsRequest

# At most 15 seconds, and the pauses between: the separator may be near its end.
CLIENT_CONFIG = Config(
    connect_timeout=2,
    read_timeout=3,
    retries={"mode": "standard", "total_max_attempts": 3},
)
# Empty file that the service writes into the folder of a transcript, to check its permission.
CHECK_NAME = ".write_access_check_file.temp"
# The service's code for a missing job isn't always the one that its API documents.
NOT_FOUND = frozenset({"NotFoundException", "BadRequestException"})


class TranscribeClient(Protocol):
    """Client of Amazon Transcribe, as far as it is used."""

    def start_transcription_job(self, **request: Any) -> Any:
        """Start a job."""

    def get_transcription_job(self, **request: Any) -> Any:
        """Describe a job."""


@dataclass(frozen=True, slots=True)
class TranscriptionJob:
    """State of a job.

    Attributes
    ----------
    language_code : Language that was given or found, such as ``en-US``.
    failure_reason : Why it failed; None unless it did.
    """

    language_code: str | None
    failure_reason: str | None


class TranscriptionJobs:
    """Jobs of one stems bucket, whose names begin with that of the bucket.

    Parameters
    ----------
    bucket : Name of the bucket.
    client : Client of the service. By default one with short timeouts, created when it is needed.
    """

    def __init__(self, bucket: str, client: TranscribeClient | None = None) -> None:
        self._bucket = bucket
        self._client = client

    def start(self, request: LyricsRequest) -> None:
        """Start the job of a request, unless it was started before.

        Raises
        ------
        LyricsError : The service doesn't accept the job.
        TranscribeError : The service failed, or has too many jobs.
        """
        code = TRANSCRIBE_LANGUAGES[request.language] if request.language else None
        try:
            self._connect().start_transcription_job(
                TranscriptionJobName=self._name(request.results_id),
                Media={"MediaFileUri": f"s3://{self._bucket}/{request.vocals_key}"},
                MediaFormat="flac",
                OutputBucketName=self._bucket,
                OutputKey=transcription_key(request.results_id, TRANSCRIPT_NAME),
                **({"LanguageCode": code} if code else {"IdentifyLanguage": True}),
            )
        except ClientError as error:
            if _code(error) == "BadRequestException":
                reason = error.response["Error"]["Message"]
                raise LyricsError(f"Amazon Transcribe doesn't accept the song: {reason}") from error
            if _code(error) != "ConflictException":  # which has the job of an earlier attempt
                raise TranscribeError(f"Could not start a transcription: {error}.") from error
        except BotoCoreError as error:
            raise TranscribeError(f"Could not start a transcription: {error}.") from error

    def find(self, results_id: str) -> TranscriptionJob | None:
        """Return the state of a job, or None if it wasn't started or is forgotten.

        Raises
        ------
        TranscribeError : The service failed.
        """
        name = self._name(results_id)
        try:
            found = self._connect().get_transcription_job(TranscriptionJobName=name)
        except (BotoCoreError, ClientError) as error:
            if isinstance(error, ClientError) and _code(error) in NOT_FOUND:
                return None
            raise TranscribeError(f"Could not look up {name}: {error}.") from error
        job = found["TranscriptionJob"]
        has_failed = job["TranscriptionJobStatus"] == "FAILED"
        reason = job.get("FailureReason", "it gives no reason") if has_failed else None
        return TranscriptionJob(job.get("LanguageCode"), reason)

    def _name(self, results_id: str) -> str:
        """Return the same name each time, so that a song isn't transcribed twice."""
        return f"{self._bucket}-{results_id}"

    def _connect(self) -> TranscribeClient:
        if self._client is None:
            self._client = boto3.client("transcribe", config=CLIENT_CONFIG)
        return self._client


def results_id_of_job(name: str) -> str:
    """Return the results ID in the name of a job.

    Raises
    ------
    ValueError : The job is not one of stemdrop's.
    """
    results_id = name.rpartition("-")[2]
    if not RESULTS_ID.fullmatch(results_id):
        raise ValueError(f"{name!r} is not the name of a job.")
    return results_id


def _code(error: ClientError) -> str:
    return error.response["Error"]["Code"]
