"""The roles of the functions allow what is listed here, and nothing else."""

from fnmatch import fnmatchcase
from typing import Any

import pytest

from stemdrop import keys
from stemdrop_api.job_index import owner_prefix
from templates import Resolver, Statement, Template, as_list

FUNCTIONS = {
    "SeparateRole": "SeparateFunction",
    "ApiRole": "ApiFunction",
    "LyricsRole": "LyricsFunction",
    "WebhookRole": "WebhookFunction",
}
UPLOADS = "arn:aws:s3:::stemdrop-uploads-123456789012-eu-central-1"
STEMS = "arn:aws:s3:::stemdrop-stems-123456789012-eu-central-1"
QUEUE = "arn:aws:sqs:eu-central-1:123456789012:stemdrop-songs"
WEBHOOKS = "arn:aws:sqs:eu-central-1:123456789012:stemdrop-webhooks"
LYRICS = "arn:aws:sqs:eu-central-1:123456789012:stemdrop-lyrics"
TOPIC = "arn:aws:sns:eu-central-1:123456789012:stemdrop-completed"
LOGS = "arn:aws:logs:eu-central-1:123456789012:log-group:/aws/lambda/stemdrop-{}:*"
SONGS = {f"{UPLOADS}/{keys.DROP_PREFIX}*", f"{UPLOADS}/{keys.JOBS_PREFIX}*"}
RESULTS = {f"{STEMS}/{keys.DROP_PREFIX}*", f"{STEMS}/{keys.JOBS_PREFIX}*"}
SENT_SONGS = {f"{UPLOADS}/{keys.JOBS_PREFIX}*"}
RESULTS_OF_JOBS = {f"{STEMS}/{keys.JOBS_PREFIX}*"}
INDEX = {f"{STEMS}/{keys.CONTENT_PREFIX}*"}
INDEX_OF_JOBS = {f"{STEMS}/{keys.OWNERS_PREFIX}*"}
RECORDS = {f"{name}/job.json" for name in RESULTS}
LYRICS_FILES = {f"{name}/results-*/lyrics.*" for name in RESULTS}
TRANSCRIPTIONS = {f"{STEMS}/{keys.TRANSCRIPTIONS_PREFIX}*"}
TRANSCRIPTION_JOBS = (
    "arn:aws:transcribe:eu-central-1:123456789012:transcription-job/"
    f"{STEMS.removeprefix('arn:aws:s3:::')}-*"
)
TRACES: dict[str, set[str]] = {"xray:PutTraceSegments": {"*"}, "xray:PutTelemetryRecords": {"*"}}


def logs(name: str) -> dict[str, set[str]]:
    resource = LOGS.format(name)
    return {"logs:CreateLogStream": {resource}, "logs:PutLogEvents": {resource}}


ALLOWED: dict[str, dict[str, set[str]]] = {
    "SeparateRole": {
        "s3:GetObject": SONGS | RESULTS | INDEX | TRANSCRIPTIONS,
        "s3:PutObject": RESULTS | INDEX | TRANSCRIPTIONS,
        "s3:DeleteObject": RESULTS | INDEX | TRANSCRIPTIONS,
        "s3:AbortMultipartUpload": RESULTS | TRANSCRIPTIONS,
        "s3:ListBucket": {UPLOADS, STEMS},
        "sqs:ReceiveMessage": {QUEUE},
        "sqs:DeleteMessage": {QUEUE},
        "sqs:GetQueueAttributes": {QUEUE},
        "sqs:ChangeMessageVisibility": {QUEUE},
        "sqs:SendMessage": {LYRICS},
        "sns:Publish": {TOPIC},
        "transcribe:StartTranscriptionJob": {"*"},
        **logs("separate"),
        **TRACES,
    },
    # Its presigned URLs have these permissions: none reads a song or changes a dropped one.
    "ApiRole": {
        "s3:GetObject": RESULTS | INDEX,
        "s3:PutObject": SENT_SONGS | RESULTS_OF_JOBS | INDEX_OF_JOBS,
        "s3:DeleteObject": SENT_SONGS | RESULTS_OF_JOBS | INDEX | INDEX_OF_JOBS | TRANSCRIPTIONS,
        "s3:AbortMultipartUpload": RESULTS_OF_JOBS,
        "s3:ListBucket": {STEMS},
        **logs("api"),
        **TRACES,
    },
    "LyricsRole": {
        "s3:GetObject": TRANSCRIPTIONS | RECORDS,
        "s3:PutObject": RECORDS | LYRICS_FILES,
        "s3:DeleteObject": TRANSCRIPTIONS | LYRICS_FILES,
        "s3:ListBucket": {STEMS},
        "sqs:ReceiveMessage": {LYRICS},
        "sqs:DeleteMessage": {LYRICS},
        "sqs:GetQueueAttributes": {LYRICS},
        "sqs:ChangeMessageVisibility": {LYRICS},
        "sqs:SendMessage": {LYRICS},
        "sns:Publish": {TOPIC},
        "transcribe:GetTranscriptionJob": {TRANSCRIPTION_JOBS},
        **logs("lyrics"),
        **TRACES,
    },
    "WebhookRole": {
        "sqs:ReceiveMessage": {WEBHOOKS},
        "sqs:DeleteMessage": {WEBHOOKS},
        "sqs:GetQueueAttributes": {WEBHOOKS},
        "sqs:ChangeMessageVisibility": {WEBHOOKS},
        **logs("webhook"),
        **TRACES,
    },
}
CONDITIONS: dict[str, Any] = {
    "ListOneJobOrOwner": {
        "StringLike": {
            "s3:prefix": [f"{keys.JOBS_PREFIX}{'?' * 32}/*", f"{keys.OWNERS_PREFIX}{'?' * 64}/"]
        }
    },
    "StartTranscriptions": {
        "StringLike": {
            "transcribe:OutputBucketName": STEMS.removeprefix("arn:aws:s3:::"),
            "transcribe:OutputKey": keys.transcription_key("?" * 16, keys.TRANSCRIPT_NAME),
        }
    },
}
WILDCARDS = {
    **dict.fromkeys(
        SONGS | RESULTS | INDEX | INDEX_OF_JOBS | TRANSCRIPTIONS, "a prefix of the key grammar"
    ),
    **dict.fromkeys(RECORDS | LYRICS_FILES, "some names of the key grammar"),
    TRANSCRIPTION_JOBS: "the jobs of one bucket",
    LOGS.format("lyrics"): "the streams of one group",
    LOGS.format("separate"): "the streams of one group",
    LOGS.format("api"): "the streams of one group",
    LOGS.format("webhook"): "the streams of one group",
    "*": "X-Ray and Transcribe know no resource to name",
}


