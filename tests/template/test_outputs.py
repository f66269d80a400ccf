"""The stack's outputs: values for other tools, and commands that work unchanged."""

import json
import shlex
from typing import Any

import pytest

from stemdrop.job_record import Failure, Job, Status
from stemdrop.notifications import message_attributes
from stemdrop_cli.main import build_parser
from templates import Resolver, Template

# Outputs that scripts and users rely on.
OUTPUTS = {
    "ApiUrl",
    "ApiId",
    "UploadsBucket",
    "StemsBucket",
    "SeparateFunction",
    "SeparateLogGroup",
    "ApiFunction",
    "ApiLogGroup",
    "SongQueueUrl",
    "FailureQueueUrl",
    "FailureQueueArn",
    "CompletionTopicArn",
    "DropCommand",
    "FetchCommand",
    "SubmitCommand",
    "SubscribeCommand",
    "LogsCommand",
    "RedriveCommand",
    "WebhookRedriveCommand",
    "LyricsRedriveCommand",
    "DashboardUrl",
    "AlarmTopicArn",
}


@pytest.fixture
def outputs(template: Template) -> dict[str, str]:
    resolver = Resolver(template, {"AlarmAddress": "you@example.org"})
    return {name: resolver.resolve(output["Value"]) for name, output in template["Outputs"].items()}


def test_outputs_are_the_documented_ones(outputs: dict[str, Any]) -> None:
    assert outputs.keys() == OUTPUTS


def test_commands_are_one_line(outputs: dict[str, str]) -> None:
    for name, value in outputs.items():
        if name.endswith("Command"):
            assert value == " ".join(value.split())
            assert shlex.split(value)


def test_a_song_is_submitted_to_the_api(outputs: dict[str, str]) -> None:
    program, *arguments = shlex.split(outputs["SubmitCommand"])
    parsed = build_parser(["submit"]).parse_args(arguments)
    assert program == "stemdrop"
    assert parsed.url == outputs["ApiUrl"]


def test_a_subscriber_asks_for_jobs_that_failed(outputs: dict[str, str]) -> None:
    words = shlex.split(outputs["SubscribeCommand"])
    given = dict(zip(words[3::2], words[4::2], strict=True))
    assert words[:3] == ["aws", "sns", "subscribe"]
    assert given["--topic-arn"] == outputs["CompletionTopicArn"]
    wanted = json.loads(json.loads(given["--attributes"])["FilterPolicy"])
    failed = Job("drop/x", Status.FAILED, "", "", error=Failure("not_audio", "No."))
    attributes = message_attributes(failed)
    assert all(attributes[name] in values for name, values in wanted.items())


def test_logs_are_those_of_the_separator(outputs: dict[str, str]) -> None:
    assert outputs["LogsCommand"].split()[:3] == ["aws", "logs", "tail"]
    assert outputs["SeparateLogGroup"] in outputs["LogsCommand"].split()


def test_songs_are_redriven_from_the_failure_queue(outputs: dict[str, str]) -> None:
    *command, arn = shlex.split(outputs["RedriveCommand"])
    assert command == ["aws", "sqs", "start-message-move-task", "--source-arn"]
    assert arn == outputs["FailureQueueArn"]
