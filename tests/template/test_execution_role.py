"""CloudFormation's role has the permissions for the template, and no others."""

import json
import re
from functools import cache

import pytest

from iam_reference import UNLISTED, fits, formats_of
from templates import (
    ACCOUNT_ID,
    REGION,
    Resolver,
    Statement,
    Template,
    allows,
    as_list,
    policy_statements,
    transform_sam,
)

# Actions of CloudFormation's handlers for features that the templates don't use, by prefix.
UNUSED = {
    "ec2:": "networks of our own",
    "elasticfilesystem:": "file systems",
    "firehose:": "streams of logs",
    "kms:": "keys of our own",
    "s3:REST.PUT.OBJECT": "deliveries of logs into a bucket",
    "s3files:": "file systems",
    "s3tables:": "tables in buckets",
    "lambda:AssociateRuntimeAlias": "aliases of runtimes",
    "lambda:GetCodeSigningConfig": "signed code",
    "lambda:PassCapacityProvider": "machines of our own",
    "lambda:PutFunctionCodeSigningConfig": "signed code",
    "lambda:PutFunctionConcurrency": "reserved concurrency",
    "lambda:PutFunctionScalingConfig": "machines of our own",
    "iam:AttachRolePolicy": "managed policies",
    "iam:DetachRolePolicy": "managed policies",
    "iam:DeleteRolePermissionsBoundary": "roles without a boundary, which must not be",
    "iam:UpdateAssumeRolePolicy": "others than Lambda in a function's role",
    "logs:AssociateKmsKey": "keys of our own",
    "logs:DisassociateKmsKey": "keys of our own",
    "logs:DeleteDataProtectionPolicy": "policies of log groups",
    "logs:DeleteIndexPolicy": "policies of log groups",
    "logs:DeleteResourcePolicy": "policies of log groups",
    "logs:PutBearerTokenAuthentication": "log groups that others write to",
    "logs:PutDataProtectionPolicy": "policies of log groups",
    "logs:PutIndexPolicy": "policies of log groups",
    "logs:PutLogGroupDeletionProtection": "log groups that can't be deleted",
    "sns:PutDataProtectionPolicy": "policies that look into messages",
    "s3:CreateBucketMetadataTableConfiguration": "tables of metadata",
    "s3:DeleteBucketMetadataTableConfiguration": "tables of metadata",
    "s3:UpdateBucketMetadata": "tables of metadata",
    "s3:PutBucketAbac": "tags in policies",
    "s3:PutObject": "objects: that is for the functions",
    "s3:DeleteObject": "objects: that is for the functions",
    **dict.fromkeys(
        (
            "s3:DeleteBucketAnalyticsConfiguration",
            "s3:DeleteBucketCors",
            "s3:DeleteBucketEncryption",
            "s3:DeleteBucketLifecycle",
            "s3:DeleteBucketMetricsConfiguration",
            "s3:DeleteBucketReplication",
            "s3:DeleteBucketWebsite",
        ),
        "names that IAM doesn't know: the actions are Put…, and those that matter are there",
    ),
    **dict.fromkeys(
        (
            "s3:PutAccelerateConfiguration",
            "s3:PutAnalyticsConfiguration",
            "s3:PutBucketAcl",
            "s3:PutBucketLogging",
            "s3:PutBucketObjectLockConfiguration",
            "s3:PutBucketReplication",
            "s3:PutBucketVersioning",
            "s3:PutBucketWebsite",
            "s3:PutIntelligentTieringConfiguration",
            "s3:PutInventoryConfiguration",
            "s3:PutMetricsConfiguration",
            "s3:PutReplicationConfiguration",
        ),
        "properties that our buckets don't have",
    ),
}
# The same for single resource types.
UNUSED_BY = {
    "AWS::ApiGatewayV2::Api": {"s3:getObject"},  # an OpenAPI document
    "AWS::ApiGatewayV2::Authorizer": {"iam:PassRole"},  # credentials of an authorizing function
    "AWS::ApiGatewayV2::Integration": {"iam:PassRole"},  # credentials for the function
    "AWS::Events::Rule": {"iam:PassRole"},  # a role for targets other than queues
    "AWS::S3::Bucket": {"iam:PassRole"},  # a role for replication
    "AWS::SNS::Subscription": {"iam:GetRole", "iam:PassRole"},  # a role for Firehose
    "AWS::SNS::Topic": {"iam:GetRole", "iam:PassRole"},  # logs of deliveries
}


