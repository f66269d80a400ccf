"""The separator's role allows what is listed here, and nothing else."""

from typing import Any

import pytest

from stemdrop import keys
from stemdrop_local.intrinsics import Resolver

Template = dict[str, Any]
UPLOADS = "arn:aws:s3:::stemdrop-uploads-123456789012-eu-central-1"
STEMS = "arn:aws:s3:::stemdrop-stems-123456789012-eu-central-1"
QUEUE = "arn:aws:sqs:eu-central-1:123456789012:stemdrop-failures"
LOGS = "arn:aws:logs:eu-central-1:123456789012:log-group:/aws/lambda/stemdrop-separate:*"
SONGS = {f"{UPLOADS}/{keys.DROP_PREFIX}*", f"{UPLOADS}/{keys.JOBS_PREFIX}*"}
RESULTS = {f"{STEMS}/{keys.DROP_PREFIX}*", f"{STEMS}/{keys.JOBS_PREFIX}*"}
INDEX = {f"{STEMS}/{keys.CONTENT_PREFIX}*"}
ALLOWED = {
    "s3:GetObject": SONGS | RESULTS | INDEX,
    "s3:PutObject": RESULTS | INDEX,
    "s3:DeleteObject": RESULTS | INDEX,
    "s3:AbortMultipartUpload": RESULTS,
    "s3:ListBucket": {UPLOADS, STEMS},
    "sqs:SendMessage": {QUEUE},
    "logs:CreateLogStream": {LOGS},
    "logs:PutLogEvents": {LOGS},
    "xray:PutTraceSegments": {"*"},
    "xray:PutTelemetryRecords": {"*"},
}
WILDCARDS = {
    **dict.fromkeys(SONGS | RESULTS | INDEX, "a prefix of the key grammar"),
    LOGS: "the streams of one group",
    "*": "X-Ray knows no resource to name",
}


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


@pytest.fixture
def statements(template: Template, resolver: Resolver) -> list[dict[str, Any]]:
    role = template["Resources"]["SeparateRole"]["Properties"]
    (policy,) = resolver.resolve(role["Policies"])
    found: list[dict[str, Any]] = policy["PolicyDocument"]["Statement"]
    return found


def test_the_role_allows_what_is_listed(statements: list[dict[str, Any]]) -> None:
    allowed: dict[str, set[str]] = {}
    for statement in statements:
        assert statement["Effect"] == "Allow"
        assert statement.keys() == {"Sid", "Effect", "Action", "Resource"}
        for action in as_list(statement["Action"]):
            allowed.setdefault(action, set()).update(as_list(statement["Resource"]))
    assert allowed == ALLOWED


def test_wildcards_have_a_reason(statements: list[dict[str, Any]]) -> None:
    for statement in statements:
        assert not [action for action in as_list(statement["Action"]) if "*" in action]
        resources = as_list(statement["Resource"])
        assert not [name for name in resources if "*" in name and name not in WILDCARDS]


def test_nothing_else_gives_the_function_rights(template: Template) -> None:
    function = template["Resources"]["SeparateFunction"]["Properties"]
    role = template["Resources"]["SeparateRole"]["Properties"]
    assert function["Role"] == {"Fn::GetAtt": ["SeparateRole", "Arn"]}
    assert "Policies" not in function
    assert "ManagedPolicyArns" not in role
    kinds = [resource["Type"] for resource in template["Resources"].values()]
    assert kinds.count("AWS::IAM::Role") == 1
    assert {kind for kind in kinds if kind.startswith("AWS::IAM")} == {"AWS::IAM::Role"}


def test_only_lambda_takes_the_role(template: Template) -> None:
    role = template["Resources"]["SeparateRole"]["Properties"]
    (statement,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert statement == {
        "Effect": "Allow",
        "Principal": {"Service": "lambda.amazonaws.com"},
        "Action": "sts:AssumeRole",
    }
