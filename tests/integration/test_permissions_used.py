"""The separator and the API work with the permissions of their roles, and use all of them.

Real jobs and the real API run against S3 behind the policies of the deployed roles. Denied requests
and unused permissions are errors.
"""

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import boto3
import pytest

from api_events import Api, ExecutionEnvironment, create_handler
from fault_proxy import S3Request, forbidden, run_before
from iam import ARN, Grant, IamRequest, PolicyProxy, iam_requests, list_grants
from stemdrop.errors import StorageError
from stemdrop.keys import (
    TRANSCRIPTIONS_PREFIX,
    VOCALS_NAME,
    UploadKey,
    result_key,
    transcription_key,
)
from stemdrop.lyrics import Transcription
from stemdrop.lyrics_results import LyricsRequest
from stemdrop.message_queue import MessageQueue
from stemdrop.notifications import Notifier
from stemdrop.s3 import CLIENT_CONFIG
from stemdrop.store import Store
from stemdrop_local.deployment import STACK_NAME, TEMPLATE, Stack
from stemdrop_local.emulator import ACCESS_KEY_ID, REGION
from stemdrop_local.emulator_process import EmulatorProcess
from stemdrop_local.template_file import load_template
from stemdrop_separate.deadline import Deadline
from stemdrop_separate.job.context import Invocation, JobContext, Outcome
from stemdrop_separate.job.lyrics_phase import write_lyrics
from uploads import RESULTS_ID, attempt, job_of, put, results, song, stem_names

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

DROP = UploadKey.parse("drop/song.wav")
LARGE = bytes(9 << 20)  # needs a multipart upload
# Actions of Lambda with a function's role, and the property that requires them.
BY_LAMBDA = {
    "logs:CreateLogStream": "LoggingConfig",
    "logs:PutLogEvents": "LoggingConfig",
    "xray:PutTraceSegments": "Tracing",
    "xray:PutTelemetryRecords": "Tracing",
    "sqs:ReceiveMessage": "Events",
    "sqs:DeleteMessage": "Events",
    "sqs:GetQueueAttributes": "Events",
}


def statements_of(emulator: EmulatorProcess, role: str) -> list[Mapping[str, Any]]:
    """Return the policy statements of a deployed role."""
    described = emulator.client("cloudformation").describe_stack_resource(
        StackName=STACK_NAME, LogicalResourceId=role
    )
    iam, name = emulator.client("iam"), described["StackResourceDetail"]["PhysicalResourceId"]
    (policy,) = iam.list_role_policies(RoleName=name)["PolicyNames"]
    document = iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]
    found: list[Mapping[str, Any]] = document["Statement"]
    return found


def unused(proxy: PolicyProxy, function: str) -> set[Grant]:
    """Return the grants that neither the function's code nor Lambda used."""
    properties = load_template(TEMPLATE)["Resources"][function]["Properties"]
    unused_grants = list_grants(proxy.statements) - proxy.used
    return {grant for grant in unused_grants if BY_LAMBDA.get(grant.action) not in properties}


@pytest.fixture
def proxies(buckets: Stack, emulator: EmulatorProcess) -> Iterator[dict[str, PolicyProxy]]:
    """Return an S3 proxy for each role."""
    with ExitStack() as running:
        yield {
            role: running.enter_context(
                PolicyProxy(buckets.endpoint_url, statements_of(emulator, role))
            )
            for role in ("SeparateRole", "ApiRole")
        }


@pytest.fixture
def separator(
    proxies: dict[str, PolicyProxy], job_context: JobContext, emulator: EmulatorProcess
) -> JobContext:
    """Return the separator with the permissions of its role."""
    client: S3Client = boto3.client(
        "s3",
        config=CLIENT_CONFIG,
        endpoint_url=proxies["SeparateRole"].url,
        region_name=REGION,
        aws_access_key_id=ACCESS_KEY_ID,
        aws_secret_access_key=emulator.credentials["AWS_SECRET_ACCESS_KEY"],
    )
    store = job_context.store
    return replace(job_context, store=Store(store.uploads, store.stems, client))


