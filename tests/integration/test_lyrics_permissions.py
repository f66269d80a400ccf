"""The parts of Amazon Transcribe work with the permissions of their roles, and use all of them."""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from fault_proxy import run_before
from iam import ARN, IamRequest, PolicyProxy, list_grants
from stemdrop.job_record import Job, Status
from stemdrop.keys import TRANSCRIPT_NAME, UploadKey, record_key, transcription_key
from stemdrop.lyrics import Lyrics, LyricsStatus
from stemdrop.lyrics_results import LyricsRequest, save_request
from stemdrop.s3 import CLIENT_CONFIG
from stemdrop.store import Store
from stemdrop.transcription_jobs import TranscriptionJob, TranscriptionJobs
from stemdrop_local.deployment import TEMPLATE, Stack
from stemdrop_local.emulator import ACCESS_KEY_ID, REGION
from stemdrop_local.emulator_process import EmulatorProcess
from stemdrop_local.template_file import load_template
from stemdrop_lyrics.transcription import LyricsContext, finish_transcription
from templates import ACCOUNT_ID, policy_statements
from uploads import results

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

ID = "0123456789abcdef"
BY_LAMBDA = {"logs", "xray", "sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"}
QUEUE = f"arn:aws:sqs:{REGION}:{ACCOUNT_ID}:stemdrop-lyrics"
TRANSCRIPT = b"""{"results": {"items": [{"type": "pronunciation", "start_time": "0",
    "end_time": "1", "alternatives": [{"content": "la", "confidence": "1"}]}]}}"""


class OneJob(TranscriptionJobs):
    """A job whose look-up needs the permission of the role."""

    def __init__(self, proxy: PolicyProxy, bucket: str) -> None:
        super().__init__(bucket)
        self._proxy = proxy

    def find(self, results_id: str) -> TranscriptionJob:
        name = self._name(results_id)
        arn = f"arn:aws:transcribe:{REGION}:{ACCOUNT_ID}:transcription-job/{name}"
        assert self._proxy.check(IamRequest("transcribe:GetTranscriptionJob", arn))
        return TranscriptionJob(None, "No.")


@pytest.fixture
def proxies(buckets: Stack, store: Store) -> Iterator[dict[str, PolicyProxy]]:
    assert store.uploads  # retries without delays
    template = load_template(TEMPLATE)
    with ExitStack() as running:
        yield {
            role: running.enter_context(
                PolicyProxy(
                    buckets.endpoint_url, [*policy_statements(template, role, Lyrics="transcribe")]
                )
            )
            for role in ("LyricsRole", "SeparateRole")
        }


def ask(store: Store, name: str, **fields: Any) -> UploadKey:
    """Write a request, and a record that awaits its lyrics."""
    key = UploadKey.parse(name)
    request = LyricsRequest(str(key), ID, "transcribe", "en", 0.0, 30.0)
    store.write(request.vocals_key, b"flac", "audio/flac")
    save_request(store, request)
    lyrics = Lyrics(LyricsStatus.PENDING, "transcribe", deadline_at="9999")
    job = Job(str(key), Status.DONE, "then", "then", results_ids=(ID,), lyrics=lyrics)
    store.save_job(key, job.updated(**fields), None)
    return key