@pytest.fixture(scope="module")
def execution(bootstrap: Template) -> list[Statement]:
    return policy_statements(bootstrap, "ExecutionRole")


@pytest.fixture(scope="module")
def made(template: Template) -> dict[str, Template]:
    """Return all resources of the template after SAM's transform."""
    resources: dict[str, Template] = transform_sam(template)["Resources"]
    return resources


@pytest.fixture(scope="module")
def kinds(made: dict[str, Template]) -> set[str]:
    """Return the types of all resources."""
    return {resource["Type"] for resource in made.values()}


@pytest.fixture(scope="module")
def resolver(template: Template, made: dict[str, Template]) -> Resolver:
    return Resolver({**template, "Resources": made}, {"AlarmAddress": "you@example.org"})


@cache
def permissions_of(kind: str) -> set[str]:
    """Return the documented permissions of CloudFormation's handlers of a resource type."""
    from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER

    handlers = PROVIDER_SCHEMA_MANAGER.get_resource_schema(REGION, kind).schema["handlers"]
    return {
        action
        for name in ("create", "read", "update", "delete")
        for action in handlers.get(name, {}).get("permissions", [])
    }


def needed_for(kind: str) -> set[str]:
    """Return the actions of CloudFormation to create, change and delete a resource."""
    used = {action for action in permissions_of(kind) if not action.startswith(tuple(UNUSED))}
    return used - UNUSED_BY.get(kind, set())


def arns_of(name: str, resource: Template, resolver: Resolver) -> list[str]:
    """Return the ARNs that a handler accesses: the resource, and those it refers to."""
    arn = f"arn:aws:{{}}:{REGION}:{ACCOUNT_ID}:{{}}"
    found = resolver.resolve(resource["Properties"])
    function = f"function:{found.get('FunctionName', '')}"
    layer = "layer:stemdrop-core"
    role = f"arn:aws:iam::{ACCOUNT_ID}:role/stemdrop-{{}}-1ABC"
    package = f"arn:aws:s3:::stemdrop-zips-{ACCOUNT_ID}-{REGION}/package.zip"
    group = arn.format("logs", f"log-group:{found.get('LogGroupName')}")
    api = f"arn:aws:apigateway:{REGION}::/apis"
    alarm = arn.format("cloudwatch", f"alarm:{found.get('AlarmName')}")
    dashboard = f"arn:aws:cloudwatch::{ACCOUNT_ID}:dashboard/{found.get('DashboardName')}"
    queues = [found.get("QueueName"), *found.get("Queues", [])]
    return {
        "AWS::CloudWatch::Alarm": [alarm],
        "AWS::CloudWatch::Dashboard": [dashboard],
        "AWS::Events::Rule": [arn.format("events", f"rule/{found.get('Name')}")],
        "AWS::IAM::Role": [role.format(name)],
        "AWS::Lambda::EventSourceMapping": [arn.format("lambda", "event-source-mapping:1-2")],
        "AWS::Lambda::Function": [
            arn.format("lambda", function),
            arn.format("lambda", f"{layer}:7"),
            role.format(str(found.get("Role")).rpartition("/")[2]),
            package,
        ],
        "AWS::Lambda::LayerVersion": [
            arn.format("lambda", layer),
            arn.format("lambda", f"{layer}:7"),
            package,
        ],
        "AWS::Lambda::Permission": [arn.format("lambda", function)],
        "AWS::Logs::LogGroup": [group, f"{group}:*"],
        "AWS::S3::Bucket": [f"arn:aws:s3:::{found.get('BucketName')}"],
        "AWS::S3::BucketPolicy": [f"arn:aws:s3:::{found.get('Bucket')}"],
        "AWS::SNS::Subscription": [str(found.get("TopicArn"))],
        "AWS::SNS::Topic": [arn.format("sns", found.get("TopicName"))],
        "AWS::SNS::TopicPolicy": list(found.get("Topics", [])),
        "AWS::SQS::Queue": [arn.format("sqs", queue) for queue in queues if queue],
        "AWS::SQS::QueuePolicy": [arn.format("sqs", queue) for queue in queues if queue],
    }.get(resource["Type"], [api, f"{api}/a1", f"{api}/a1/x", f"{api}/a1/x/b2"])