@pytest.fixture
def api(
    proxies: dict[str, PolicyProxy],
    store: Store,
    api_environment: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Api]:
    """Return the API with the permissions of its role."""
    assert store.uploads  # retries without delays
    for name in api_environment.keys() - {"PATH", "TZ", "LANG"}:
        monkeypatch.setenv(name, api_environment[name])
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", proxies["ApiRole"].url)
    with ExecutionEnvironment(create_handler(api_environment)) as environment:
        yield Api(environment.handle)


def send(job: dict[str, Any], buckets: Stack, proxy: PolicyProxy, data: bytes) -> UploadKey:
    """Upload a song to a job's URL, and check that the signer has the permission."""
    assert proxy.check(IamRequest("s3:PutObject", f"{ARN}{buckets.uploads_bucket}/{job['key']}"))
    key = UploadKey.parse(job["key"])
    put(buckets, data, key)
    return key


def fetch(url: str, proxy: PolicyProxy) -> None:
    """Check that the signer of a presigned URL has the permission to read the object."""
    bucket, _, key = urlsplit(url).path.lstrip("/").partition("/")
    (call,) = iam_requests(S3Request("GET", bucket, key, ""))
    assert proxy.check(call)


def separate_dropped_songs(separator: JobContext, buckets: Stack, proxy: PolicyProxy) -> None:
    """Separate dropped songs: new, with other options, copied, missing, with a failed upload."""
    put(buckets, song(), DROP)
    assert attempt(separator, DROP) is Outcome.DONE
    put(buckets, song(), DROP, {"codec": "flac", "stems": "vocals"})
    assert attempt(separator, DROP) is Outcome.DONE
    assert stem_names(buckets, DROP) == {"vocals.flac"}
    copy = UploadKey.parse("drop/copy.wav")
    put(buckets, song(), copy, {"codec": "flac", "stems": "vocals"})
    assert attempt(separator, copy) is Outcome.DONE
    gone = UploadKey.parse("drop/gone.wav")
    assert attempt(separator, gone) is Outcome.REJECTED
    fail_multipart_upload(separator, proxy, result_key(DROP, RESULTS_ID, "large.wav"))


def fail_multipart_upload(job_context: JobContext, proxy: PolicyProxy, target: str) -> None:
    """Make a multipart upload fail, so that it is aborted."""
    path = job_context.settings.work_dir.parent / "large.wav"
    path.write_bytes(LARGE)
    proxy.inject(forbidden, "PUT", target)
    with pytest.raises(StorageError):
        job_context.store.upload(path, target, "audio/wav")


class SilentTranscriber:
    """An engine that reads the vocals, and hears nothing."""

    name = "whisper silent"
    runs_here = True
    max_wait_s = 60.0

    def cost_usd(self, _duration_s: float) -> float:
        return 0.0

    def require_possible(self, _language: str | None, _duration_s: float) -> None:
        pass

    def transcribe(self, request: LyricsRequest, store: Store, _: Deadline) -> Transcription:
        assert store.read(request.vocals_key)
        return Transcription((), None)


def write_song_lyrics(separator: JobContext, buckets: Stack) -> None:
    """Write the lyrics of a song after its stems."""
    put(buckets, song(), DROP, {"stemdrop-lyrics": "true"})
    context = replace(separator, transcriber=SilentTranscriber())
    assert attempt(context, DROP) is Outcome.DONE
    invocation = Invocation(3008, Deadline.after(900))
    assert write_lyrics(context, job_of(buckets, DROP), invocation, had_ended=True)
    assert not results(buckets, TRANSCRIPTIONS_PREFIX)


