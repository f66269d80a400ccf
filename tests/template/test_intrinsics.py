"""The reader of templates resolves what it knows, and refuses everything else."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stemdrop_local.intrinsics import Resolver, TemplateError, load_template
from stemdrop_local.template import TEMPLATE, read_application

TEMPLATE_TEXT = """
Parameters:
  Size: {Type: Number, Default: 5}
Conditions:
  IsFive: !Equals [!Ref Size, "5"]
  IsNotFive: !Not [!Equals [!Ref Size, 5]]
Resources:
  Songs:
    Type: AWS::S3::Bucket
    Properties:
      BucketName: !Sub ${AWS::StackName}-songs
  Ends:
    Type: AWS::SNS::Topic
    Properties:
      TopicName: !Sub ${AWS::StackName}-ends
  Role:
    Type: AWS::IAM::Role
Value: VALUE
"""


def resolve(tmp_path: Path, value: str, **parameters: str) -> Any:
    path = tmp_path / "template.yaml"
    path.write_text(TEMPLATE_TEXT.replace("VALUE", value))
    template = load_template(path)
    return Resolver(template, parameters).resolve(template["Value"])


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("!Ref Size", 5),
        ("!Ref Songs", "stemdrop-songs"),
        ("!GetAtt Songs.Arn", "arn:aws:s3:::stemdrop-songs"),
        ("!Ref Ends", "arn:aws:sns:eu-central-1:123456789012:stemdrop-ends"),
        ("!Sub ${Ends}", "arn:aws:sns:eu-central-1:123456789012:stemdrop-ends"),
        ("!Sub ${Songs}/${Size}/${!Size}/${Songs.Arn}", None),
        ("!If [IsFive, [!Ref Size], 0]", [5]),
        ("!If [IsNotFive, 1, {A: !Ref Size}]", {"A": 5}),
        ("{A: !If [IsNotFive, 1, !Ref AWS::NoValue], B: [!Ref AWS::NoValue, 2]}", {"B": [2]}),
        ("{Condition: {Bool: {a: b}}}", {"Condition": {"Bool": {"a": "b"}}}),
    ],
)
def test_known_functions_are_resolved(tmp_path: Path, value: str, expected: object) -> None:
    if expected is None:
        expected = "stemdrop-songs/5/${!Size}/arn:aws:s3:::stemdrop-songs"
    assert resolve(tmp_path, value) == expected


def test_a_given_parameter_replaces_the_default(tmp_path: Path) -> None:
    assert resolve(tmp_path, "!If [IsFive, yes it is, no]", Size="6") is False
    assert resolve(tmp_path, "!Sub ${Size}000000", Size="6") == "6000000"


@pytest.mark.parametrize(
    "value",
    [
        "!Ref Nothing",
        "!Ref Role",
        "!GetAtt Role.Arn",
        "!GetAtt Songs.DomainName",
        "!Sub ${Nothing}",
        "!If [Nothing, 1, 2]",
        "!Join ['', [a, b]]",
        "{'Fn::Select': [0, [a, b]]}",
        "!Ref {a: b}",
    ],
)
def test_anything_else_is_refused(tmp_path: Path, value: str) -> None:
    with pytest.raises(TemplateError):
        resolve(tmp_path, value)


def test_an_unknown_parameter_is_refused() -> None:
    with pytest.raises(TemplateError, match="RetentionDay"):
        read_application(parameters={"RetentionDay": "3"})


@settings(max_examples=20, deadline=None)
@given(days=st.integers(1, 365), seconds=st.integers(60, 900), memory_mb=st.integers(1769, 10240))
def test_parameters_reach_what_they_are_for(days: int, seconds: int, memory_mb: int) -> None:
    parameters = {"RetentionDays": days, "SeparateTimeoutS": seconds, "SeparateMemoryMb": memory_mb}
    application = read_application(
        parameters={name: str(value) for name, value in parameters.items()}
    )
    rules = [rule for bucket in application.buckets for rule in bucket.lifecycle_rules]
    assert [rule["Expiration"] for rule in rules] == [{"Days": days}] * len(application.buckets)
    assert (application.function.timeout_s, application.function.memory_mb) == (seconds, memory_mb)


@pytest.mark.parametrize(
    ("there", "instead"),
    [
        ("ExpirationInDays:", "ExpirationDate:"),
        ("- Name: prefix", "- Name: suffix"),
        ("Type: S3\n", "Type: SQS\n"),
    ],
)
def test_what_the_stack_would_not_do_is_refused(tmp_path: Path, there: str, instead: str) -> None:
    path = tmp_path / "template.yaml"
    text = TEMPLATE.read_text()
    assert there in text
    path.write_text(text.replace(there, instead))
    with pytest.raises(TemplateError):
        read_application(path)


def test_cors_rules_get_the_names_of_the_api() -> None:
    uploads, stems = read_application(parameters={"AllowedOrigin": "http://localhost:1"}).buckets
    origins = ["https://stemdrop.execute-api.eu-central-1.amazonaws.com", "http://localhost:1"]
    assert uploads.cors_rules == (
        {
            "ID": "page",
            "AllowedMethods": ["POST"],
            "AllowedHeaders": ["*"],
            "AllowedOrigins": origins,
            "MaxAgeSeconds": 3600,
        },
    )
    (rule,) = stems.cors_rules
    assert rule["AllowedOrigins"] == origins
    assert "Content-Range" in rule["ExposeHeaders"]


def test_the_api_allows_no_other_origin_unless_one_is_named() -> None:
    assert read_application().api.allowed_origins == ()
    named = read_application(parameters={"AllowedOrigin": "http://localhost:1"})
    assert named.api.allowed_origins == ("http://localhost:1",)
