"""template.yaml keeps what the design promises about buckets, events, failures and outputs."""

import re
from typing import Any

import pytest
from stemdrop_local.intrinsics import Resolver
from stemdrop_local.template import TEMPLATE, read_application

from stemdrop import keys

Template = dict[str, Any]
BUCKETS = ["UploadsBucket", "StemsBucket"]
KEPT = ["UploadsBucket", "StemsBucket", "FailureQueue", "CompletionTopic"]
# SNS knows no sns:* in the policy of a topic.
ACTIONS = {"s3": "s3:*", "sqs": "sqs:*", "sns": ["sns:Publish", "sns:Subscribe"]}


def properties(template: Template, resolver: Resolver, logical_id: str) -> dict[str, Any]:
    resolved: dict[str, Any] = resolver.resolve(template["Resources"][logical_id]["Properties"])
    return resolved


def test_the_buckets_are_all_there_is_to_protect(template: Template) -> None:
    kinds = {name: resource["Type"] for name, resource in template["Resources"].items()}
    assert [name for name, kind in kinds.items() if kind == "AWS::S3::Bucket"] == BUCKETS
    assert [name for name, kind in kinds.items() if kind == "AWS::SQS::Queue"] == ["FailureQueue"]
    assert [name for name, kind in kinds.items() if kind == "AWS::SNS::Topic"] == [
        "CompletionTopic"
    ]


@pytest.mark.parametrize("bucket", BUCKETS)
def test_buckets_are_private(template: Template, resolver: Resolver, bucket: str) -> None:
    found = properties(template, resolver, bucket)
    assert found["PublicAccessBlockConfiguration"] == {
        "BlockPublicAcls": True,
        "BlockPublicPolicy": True,
        "IgnorePublicAcls": True,
        "RestrictPublicBuckets": True,
    }
    assert found["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]


@pytest.mark.parametrize("bucket", BUCKETS)
def test_buckets_are_encrypted(template: Template, resolver: Resolver, bucket: str) -> None:
    found = properties(template, resolver, bucket)["BucketEncryption"]
    assert found["ServerSideEncryptionConfiguration"] == [
        {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}, "BucketKeyEnabled": True}
    ]


@pytest.mark.parametrize("bucket", BUCKETS)
def test_buckets_forget(template: Template, bucket: str) -> None:
    assert template["Resources"][bucket]["Properties"]["LifecycleConfiguration"]["Rules"] == [
        {
            "Id": "expire",
            "Status": "Enabled",
            "ExpirationInDays": {"Ref": "RetentionDays"},
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
        }
    ]


@pytest.mark.parametrize("logical_id", KEPT)
def test_nothing_is_reached_without_tls(
    template: Template, resolver: Resolver, logical_id: str
) -> None:
    policy = properties(template, resolver, f"{logical_id}Policy")
    ((kind, target),) = [item for item in policy.items() if item[0] != "PolicyDocument"]
    service = {"Bucket": "s3", "Queues": "sqs", "Topics": "sns"}[kind]
    arn = resolver.resolve({"Fn::GetAtt": [logical_id, "Arn"]})
    (statement,) = policy["PolicyDocument"]["Statement"]
    assert target in (reference := resolver.resolve({"Ref": logical_id}), [reference])
    assert statement == {
        "Sid": "OnlyOverTls",
        "Effect": "Deny",
        "Principal": "*",
        "Action": ACTIONS[service],
        "Resource": [arn, f"{arn}/*"] if service == "s3" else arn,
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }


def test_songs_invoke_the_function_and_nothing_else_does() -> None:
    application = read_application()
    uploads, stems = (bucket.name for bucket in application.buckets)
    subscriptions = application.function.subscriptions
    assert {entry.prefix for entry in subscriptions} == {keys.DROP_PREFIX, keys.JOBS_PREFIX}
    assert {entry.bucket for entry in subscriptions} == {uploads} != {stems}
    assert {entry.events for entry in subscriptions} == {("s3:ObjectCreated:*",)}


def test_the_function_works_on_the_templates_buckets() -> None:
    application = read_application()
    environment = application.function.environment
    names = [bucket.name for bucket in application.buckets]
    assert [environment["UPLOADS_BUCKET"], environment["STEMS_BUCKET"]] == names