def refused(action: str, arns: list[str], statements: list[Statement]) -> list[str]:
    """Return the ARNs on which an action would be denied."""
    if action in UNLISTED:
        fitting = arns
    else:
        forms = formats_of(action)
        fitting = [arn for arn in arns if any(fits(arn, form) for form in forms - {"*"})]
        # Actions without resources must be allowed on all. Others aren't needed on these ARNs.
        fitting = fitting or ["*"]
    return [arn for arn in fitting if not allows(statements, action, arn)]


def test_cloudformation_has_the_permissions_for_each_resource(
    made: dict[str, Template], resolver: Resolver, execution: list[Statement]
) -> None:
    assert len(made) > 40
    missing = {
        (name, action): found
        for name, resource in made.items()
        for action in sorted(needed_for(resource["Type"]))
        if (found := refused(action, arns_of(name, resource, resolver), execution))
    }
    assert missing == {}


def test_cloudformation_cannot_change_other_stacks(
    made: dict[str, Template], resolver: Resolver, execution: list[Statement]
) -> None:
    """The stack stemdrop-dev and its bootstrap don't belong to the stack stemdrop."""
    tried = 0
    for name, resource in made.items():
        for arn in [arn for arn in arns_of(name, resource, resolver) if "stemdrop" in arn]:
            for other in ("stemdrop-dev", "stemdrop-bootstrap", "other"):
                renamed = re.sub(r"\bstemdrop\b", other, arn)
                for action in needed_for(resource["Type"]):
                    knows = any(fits(renamed, form) for form in formats_of(action))
                    assert not (knows and allows(execution, action, renamed)), (action, renamed)
                    tried += knows
    assert tried > 100


def test_calls_on_other_resources_are_denied(execution: list[Statement]) -> None:
    queue = f"arn:aws:sqs:{REGION}:{ACCOUNT_ID}:"
    assert not refused("sqs:CreateQueue", [f"{queue}stemdrop-songs"], execution)
    assert refused("sqs:CreateQueue", [f"{queue}other"], execution)
    assert refused("sqs:ListQueues", [f"{queue}stemdrop-songs"], execution)


def test_unused_permissions_belong_to_a_resource_type(kinds: set[str]) -> None:
    named = {action for kind in kinds for action in permissions_of(kind)}
    assert not [begin for begin in UNUSED if not any(found.startswith(begin) for found in named)]


def test_roles_are_created_with_the_boundary_only(bootstrap: Template) -> None:
    giving = {"iam:CreateRole", "iam:PutRolePolicy", "iam:PutRolePermissionsBoundary"}
    for statement in policy_statements(bootstrap, "ExecutionRole"):
        if giving & set(as_list(statement["Action"])):
            assert statement["Condition"] == {
                "StringEquals": {"iam:PermissionsBoundary": "PermissionsBoundary"}
            }
    found = policy_statements(bootstrap, "ExecutionRole")
    for action in ("AttachRolePolicy", "DeleteRolePermissionsBoundary", "CreatePolicyVersion"):
        assert not allows(found, f"iam:{action}")


@pytest.mark.parametrize(
    ("partition", "region"),
    [("aws", "ap-southeast-1"), ("aws-us-gov", "us-gov-west-1"), ("aws-cn", "cn-northwest-1")],
)
def test_policies_are_short_enough_for_iam(
    bootstrap: Template, partition: str, region: str
) -> None:
    longest = Resolver(
        bootstrap,
        {"ApplicationStack": "s" * 27},
        {"AWS::Partition": partition, "AWS::Region": region},
    )
    (execution,) = longest.properties("ExecutionRole")["Policies"]
    managed = [longest.properties(name) for name in ("PermissionsBoundary", "MonitoringPolicy")]
    # Source: "IAM and AWS STS quotas"; white space doesn't count.
    for policy, limit in ((execution, 10_240), *((each, 6_144) for each in managed)):
        text = json.dumps(policy["PolicyDocument"], separators=(",", ":"))
        assert f"arn:{partition}:" in text
        assert len(text) < limit