@pytest.fixture(params=sorted(ALLOWED))
def role(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def statements(template: Template, transcribing: Resolver, role: str) -> list[Statement]:
    (policy,) = transcribing.resolve(template["Resources"][role]["Properties"]["Policies"])
    found: list[Statement] = policy["PolicyDocument"]["Statement"]
    return found


def test_the_role_allows_what_is_listed(statements: list[Statement], role: str) -> None:
    allowed: dict[str, set[str]] = {}
    for statement in statements:
        assert statement["Effect"] == "Allow"
        assert statement.keys() - {"Condition"} == {"Sid", "Effect", "Action", "Resource"}
        assert statement.get("Condition") == CONDITIONS.get(statement["Sid"])
        for action in as_list(statement["Action"]):
            allowed.setdefault(action, set()).update(as_list(statement["Resource"]))
    assert allowed == ALLOWED[role]


def test_transcriptions_are_allowed_with_their_engine_only(
    template: Template, resolver: Resolver
) -> None:
    (policy,) = resolver.resolve(template["Resources"]["SeparateRole"]["Properties"]["Policies"])
    actions = {
        action
        for statement in policy["PolicyDocument"]["Statement"]
        for action in as_list(statement["Action"])
    }
    assert ALLOWED["SeparateRole"].keys() - actions == {
        "sqs:SendMessage",
        "transcribe:StartTranscriptionJob",
    }


def test_list_permission_is_limited_to_one_job_or_owner() -> None:
    patterns = CONDITIONS["ListOneJobOrOwner"]["StringLike"]["s3:prefix"]
    job = keys.UploadKey.parse(f"{keys.JOBS_PREFIX}{'0' * 32}")
    prefixes = keys.results_prefix(job), keys.record_key(job), owner_prefix("ann")
    for prefix, pattern in zip(prefixes, (patterns[0], *patterns), strict=True):
        assert fnmatchcase(prefix, pattern)
    assert patterns[0] == f"{job}/*".replace("0", "?")
    assert len(patterns[1]) == len(owner_prefix("ann"))


def test_wildcards_have_a_reason(statements: list[Statement]) -> None:
    for statement in statements:
        assert not [action for action in as_list(statement["Action"]) if "*" in action]
        resources = as_list(statement["Resource"])
        assert not [name for name in resources if "*" in name and name not in WILDCARDS]


def test_functions_have_no_other_permissions(template: Template, role: str) -> None:
    function = template["Resources"][FUNCTIONS[role]]["Properties"]
    assert function["Role"] == {"Fn::GetAtt": [role, "Arn"]}
    assert "Policies" not in function
    assert "ManagedPolicyArns" not in template["Resources"][role]["Properties"]


def test_no_other_roles_exist(template: Template) -> None:
    kinds = {name: resource["Type"] for name, resource in template["Resources"].items()}
    assert {name for name, kind in kinds.items() if kind.startswith("AWS::IAM")} == set(ALLOWED)
    functions = {name for name, kind in kinds.items() if kind == "AWS::Serverless::Function"}
    assert functions == set(FUNCTIONS.values())


def test_only_lambda_assumes_the_role(template: Template, role: str) -> None:
    properties = template["Resources"][role]["Properties"]
    (statement,) = properties["AssumeRolePolicyDocument"]["Statement"]
    assert statement == {
        "Effect": "Allow",
        "Principal": {"Service": "lambda.amazonaws.com"},
        "Action": "sts:AssumeRole",
    }