class CheckedClient:
    """A client of SNS and SQS that checks the permissions of a role."""

    def __init__(self, proxy: PolicyProxy, queue_arn: str) -> None:
        self._proxy = proxy
        self._queue_arn = queue_arn

    def publish(self, **request: Any) -> None:
        assert self._proxy.check(IamRequest("sns:Publish", request["TopicArn"]))

    def change_message_visibility(self, **_: Any) -> None:
        assert self._proxy.check(IamRequest("sqs:ChangeMessageVisibility", self._queue_arn))


def publish_and_retry(buckets: Stack, proxy: PolicyProxy) -> None:
    """Publish a job's completion and return a message to the queue, as the handler does."""
    url = buckets.song_queue_url
    found = buckets.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    services: Any = CheckedClient(proxy, found["Attributes"]["QueueArn"])
    Notifier(buckets.outputs["CompletionTopicArn"], services).publish(job_of(buckets, DROP))
    MessageQueue(url, (30,), services).retry("receipt", 1)


def separate_job(
    api: Api, separator: JobContext, buckets: Stack, proxies: dict[str, PolicyProxy]
) -> dict[str, Any]:
    """Complete a job, and return it."""
    wanted = {"filename": "a.wav", "size_bytes": len(song()), "zip": True}
    job = api.post("/jobs", wanted).json
    key = send(job, buckets, proxies["ApiRole"], song())
    assert attempt(separator, key) is Outcome.DONE
    done: dict[str, Any] = api.get(f"/jobs/{job['id']}").json
    for url in (*(stem["url"] for stem in done["stems"]), done["zip"]["url"]):
        fetch(url, proxies["ApiRole"])
    return done


def delete_before(
    write: str,
    outcome: Outcome,
    api: Api,
    separator: JobContext,
    buckets: Stack,
    proxies: dict[str, PolicyProxy],
) -> None:
    """Delete a job before its attempt writes an object."""
    data = song(0.5, seed=7)
    job = api.post("/jobs", {"filename": "b.wav", "size_bytes": len(data)}).json
    key = send(job, buckets, proxies["ApiRole"], data)

    def delete() -> None:
        assert api.delete(f"/jobs/{job['id']}").status == 204

    proxies["SeparateRole"].inject(run_before(delete), "PUT", write)
    assert attempt(separator, key) is outcome
    assert not results(buckets, f"{key}/")


def test_separator_uses_every_permission_of_its_role(
    separator: JobContext, api: Api, buckets: Stack, proxies: dict[str, PolicyProxy]
) -> None:
    proxy = proxies["SeparateRole"]
    separate_dropped_songs(separator, buckets, proxy)
    publish_and_retry(buckets, proxy)
    job = separate_job(api, separator, buckets, proxies)
    delete_before("jobs/*/*/vocals.wav", Outcome.SKIPPED, api, separator, buckets, proxies)
    delete_before("content/*", Outcome.DONE, api, separator, buckets, proxies)
    job_key = UploadKey.parse(job["key"])
    fail_multipart_upload(separator, proxy, result_key(job_key, RESULTS_ID, "large.wav"))
    fail_multipart_upload(separator, proxy, transcription_key(RESULTS_ID, VOCALS_NAME))
    write_song_lyrics(separator, buckets)
    assert proxy.denied == []
    assert unused(proxy, "SeparateFunction") == set()


def test_api_uses_every_permission_of_its_role(
    separator: JobContext, api: Api, buckets: Stack, proxies: dict[str, PolicyProxy]
) -> None:
    proxy = proxies["ApiRole"]
    job = separate_job(api, separator, buckets, proxies)
    known = {
        "filename": "c.wav",
        "size_bytes": len(song()),
        "sha256": hashlib.sha256(song()).hexdigest(),
        "zip": True,
    }
    again = api.post("/jobs", known).json
    assert again["status"] == "done"
    put(buckets, song(), DROP)
    assert attempt(separator, DROP) is Outcome.DONE
    for stem in api.get("/drop/song.wav").json["stems"]:
        fetch(stem["url"], proxy)
    assert api.get(f"/jobs/{'0' * 32}").status == 404
    assert len(api.get("/jobs").json["jobs"]) == 2
    fail_multipart_copy(buckets, proxy, UploadKey.parse(again["key"]))
    for made in (again, job):
        assert api.delete(f"/jobs/{made['id']}").status == 204
    assert not results(buckets, "jobs/")
    assert proxy.denied == []
    assert unused(proxy, "ApiFunction") == set()