def test_the_function_and_its_policy_do_not_need_the_bucket_that_needs_them(
    template: Template,
) -> None:
    function = template["Resources"]["SeparateFunction"]["Properties"]
    needed = {name: value for name, value in function.items() if name != "Events"}
    assert "UploadsBucket" not in str([needed, template["Resources"]["SeparateRole"]])


def test_failed_events_are_tried_again_and_then_kept(
    template: Template, resolver: Resolver
) -> None:
    function = template["Resources"]["SeparateFunction"]["Properties"]
    delivery = resolver.resolve(function["EventInvokeConfig"])
    queue = properties(template, resolver, "FailureQueue")
    assert delivery == {
        "MaximumRetryAttempts": 2,
        "MaximumEventAgeInSeconds": 6 * 3600,
        "DestinationConfig": {
            "OnFailure": {
                "Type": "SQS",
                "Destination": resolver.resolve({"Fn::GetAtt": ["FailureQueue", "Arn"]}),
            }
        },
    }
    assert queue["MessageRetentionPeriod"] == 14 * 24 * 3600
    assert queue["SqsManagedSseEnabled"] is True


def test_logs_go_where_they_expire(template: Template) -> None:
    function = template["Resources"]["SeparateFunction"]["Properties"]
    group = template["Resources"]["SeparateLogGroup"]["Properties"]
    assert function["LoggingConfig"] == {"LogGroup": {"Ref": "SeparateLogGroup"}}
    assert group["RetentionInDays"] == {"Ref": "LogRetentionDays"}
    assert function["Tracing"] == "Active"


@pytest.mark.parametrize(("reserved", "expected"), [("-1", None), ("0", "0"), ("5", "5")])
def test_concurrency_is_reserved_only_when_asked_for(
    template: Template, reserved: str, expected: str | None
) -> None:
    name = "ReservedConcurrentExecutions"
    function = template["Resources"]["SeparateFunction"]["Properties"]
    resolver = Resolver(template, {"SeparateConcurrency": reserved})
    assert resolver.resolve({name: function[name]}).get(name) == expected


@pytest.mark.parametrize(
    ("there", "parameter"),
    [
        ("MemorySize", "SeparateMemoryMb"),
        ("Timeout", "SeparateTimeoutS"),
        ("EphemeralStorage", "SeparateStorageMb"),
        ("Architectures", "Architecture"),
    ],
)
def test_sizes_are_parameters(template: Template, there: str, parameter: str) -> None:
    found = template["Resources"]["SeparateFunction"]["Properties"][there]
    reference = {"Ref": parameter}
    assert found in (reference, [reference], {"Size": reference})


def test_every_parameter_is_described_limited_and_used(template: Template) -> None:
    text = TEMPLATE.read_text()
    for name, parameter in template["Parameters"].items():
        limits = {"AllowedValues", "AllowedPattern"} & parameter.keys()
        assert parameter["Description"].endswith("."), name
        assert "Default" in parameter, name
        assert limits or {"MinValue", "MaxValue"} <= parameter.keys(), name
        assert re.search(rf"!Ref {name}\b|\${{{name}}}", text), name


def test_nothing_names_an_account_a_region_or_a_partition() -> None:
    text = TEMPLATE.read_text()
    assert not re.search(r"\b\d{12}\b|arn:aws|[a-z]{2}-[a-z]+-\d", text)


def test_outputs_tell_what_to_do_next(template: Template, resolver: Resolver) -> None:
    outputs = template["Outputs"]
    assert all(output["Description"].endswith(".") for output in outputs.values())
    uploads = resolver.resolve({"Ref": "UploadsBucket"})
    assert resolver.resolve(outputs["UploadsBucket"]["Value"]) == uploads
    assert resolver.resolve(outputs["DropCommand"]["Value"]) == (
        f"aws s3 cp song.mp3 s3://{uploads}/{keys.DROP_PREFIX}"
    )
    assert outputs["SeparateFunction"]["Value"] == {"Ref": "SeparateFunction"}
    assert outputs["FailureQueueUrl"]["Value"] == {"Ref": "FailureQueue"}
