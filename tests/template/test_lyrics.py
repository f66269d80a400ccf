"""The lyrics function, its queues and its rule exist together, and only with Amazon Transcribe."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from stemdrop import keys
from stemdrop.lyrics import LyricsEngine
from stemdrop.lyrics_checks import CHECK_DELAY_S
from stemdrop.lyrics_results import LyricsRequest
from stemdrop.transcription_jobs import TranscriptionJobs
from stemdrop_lyrics.settings import RETRY_DELAYS_S
from stemdrop_separate.lyrics.amazon_transcribe import AmazonTranscribe
from templates import ACCOUNT_ID, REGION, Resolver, Template

ADDRESS = {"AlarmAddress": "you@example.org"}
ID = "0123456789abcdef"


class RecordedTranscribe:
    """Keeps the request that a job is started with."""

    request: dict[str, Any]

    def start_transcription_job(self, **request: Any) -> None:
        self.request = request

    def get_transcription_job(self, **_: Any) -> None:
        pytest.fail("Starting a job looks up none.")


@pytest.mark.parametrize("engine", ["none", "tiny.en"])
def test_nothing_of_transcribe_exists_with_another_engine(template: Template, engine: str) -> None:
    names = [name for name in template["Resources"] if name.startswith("Lyrics")]
    assert len(names) > 8
    wanted = Resolver(template, {"Lyrics": "transcribe"} | ADDRESS)
    without = Resolver(template, {"Lyrics": engine} | ADDRESS)
    for name in names:
        assert (wanted.exists(name), without.exists(name)) == (True, False), name
    assert template["Outputs"]["LyricsRedriveCommand"]["Condition"] == "HasTranscribe"
    assert "lyrics" in wanted.properties("Dashboard")["DashboardBody"]
    assert "lyrics" not in without.properties("Dashboard")["DashboardBody"]
    assert "NotificationConfiguration" not in without.properties("StemsBucket")


@pytest.mark.parametrize(
    ("engine", "is_valid"),
    [
        ("none", True),
        ("transcribe", True),
        ("tiny.en", True),
        ("large-v3", True),
        ("", False),
        ("../x", False),
        ("Tiny", False),
        ("a b", False),
    ],
)
def test_engine_is_a_name(template: Template, engine: str, is_valid: bool) -> None:
    parameter = template["Parameters"]["Lyrics"]
    assert bool(re.fullmatch(parameter["AllowedPattern"], engine)) is is_valid
    assert parameter["Default"] == LyricsEngine.NONE


def test_transcripts_notify_the_queue(transcribing: Resolver) -> None:
    (found,) = transcribing.properties("StemsBucket")["NotificationConfiguration"][
        "QueueConfigurations"
    ]
    assert found["Event"] == "s3:ObjectCreated:*"
    assert found["Queue"] == transcribing.resolve({"Fn::GetAtt": ["LyricsQueue", "Arn"]})
    rules = {rule["Name"]: rule["Value"] for rule in found["Filter"]["S3Key"]["Rules"]}
    key = keys.transcription_key(ID, keys.TRANSCRIPT_NAME)
    assert key == f"{rules['prefix']}{ID}{rules['suffix']}"


def test_only_the_stems_bucket_and_the_rule_send_to_the_queue(
    template: Template, transcribing: Resolver
) -> None:
    statements = transcribing.properties("LyricsQueuePolicy")["PolicyDocument"]["Statement"]
    allowed = [statement for statement in statements if statement["Effect"] == "Allow"]
    bucket = transcribing.resolve({"Fn::GetAtt": ["StemsBucket", "Arn"]})
    rule = transcribing.properties("LyricsRule")["Name"]
    senders = {
        found["Principal"]["Service"]: found["Condition"]["ArnEquals"]["aws:SourceArn"]
        for found in allowed
    }
    assert senders == {
        "s3.amazonaws.com": bucket,
        "events.amazonaws.com": f"arn:aws:events:{REGION}:{ACCOUNT_ID}:rule/{rule}",
    }
    assert {found["Action"] for found in allowed} == {"sqs:SendMessage"}
    # S3 checks its permission when the notification is configured.
    assert "StemsBucket" not in str(template["Resources"]["LyricsQueuePolicy"])
    assert "LyricsQueuePolicy" in str(template["Resources"]["StemsBucket"])


def test_rule_matches_failed_jobs_of_this_stack(transcribing: Resolver) -> None:
    rule = transcribing.properties("LyricsRule")
    assert rule["EventPattern"]["source"] == ["aws.transcribe"]
    assert rule["EventPattern"]["detail-type"] == ["Transcribe Job State Change"]
    detail = rule["EventPattern"]["detail"]
    assert detail["TranscriptionJobStatus"] == ["FAILED"]
    ((_, prefix),) = detail["TranscriptionJobName"][0].items()
    client = RecordedTranscribe()
    bucket = transcribing.names("AWS::S3::Bucket")["StemsBucket"]
    TranscriptionJobs(bucket, client).start(LyricsRequest("k", ID, "transcribe", None, 0.0, 1.0))
    assert client.request["TranscriptionJobName"] == f"{prefix}{ID}"
    (target,) = rule["Targets"]
    assert target["Arn"] == transcribing.resolve({"Fn::GetAtt": ["LyricsQueue", "Arn"]})
    assert "RoleArn" not in target  # the queue's policy allows it


def test_message_is_tried_as_often_as_there_are_delays(transcribing: Resolver) -> None:
    queue, failures = map(transcribing.properties, ("LyricsQueue", "LyricsFailureQueue"))
    assert queue["RedrivePolicy"] == {
        "deadLetterTargetArn": transcribing.resolve({"Fn::GetAtt": ["LyricsFailureQueue", "Arn"]}),
        "maxReceiveCount": len(RETRY_DELAYS_S) + 1,
    }
    assert failures["RedriveAllowPolicy"] == {
        "redrivePermission": "byQueue",
        "sourceQueueArns": [transcribing.resolve({"Fn::GetAtt": ["LyricsQueue", "Arn"]})],
    }
    assert failures["MessageRetentionPeriod"] == 14 * 24 * 3600
    timeout_s = transcribing.properties("LyricsFunction")["Timeout"]
    assert timeout_s <= queue["VisibilityTimeout"] / 6
    assert queue["SqsManagedSseEnabled"] is failures["SqsManagedSseEnabled"] is True


def test_zip_of_the_function_has_its_modules_only(root: Path, tmp_path: Path) -> None:
    folder = root / "functions" / "lyrics"
    subprocess.run(
        ["make", "build-LyricsFunction", f"ARTIFACTS_DIR={tmp_path}", "PYTHON=/bin/false"],
        cwd=folder,
        check=True,
        capture_output=True,
    )
    built = {path.name for path in (tmp_path / "stemdrop_lyrics").iterdir()}
    assert built == {path.name for path in folder.glob("stemdrop_lyrics/*.py")}
    assert [path.name for path in tmp_path.iterdir()] == ["stemdrop_lyrics"]


def test_lambda_lets_all_checks_of_a_transcription_run(template: Template) -> None:
    # Lambda stops a function that sends itself messages after 16. Source: "Use Lambda recursive
    # loop detection to prevent infinite loops" in the AWS Lambda developer guide.
    engine = AmazonTranscribe(TranscriptionJobs("stems", RecordedTranscribe()), None)
    assert engine.max_wait_s / CHECK_DELAY_S > 16
    function = Resolver(template, {"Lyrics": "transcribe"}).properties("LyricsFunction")
    assert function["RecursiveLoop"] == "Allow"
