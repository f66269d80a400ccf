"""Buckets, events, failures and outputs of template.yaml."""

import re
from pathlib import Path

import pytest

from stemdrop import keys
from stemdrop_separate.settings import RETRY_DELAYS_S
from templates import Resolver, Template

BUCKETS = ["UploadsBucket", "StemsBucket"]
KEPT = [
    *BUCKETS, "SongQueue", "FailureQueue", "CompletionTopic", "WebhookQueue", "WebhookFailureQueue",
    "LyricsQueue", "LyricsFailureQueue", "AlarmTopic",
]  # fmt: skip
# SNS doesn't support sns:* in topic policies.
ACTIONS = {"s3": "s3:*", "sqs": "sqs:*", "sns": ["sns:Publish", "sns:Subscribe"]}


def test_protected_resources_are_complete(template: Template) -> None:
    kinds = {name: resource["Type"] for name, resource in template["Resources"].items()}
    assert [name for name, kind in kinds.items() if kind == "AWS::S3::Bucket"] == BUCKETS
    others = [name for name, kind in kinds.items() if re.search("::(Queue|Topic)$", kind)]
    assert [*BUCKETS, *others] == KEPT


@pytest.mark.parametrize("bucket", BUCKETS)
def test_buckets_are_private(resolver: Resolver, bucket: str) -> None:
    found = resolver.properties(bucket)
    assert found["PublicAccessBlockConfiguration"] == {
        "BlockPublicAcls": True,
        "BlockPublicPolicy": True,
        "IgnorePublicAcls": True,
        "RestrictPublicBuckets": True,
    }
    assert found["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]


@pytest.mark.parametrize("bucket", BUCKETS)
def test_buckets_are_encrypted(resolver: Resolver, bucket: str) -> None:
    found = resolver.properties(bucket)["BucketEncryption"]
    assert found["ServerSideEncryptionConfiguration"] == [
        {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}, "BucketKeyEnabled": True}
    ]


@pytest.mark.parametrize("bucket", BUCKETS)
def test_buckets_expire_objects(template: Template, bucket: str) -> None:
    assert template["Resources"][bucket]["Properties"]["LifecycleConfiguration"]["Rules"] == [
        {
            "Id": "expire",
            "Status": "Enabled",
            "ExpirationInDays": {"Ref": "RetentionDays"},
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
        }
    ]


@pytest.mark.parametrize("logical_id", KEPT)
def test_requests_without_tls_are_denied(resolver: Resolver, logical_id: str) -> None:
    policy = resolver.properties(f"{logical_id}Policy")
    ((kind, target),) = [item for item in policy.items() if item[0] != "PolicyDocument"]
    service = {"Bucket": "s3", "Queues": "sqs", "Topics": "sns"}[kind]
    arn = resolver.resolve({"Fn::GetAtt": [logical_id, "Arn"]})
    (statement,) = [
        found for found in policy["PolicyDocument"]["Statement"] if found["Effect"] == "Deny"
    ]
    assert target in (reference := resolver.resolve({"Ref": logical_id}), [reference])
    assert statement == {
        "Sid": "OnlyOverTls",
        "Effect": "Deny",
        "Principal": "*",
        "Action": ACTIONS[service],
        "Resource": [arn, f"{arn}/*"] if service == "s3" else arn,
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }


@pytest.mark.parametrize(("bucket", "methods"), [("Uploads", ["PUT"]), ("Stems", ["GET", "HEAD"])])
def test_cors_allows_the_api_and_one_other_origin(
    template: Template, bucket: str, methods: list[str]
) -> None:
    site = {"AllowedOrigin": "https://songs.example.org"}
    found = Resolver(template, site).properties(f"{bucket}Bucket")
    (rule,) = found["CorsConfiguration"]["CorsRules"]
    assert rule["AllowedMethods"] == methods
    assert "ETag" in rule["ExposedHeaders"]
    assert rule["AllowedOrigins"] == [
        "https://Api.execute-api.eu-central-1.amazonaws.com",
        site["AllowedOrigin"],
    ]


def test_uploads_notify_the_queue(resolver: Resolver) -> None:
    notifications = resolver.properties("UploadsBucket")["NotificationConfiguration"]
    queue = resolver.resolve({"Fn::GetAtt": ["SongQueue", "Arn"]})
    assert notifications == {
        "QueueConfigurations": [
            {
                "Event": "s3:ObjectCreated:*",
                "Queue": queue,
                "Filter": {"S3Key": {"Rules": [{"Name": "prefix", "Value": prefix}]}},
            }
            for prefix in (keys.DROP_PREFIX, keys.JOBS_PREFIX)
        ]
    }
    assert "NotificationConfiguration" not in resolver.properties("StemsBucket")


