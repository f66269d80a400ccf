"""Features that MiniStack lacks or that differ from AWS, and that the emulator adds."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import boto3
import httpx
import pytest
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conftest import TOKEN
from stemdrop.job_record import Job, Status, now
from stemdrop.keys import UploadKey
from stemdrop.store import Store
from stemdrop_local.deployment import Stack
from stemdrop_local.emulator import REGION
from stemdrop_local.emulator_gaps import ACCOUNT_ID
from stemdrop_local.emulator_process import EmulatorProcess, UnsignedRequest

WAIT_S = 20.0
PREDICT = """
import json, sys
from ministack.core.lambda_runtime import execution_credentials
print(json.dumps(execution_credentials(json.load(sys.stdin))))
"""


def take(stack: Stack, queue_url: str) -> list[str]:
    """Return the bodies of the messages of a queue, and remove them."""
    bodies = []
    while found := stack.sqs.receive_message(QueueUrl=queue_url, MaxNumberOfMessages=10).get(
        "Messages"
    ):
        for message in found:
            bodies.append(message["Body"])
            handle = message["ReceiptHandle"]
            stack.sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=handle)
    return bodies


@pytest.mark.parametrize("function", ["stemdrop-api", "stemdrop-separate"])
def test_role_credentials_are_random(
    function: str, emulator: EmulatorProcess, deployed: Stack
) -> None:
    assert httpx.get(f"{deployed.endpoint_url}/healthz", timeout=60).status_code == 200
    functions = emulator.client("lambda")
    configuration = functions.get_function_configuration(FunctionName=function)
    configuration.pop("ResponseMetadata")
    predicted = subprocess.run(
        [sys.executable, "-c", PREDICT],
        input=json.dumps(configuration),
        env={**os.environ, "AUTH": "true", "MINISTACK_ACCOUNT_ID": ACCOUNT_ID},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()[-1]
    keys = json.loads(predicted)
    sts = boto3.client(
        "sts",
        endpoint_url=emulator.endpoint_url,
        region_name=REGION,
        **{name.lower(): value for name, value in keys.items()},
    )
    with pytest.raises(ClientError) as refused:
        sts.get_caller_identity()
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


def test_move_task_returns_all_failures_to_their_queue(buckets: Stack) -> None:
    bodies = [f"message {number} ü" for number in range(12)]
    for body in bodies:
        buckets.sqs.send_message(QueueUrl=buckets.failure_queue_url, MessageBody=body)
    assert buckets.count_failures() == len(bodies)
    words = buckets.outputs["RedriveCommand"].split()
    assert words[:-1] == ["aws", "sqs", "start-message-move-task", "--source-arn"]
    assert buckets.sqs.start_message_move_task(SourceArn=words[-1])["TaskHandle"]
    assert buckets.count_failures() == 0
    assert sorted(take(buckets, buckets.song_queue_url)) == sorted(bodies)


def test_move_task_of_a_missing_queue_is_refused(deployed: Stack) -> None:
    with pytest.raises(ClientError, match="doesn't exist"):
        deployed.sqs.start_message_move_task(SourceArn=f"arn:aws:sqs:{REGION}:{ACCOUNT_ID}:nothing")


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(first=st.integers(0, 99), length=st.integers(1, 50), is_same=st.booleans())
def test_range_never_mixes_object_versions(
    buckets: Stack, first: int, length: int, is_same: bool
) -> None:
    data = bytes(range(100))
    etag = buckets.s3.put_object(Bucket=buckets.stems_bucket, Key="drop/x", Body=data)["ETag"]
    url = buckets.s3.generate_presigned_url(
        "get_object", Params={"Bucket": buckets.stems_bucket, "Key": "drop/x"}
    )
    headers = {
        "range": f"bytes={first}-{first + length - 1}",
        "if-range": etag if is_same else '"0"',
    }
    answer = httpx.get(url, headers=headers)
    part = data[first : first + length]
    assert (answer.status_code, answer.content) in (
        [(206, part), (200, data)] if is_same else [(200, data)]
    )


def test_range_returns_a_part(buckets: Stack) -> None:
    buckets.s3.put_object(Bucket=buckets.stems_bucket, Key="drop/x", Body=b"0123456789")
    found: Any = buckets.s3.get_object(Bucket=buckets.stems_bucket, Key="drop/x", Range="bytes=2-4")
    assert found["Body"].read() == b"234"


def test_role_may_read_a_key_with_a_line_break(buckets: Stack) -> None:
    key = UploadKey.parse("drop/a\nb.wav")
    job = Job(str(key), Status.PROCESSING, now(), now())
    Store(buckets.uploads_bucket, buckets.stems_bucket, buckets.s3).save_job(key, job, None)
    answer = httpx.get(
        f"{buckets.endpoint_url}/drop/a%0Ab.wav",
        headers={"Authorization": f"Bearer {TOKEN}"},
        timeout=60,
    )
    assert (answer.status_code, answer.json().get("key")) == (200, str(key))


def test_reported_requests_contain_no_signature(
    deployed: Stack, emulator: EmulatorProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: SimpleQueue[UnsignedRequest] = SimpleQueue()
    monkeypatch.setattr(emulator, "_report", calls.put)
    url = deployed.s3.generate_presigned_url(
        "list_objects_v2", Params={"Bucket": deployed.uploads_bucket}
    )
    httpx.get(url)
    deployed.s3.list_buckets()  # signed in its headers: not reported
    httpx.get(
        f"{deployed.endpoint_url}/options?secret=1",
        headers={"Authorization": f"Bearer {TOKEN}"},
        timeout=60,
    )
    httpx.get(f"{deployed.endpoint_url}/healthz", timeout=60)
    reported = [calls.get(timeout=WAIT_S) for _ in range(3)]
    assert [(call.method, call.path, call.status, call.is_for_s3) for call in reported] == [
        ("GET", f"/{deployed.uploads_bucket}", 200, True),
        ("GET", "/options", 200, False),
        ("GET", "/healthz", 200, False),
    ]


def test_emulator_files_contain_no_credentials(emulator: EmulatorProcess) -> None:
    secret = emulator.credentials["AWS_SECRET_ACCESS_KEY"].encode()
    files = [path for path in Path(emulator.log.parent).rglob("*") if path.is_file()]
    assert files
    assert not [path for path in files if secret in path.read_bytes()]


def start_transcription(transcribe: Any, stack: Stack, **wanted: str) -> Any:
    """Start a job whose vocals are missing."""
    media = f"s3://{stack.stems_bucket}/transcriptions/0/vocals.flac"
    return transcribe.start_transcription_job(
        LanguageCode="en-US", Media={"MediaFileUri": media}, MediaFormat="flac", **wanted
    )


@pytest.fixture
def limited(emulator: EmulatorProcess) -> Iterator[Callable[[dict[str, Any]], Any]]:
    """Return a function that makes a client of Transcribe with the permissions of one statement."""
    iam, name = emulator.client("iam"), "limited"
    iam.create_user(UserName=name)
    key = iam.create_access_key(UserName=name)["AccessKey"]

    def make(statement: dict[str, Any]) -> Any:
        policy = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", **statement}}
        iam.put_user_policy(UserName=name, PolicyName=name, PolicyDocument=json.dumps(policy))
        return boto3.client(
            "transcribe",
            endpoint_url=emulator.endpoint_url,
            region_name=REGION,
            aws_access_key_id=key["AccessKeyId"],
            aws_secret_access_key=key["SecretAccessKey"],
        )

    yield make
    iam.delete_access_key(UserName=name, AccessKeyId=key["AccessKeyId"])
    iam.delete_user_policy(UserName=name, PolicyName=name)
    iam.delete_user(UserName=name)


def test_transcriptions_are_limited_by_their_output(
    limited: Callable[[dict[str, Any]], Any], deployed: Stack
) -> None:
    condition = {
        "transcribe:OutputBucketName": deployed.stems_bucket,
        "transcribe:OutputKey": "transcriptions/?/transcript.json",
    }
    transcribe = limited(
        {
            "Action": "transcribe:StartTranscriptionJob",
            "Resource": "*",
            "Condition": {"StringLike": condition},
        }
    )
    names = {
        "TranscriptionJobName": "allowed",
        "OutputBucketName": deployed.stems_bucket,
        "OutputKey": "transcriptions/1/transcript.json",
    }
    assert start_transcription(transcribe, deployed, **names)["TranscriptionJob"]
    others = (
        {"OutputKey": "transcriptions/1/2/transcript.json"},
        {"OutputBucketName": deployed.uploads_bucket},
    )
    for number, other in enumerate(others):
        wanted = names | other | {"TranscriptionJobName": f"refused-{number}"}
        with pytest.raises(ClientError, match="AccessDenied"):
            start_transcription(transcribe, deployed, **wanted)


def test_transcriptions_are_looked_up_by_name(
    limited: Callable[[dict[str, Any]], Any], deployed: Stack, emulator: EmulatorProcess
) -> None:
    for name in ("ours-1", "others-1"):
        start_transcription(emulator.client("transcribe"), deployed, TranscriptionJobName=name)
    arn = f"arn:aws:transcribe:{REGION}:{ACCOUNT_ID}:transcription-job/ours-*"
    transcribe = limited({"Action": "transcribe:GetTranscriptionJob", "Resource": arn})
    found = transcribe.get_transcription_job(TranscriptionJobName="ours-1")
    assert found["TranscriptionJob"]["TranscriptionJobName"] == "ours-1"
    with pytest.raises(ClientError, match="AccessDenied"):
        transcribe.get_transcription_job(TranscriptionJobName="others-1")