def fail_multipart_copy(buckets: Stack, proxy: PolicyProxy, key: UploadKey) -> None:
    """Make a multipart copy of a large stem fail, so that it is aborted."""
    source, target = (
        result_key(DROP, RESULTS_ID, "large.wav"),
        result_key(key, RESULTS_ID, "large.wav"),
    )
    buckets.s3.put_object(Bucket=buckets.stems_bucket, Key=source, Body=LARGE)
    client: S3Client = boto3.client("s3", config=CLIENT_CONFIG, endpoint_url=proxy.url)
    proxy.inject(forbidden, "PUT", target)
    with pytest.raises(StorageError):
        Store(buckets.uploads_bucket, buckets.stems_bucket, client).copy(source, target)


def test_role_denies_other_actions(proxies: dict[str, PolicyProxy], buckets: Stack) -> None:
    for role, action, where in (
        ("ApiRole", "s3:GetObject", "uploads/jobs/{id}"),
        ("ApiRole", "s3:GetObject", "uploads/drop/song.wav"),
        ("ApiRole", "s3:PutObject", "uploads/drop/song.wav"),
        ("ApiRole", "s3:DeleteObject", "uploads/drop/song.wav"),
        ("ApiRole", "s3:PutObject", "stems/drop/song.wav/job.json"),
        ("ApiRole", "s3:DeleteObject", "stems/drop/song.wav/job.json"),
        ("ApiRole", "s3:PutObject", "stems/content/0.json"),
        ("ApiRole", "s3:GetObject", "stems/owners/0"),
        ("ApiRole", "s3:GetObject", "stems/transcriptions/0/vocals.flac"),
        ("ApiRole", "s3:PutObject", "stems/transcriptions/0/request.json"),
        ("SeparateRole", "s3:PutObject", "stems/owners/0"),
        ("ApiRole", "s3:ListBucket", "uploads"),
        ("ApiRole", "s3:ListBucket", "stems"),
        ("SeparateRole", "s3:PutObject", "uploads/drop/song.wav"),
        ("SeparateRole", "s3:DeleteObject", "uploads/drop/song.wav"),
        ("SeparateRole", "s3:DeleteObject", "uploads/jobs/{id}"),
        ("SeparateRole", "s3:GetObject", "uploads/elsewhere/song.wav"),
        ("SeparateRole", "s3:PutObject", "stems/elsewhere"),
        ("SeparateRole", "s3:PutBucketPolicy", "stems"),
        ("SeparateRole", "s3:PutObjectAcl", "stems/drop/song.wav/vocals.wav"),
        ("SeparateRole", "sqs:ReceiveMessage", "stems"),
        ("SeparateRole", "sts:AssumeRole", "stems"),
    ):
        bucket, _, key = where.format(id="0" * 32).partition("/")
        name = {"uploads": buckets.uploads_bucket, "stems": buckets.stems_bucket}[bucket]
        call = IamRequest(action, f"{ARN}{name}/{key}".rstrip("/"))
        assert not proxies[role].check(call), (role, action, where)


def test_listing_all_jobs_is_denied(proxies: dict[str, PolicyProxy], buckets: Stack) -> None:
    job = f"jobs/{'0' * 32}"
    for prefix in ("", "jobs/", "drop/", "content/", "owners/", "jobs/0", job, "owners/0"):
        context = {"s3:prefix": prefix}
        call = IamRequest("s3:ListBucket", f"{ARN}{buckets.stems_bucket}", context)
        assert not proxies["ApiRole"].check(call), prefix
    whole = replace(call, context={"s3:prefix": f"{job}/results-"})
    assert proxies["ApiRole"].check(whole)