def test_only_the_upload_bucket_of_this_account_sends_to_the_queue(
    template: Template, resolver: Resolver
) -> None:
    (statement,) = [
        found
        for found in resolver.properties("SongQueuePolicy")["PolicyDocument"]["Statement"]
        if found["Effect"] == "Allow"
    ]
    bucket = resolver.resolve({"Fn::GetAtt": ["UploadsBucket", "Arn"]})
    assert statement["Principal"] == {"Service": "s3.amazonaws.com"}
    assert statement["Action"] == "sqs:SendMessage"
    assert statement["Condition"] == {
        "StringEquals": {"aws:SourceAccount": "123456789012"},
        "ArnEquals": {"aws:SourceArn": bucket},
    }
    # S3 checks it when the bucket is created.
    assert template["Resources"]["UploadsBucket"]["DependsOn"] == "SongQueuePolicy"
    assert "UploadsBucket" not in str(template["Resources"]["SongQueuePolicy"])


def test_the_function_receives_one_song_at_a_time(resolver: Resolver) -> None:
    (event,) = resolver.properties("SeparateFunction")["Events"].values()
    assert event == {
        "Type": "SQS",
        "Properties": {
            "Queue": resolver.resolve({"Fn::GetAtt": ["SongQueue", "Arn"]}),
            "BatchSize": 1,
            "FunctionResponseTypes": ["ReportBatchItemFailures"],
            "ScalingConfig": {"MaximumConcurrency": "5"},
        },
    }


def test_default_concurrency_leaves_room_for_the_api(template: Template) -> None:
    # Source: new accounts often get 10 concurrent executions.
    assert int(template["Parameters"]["SeparateConcurrency"]["Default"]) < 10


def test_a_message_returns_a_minute_after_the_functions_timeout(template: Template) -> None:
    values = template["Parameters"]["SeparateTimeoutS"]["AllowedValues"]
    assert values == [str(seconds) for seconds in range(60, 901, 60)]
    for timeout_s in values:
        resolver = Resolver(template, {"SeparateTimeoutS": timeout_s})
        assert resolver.properties("SeparateFunction")["Timeout"] == timeout_s
        assert resolver.properties("SongQueue")["VisibilityTimeout"] == int(timeout_s) + 60


def test_messages_that_failed_three_times_are_kept_longest(resolver: Resolver) -> None:
    songs, failures = map(resolver.properties, ("SongQueue", "FailureQueue"))
    arns = {
        name: resolver.resolve({"Fn::GetAtt": [name, "Arn"]}) for name in KEPT if "Queue" in name
    }
    assert songs["RedrivePolicy"] == {
        "deadLetterTargetArn": arns["FailureQueue"],
        "maxReceiveCount": len(RETRY_DELAYS_S) + 2,
    }
    assert failures["RedriveAllowPolicy"] == {
        "redrivePermission": "byQueue",
        "sourceQueueArns": [arns["SongQueue"]],
    }
    # Messages keep their age in the failure queue.
    assert failures["MessageRetentionPeriod"] == 14 * 24 * 3600 > songs["MessageRetentionPeriod"]
    assert songs["SqsManagedSseEnabled"] is failures["SqsManagedSseEnabled"] is True


def test_function_logs_expire(template: Template) -> None:
    function = template["Resources"]["SeparateFunction"]["Properties"]
    group = template["Resources"]["SeparateLogGroup"]["Properties"]
    assert function["LoggingConfig"] == {"LogGroup": {"Ref": "SeparateLogGroup"}}
    assert group["RetentionInDays"] == {"Ref": "LogRetentionDays"}
    assert function["Tracing"] == "Active"


def test_access_log_group_name_needs_no_account_policy(resolver: Resolver) -> None:
    group = resolver.properties("ApiAccessLogGroup")["LogGroupName"]
    assert group.startswith("/aws/vendedlogs/")


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


def test_every_parameter_is_described_limited_and_used(template: Template, root: Path) -> None:
    text = (root / "template.yaml").read_text()
    for name, parameter in template["Parameters"].items():
        limits = {"AllowedValues", "AllowedPattern"} & parameter.keys()
        assert parameter["Description"].endswith("."), name
        assert "Default" in parameter, name
        assert limits or {"MinValue", "MaxValue"} <= parameter.keys(), name
        assert re.search(rf"!Ref {name}\b|\${{{name}}}", text), name


def test_template_names_no_account_region_or_partition(root: Path) -> None:
    text = (root / "template.yaml").read_text()
    assert not re.search(r"\b\d{12}\b|arn:aws|[a-z]{2}-[a-z]+-\d", text)


def test_outputs_name_resources_and_commands(template: Template, resolver: Resolver) -> None:
    outputs = template["Outputs"]
    assert all(output["Description"].endswith(".") for output in outputs.values())
    uploads = resolver.resolve({"Ref": "UploadsBucket"})
    assert resolver.resolve(outputs["UploadsBucket"]["Value"]) == uploads
    assert resolver.resolve(outputs["DropCommand"]["Value"]) == (
        f"aws s3 cp song.mp3 s3://{uploads}/{keys.DROP_PREFIX}"
    )
    assert outputs["SeparateFunction"]["Value"] == {"Ref": "SeparateFunction"}
    assert outputs["FailureQueueUrl"]["Value"] == {"Ref": "FailureQueue"}