def test_lyrics_function_uses_every_permission_of_its_role(
    proxies: dict[str, PolicyProxy], buckets: Stack, store: Store, emulator: EmulatorProcess
) -> None:
    proxy = proxies["LyricsRole"]
    client: S3Client = boto3.client(
        "s3",
        config=CLIENT_CONFIG,
        endpoint_url=proxy.url,
        region_name=REGION,
        aws_access_key_id=ACCESS_KEY_ID,
        aws_secret_access_key=emulator.credentials["AWS_SECRET_ACCESS_KEY"],
    )
    topic, announced = buckets.outputs["CompletionTopicArn"], []

    def announce(job: Job) -> None:
        assert proxy.check(IamRequest("sns:Publish", topic))
        announced.append(job)

    context = LyricsContext(
        Store("", buckets.stems_bucket, client), OneJob(proxy, buckets.stems_bucket), announce
    )
    for name in ("drop/4stems/a/b.mp3", f"jobs/{'0' * 32}"):
        ask(store, name)
        store.write(transcription_key(ID, TRANSCRIPT_NAME), TRANSCRIPT, "application/json")
        assert finish_transcription(context, ID)
    for number, name in enumerate(("drop/deleted.mp3", f"jobs/{'1' * 32}")):
        key = ask(store, name)
        store.write(transcription_key(ID, TRANSCRIPT_NAME), TRANSCRIPT, "application/json")

        def delete(key: UploadKey = key) -> None:
            store.delete({record_key(key)})

        proxy.inject(run_before(delete), "PUT", record_key(key))
        assert finish_transcription(context, ID), number
        assert not results(buckets, f"{key}/")
    ask(store, "drop/failed.mp3")
    assert finish_transcription(context, ID)  # looks up the job
    assert finish_transcription(context, ID)  # finds no request
    for action in ("sqs:ChangeMessageVisibility", "sqs:SendMessage"):
        assert proxy.check(IamRequest(action, QUEUE))
    assert [lyrics.status for job in announced if (lyrics := job.lyrics)] == [
        LyricsStatus.DONE,
        LyricsStatus.DONE,
        LyricsStatus.FAILED,
    ]
    assert proxy.denied == []
    unused = list_grants(proxy.statements) - proxy.used
    assert not {
        grant for grant in unused if not {grant.action, grant.action.partition(":")[0]} & BY_LAMBDA
    }


@pytest.mark.parametrize(
    ("action", "key"),
    [
        ("s3:GetObject", "drop/a.mp3/results-0/vocals.wav"),
        ("s3:PutObject", "drop/a.mp3/results-0/vocals.wav"),
        ("s3:DeleteObject", "drop/a.mp3/job.json"),
        ("s3:GetObject", "content/0.json"),
        ("s3:GetObject", "owners/0"),
        ("s3:PutObject", "transcriptions/0/transcript.json"),
        ("s3:PutBucketPolicy", ""),
    ],
)
def test_lyrics_function_can_do_nothing_else(
    proxies: dict[str, PolicyProxy], buckets: Stack, action: str, key: str
) -> None:
    resource = f"{ARN}{buckets.stems_bucket}/{key}".rstrip("/")
    assert not proxies["LyricsRole"].check(IamRequest(action, resource))
    songs = f"{ARN}{buckets.uploads_bucket}/drop/a.mp3"
    assert not proxies["LyricsRole"].check(IamRequest(action, songs))


def test_separator_may_start_what_writes_a_transcript(
    proxies: dict[str, PolicyProxy], buckets: Stack
) -> None:
    proxy = proxies["SeparateRole"]
    action, key = "transcribe:StartTranscriptionJob", transcription_key(ID, TRANSCRIPT_NAME)
    output = {
        "transcribe:OutputBucketName": buckets.stems_bucket,
        "transcribe:OutputKey": key,
    }
    assert proxy.check(IamRequest(action, "*", output))
    others = (
        {"transcribe:OutputBucketName": buckets.uploads_bucket},
        {"transcribe:OutputKey": "drop/song.mp3/job.json"},
        {"transcribe:OutputKey": transcription_key(ID, "request.json")},
    )
    for other in others:
        assert not proxy.check(IamRequest(action, "*", output | other))
    assert not proxy.check(IamRequest(action, "*"))
    # Amazon Transcribe reads and writes with the separator's permissions.
    request = LyricsRequest("drop/a.mp3", ID, "transcribe", None, 0.0, 30.0)
    assert proxy.check(
        IamRequest("s3:GetObject", f"{ARN}{buckets.stems_bucket}/{request.vocals_key}")
    )
    assert proxy.check(IamRequest("s3:PutObject", f"{ARN}{buckets.stems_bucket}/{key}"))
    assert proxy.check(IamRequest("sqs:SendMessage", QUEUE))
    assert not proxy.check(IamRequest("sqs:ReceiveMessage", QUEUE))
