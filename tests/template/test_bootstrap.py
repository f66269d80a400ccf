"""The roles of infra/bootstrap.yaml suffice to deploy the application, and go no further."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER
from stemdrop_local.intrinsics import REGION, Resolver
from stemdrop_local.template import Application

from cloud_server import packaged_template, transform
from templates import Lenient, Statement, Template, allows, as_list

BOUNDARY = "arn:aws:iam::123456789012:policy/boundary"
# What CloudFormation's handlers would need for what the templates don't use, by the beginning of
# the action.
UNUSED = {
    "apigateway:TagResource": "a name that IAM doesn't know: tags are PUT under /tags",
    "apigateway:UntagResource": "a name that IAM doesn't know: tags are DELETEd under /tags",
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
    "cloudformation:SetStackPolicy": "policies of nested stacks",
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
# What `sam deploy` asks CloudFormation for.
# Source: samcli/lib/deploy/deployer.py, without what deletes or rolls back at somebody's wish.
SAM_CALLS = {
    "cloudformation:CreateChangeSet",
    "cloudformation:DescribeChangeSet",
    "cloudformation:DescribeStackEvents",
    "cloudformation:DescribeStacks",
    "cloudformation:ExecuteChangeSet",
    "cloudformation:GetTemplateSummary",
}


def statements_of(bootstrap: Template, logical_id: str, **parameters: str) -> list[Statement]:
    """Return what a role or a managed policy allows, references resolved."""
    given = {"GitHubRepository": "owner/stemdrop"} | parameters
    properties = bootstrap["Resources"][logical_id]["Properties"]
    resolver = Lenient(bootstrap, given)
    if "PolicyDocument" in properties:
        (document,) = [properties["PolicyDocument"]]
    else:
        (document,) = [policy["PolicyDocument"] for policy in properties["Policies"]]
    found: list[Statement] = resolver.resolve(document)["Statement"]
    return found


@pytest.fixture
def execution(bootstrap: Template) -> list[Statement]:
    return statements_of(bootstrap, "ExecutionRole")


@pytest.fixture
def deploy(bootstrap: Template) -> list[Statement]:
    return statements_of(bootstrap, "DeployRole")


@pytest.fixture(scope="module")
def kinds(monitoring: Template) -> set[str]:
    """Return the types of all resources, as SAM makes them of the template."""
    translated = json.loads(transform(packaged_template()))
    resources = {resource["Type"] for resource in translated["Resources"].values()}
    nested = {resource["Type"] for resource in monitoring["Resources"].values()}
    return resources | nested


def needed_for(kind: str) -> set[str]:
    """Return the actions that CloudFormation takes to make, change and delete a resource."""
    handlers = PROVIDER_SCHEMA_MANAGER.get_resource_schema(REGION, kind).schema["handlers"]
    return {
        action
        for name in ("create", "read", "update", "delete")
        for action in handlers.get(name, {}).get("permissions", [])
        if not action.startswith(tuple(UNUSED))
    }


def test_cloudformation_may_do_what_each_resource_takes(
    kinds: set[str], execution: list[Statement]
) -> None:
    assert len(kinds) > 15
    assert not [kind for kind in kinds if kind.startswith("AWS::Serverless")]
    missing = {
        kind: sorted(action for action in needed_for(kind) if not allows(execution, action))
        for kind in sorted(kinds)
    }
    assert {kind: actions for kind, actions in missing.items() if actions} == {}


def test_what_is_unused_is_needed_by_some_resource(kinds: set[str]) -> None:
    named: set[str] = set()
    for kind in kinds:
        handlers = PROVIDER_SCHEMA_MANAGER.get_resource_schema(REGION, kind).schema["handlers"]
        named |= {action for entry in handlers.values() for action in entry["permissions"]}
    assert not [begin for begin in UNUSED if not any(found.startswith(begin) for found in named)]


@pytest.fixture
def owned(template: Template, monitoring: Template, application: Application) -> dict[str, str]:
    """Return the ARN of everything that has a name, by an action that makes it."""
    arn = f"arn:aws:{{}}:{REGION}:123456789012:{{}}"
    alarms = [
        Lenient(monitoring).resolve(resource["Properties"])["AlarmName"]
        for resource in monitoring["Resources"].values()
        if resource["Type"] == "AWS::CloudWatch::Alarm"
    ]
    groups = [
        Lenient(template).resolve(resource["Properties"])["LogGroupName"]
        for resource in template["Resources"].values()
        if resource["Type"] == "AWS::Logs::LogGroup"
    ]
    roles = [
        name for name, entry in template["Resources"].items() if entry["Type"] == "AWS::IAM::Role"
    ]
    functions = [application.function.name, application.api.name]
    return {
        **{f"arn:aws:s3:::{bucket.name}": "s3:CreateBucket" for bucket in application.buckets},
        **{arn.format("sqs", queue.name): "sqs:CreateQueue" for queue in application.queues},
        **{arn.format("sns", topic): "sns:CreateTopic" for topic in application.topics},
        arn.format("sns", "stemdrop-alarms"): "sns:CreateTopic",
        **{arn.format("lambda", f"function:{it}"): "lambda:CreateFunction" for it in functions},
        arn.format("lambda", "layer:stemdrop-core"): "lambda:PublishLayerVersion",
        arn.format("lambda", "layer:stemdrop-core:7"): "lambda:GetLayerVersion",
        **{arn.format("logs", f"log-group:{it}"): "logs:CreateLogGroup" for it in groups},
        **{arn.format("cloudwatch", f"alarm:{it}"): "cloudwatch:PutMetricAlarm" for it in alarms},
        "arn:aws:cloudwatch::123456789012:dashboard/stemdrop": "cloudwatch:PutDashboard",
        **{
            f"arn:aws:iam::123456789012:role/stemdrop-{role}-1ABC": "iam:CreateRole"
            for role in roles
        },
        arn.format("cloudformation", "stack/stemdrop-Monitoring-1ABC/2"): (
            "cloudformation:CreateStack"
        ),
    }


def test_cloudformation_may_make_what_the_templates_name(
    owned: dict[str, str], execution: list[Statement]
) -> None:
    assert len(owned) > 20
    refused = [arn for arn, action in owned.items() if not allows(execution, action, arn)]
    assert refused == []


def test_cloudformation_may_not_touch_the_stack_beside(
    owned: dict[str, str], execution: list[Statement]
) -> None:
    """A stack named stemdrop-dev is not one of stemdrop's, and neither is its bootstrap."""
    for other in ("stemdrop-dev", "stemdrop-bootstrap", "other"):
        for arn, action in owned.items():
            renamed = re.sub(r"\bstemdrop\b", other, arn)
            assert renamed != arn
            assert not allows(execution, action, renamed), renamed


@pytest.mark.parametrize("role", ["ExecutionRole", "DeployRole"])
def test_roles_of_the_bootstrap_are_out_of_reach(
    execution: list[Statement], deploy: list[Statement], role: str
) -> None:
    arn = f"arn:aws:iam::123456789012:role/stemdrop-bootstrap-{role}-1ABC"
    assert not [
        action
        for action in ("iam:CreateRole", "iam:PutRolePolicy", "iam:DeleteRole", "iam:PassRole")
        if allows(execution, action, arn) or allows(deploy, action, arn)
    ]


def test_nobody_gets_all_of_a_service(
    execution: list[Statement], deploy: list[Statement], bootstrap: Template
) -> None:
    for statement in [*execution, *deploy, *statements_of(bootstrap, "PermissionsBoundary")]:
        for action in as_list(statement["Action"]):
            service, _, name = action.partition(":")
            assert service != "*"
            assert name not in {"*", ""}
            assert not (service == "iam" and "*" in name)


def test_roles_are_made_within_the_boundary_only(bootstrap: Template) -> None:
    giving = {"iam:CreateRole", "iam:PutRolePolicy", "iam:PutRolePermissionsBoundary"}
    for statement in statements_of(bootstrap, "ExecutionRole"):
        if giving & set(as_list(statement["Action"])):
            assert statement["Condition"] == {
                "StringEquals": {"iam:PermissionsBoundary": "PermissionsBoundary"}
            }
    found = statements_of(bootstrap, "ExecutionRole")
    for action in ("AttachRolePolicy", "DeleteRolePermissionsBoundary", "CreatePolicyVersion"):
        assert not allows(found, f"iam:{action}")


@pytest.mark.parametrize(
    ("role", "service"),
    [("ExecutionRole", "lambda.amazonaws.com"), ("DeployRole", "cloudformation.amazonaws.com")],
)
def test_roles_are_handed_to_one_service(bootstrap: Template, role: str, service: str) -> None:
    (passing,) = [
        statement
        for statement in statements_of(bootstrap, role)
        if "iam:PassRole" in as_list(statement["Action"])
    ]
    assert passing["Condition"] == {"StringEquals": {"iam:PassedToService": service}}


@pytest.fixture(scope="module")
def functions(template: Template, resolver: Resolver) -> list[Statement]:
    """Return what the application's functions may do; see test_permissions.py."""
    roles = [
        resource["Properties"]
        for resource in template["Resources"].values()
        if resource["Type"] == "AWS::IAM::Role"
    ]
    return [
        statement
        for role in roles
        for policy in resolver.resolve(role["Policies"])
        for statement in policy["PolicyDocument"]["Statement"]
    ]


def test_the_boundary_leaves_the_functions_what_they_have(
    bootstrap: Template, functions: list[Statement]
) -> None:
    boundary = statements_of(bootstrap, "PermissionsBoundary")
    for statement in functions:
        for action in as_list(statement["Action"]):
            for resource in as_list(statement["Resource"]):
                assert allows(boundary, action, resource), (action, resource)


def test_the_boundary_goes_no_further_than_the_functions(
    bootstrap: Template, functions: list[Statement]
) -> None:
    def actions(statements: list[Statement]) -> set[str]:
        return {action for found in statements for action in as_list(found["Action"])}

    boundary = statements_of(bootstrap, "PermissionsBoundary")
    beside = [statement for statement in boundary if statement["Sid"] != "KeyOfTheTopic"]
    assert actions(beside) == actions(functions)


def test_functions_take_the_boundary(template: Template) -> None:
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::IAM::Role":
            name = "PermissionsBoundary"
            wanted = {name: resource["Properties"][name]}
            assert Lenient(template).resolve(wanted) == {}
            assert Lenient(template, {name: BOUNDARY}).resolve(wanted) == {name: BOUNDARY}


# --- who deploys from GitHub


def trust(bootstrap: Template, **parameters: str) -> Statement:
    properties = bootstrap["Resources"]["DeployRole"]["Properties"]
    resolver = Lenient(bootstrap, {"GitHubRepository": "owner/stemdrop"} | parameters)
    (statement,) = resolver.resolve(properties["AssumeRolePolicyDocument"])["Statement"]
    found: Statement = statement
    return found


def test_a_workflow_of_one_branch_or_environment_deploys(bootstrap: Template) -> None:
    statement = trust(bootstrap, GitHubSubject="environment:prod")
    assert statement["Action"] == "sts:AssumeRoleWithWebIdentity"
    assert statement["Condition"] == {
        "StringEquals": {
            "token.actions.githubusercontent.com:aud": "sts.amazonaws.com",
            "token.actions.githubusercontent.com:sub": "repo:owner/stemdrop:environment:prod",
        }
    }


@pytest.mark.parametrize(
    ("subject", "allowed"),
    [
        ("ref:refs/heads/main", True),
        ("environment:prod", True),
        ("ref:refs/heads/*", False),
        ("*", False),
        ("pull_request", False),
        ("ref:refs/heads/main:x", False),
    ],
)
def test_a_subject_has_no_wildcard(bootstrap: Template, subject: str, allowed: bool) -> None:
    pattern = bootstrap["Parameters"]["GitHubSubject"]["AllowedPattern"]
    assert bool(re.fullmatch(pattern, subject)) is allowed


@pytest.mark.parametrize("name", ["*", "owner/*", "owner", "owner/a:b", "owner/a/b"])
def test_a_repository_has_no_wildcard(bootstrap: Template, name: str) -> None:
    assert not re.search(bootstrap["Parameters"]["GitHubRepository"]["AllowedPattern"], name)


def test_the_provider_is_made_unless_there_is_one(bootstrap: Template) -> None:
    there = "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com"
    assert bootstrap["Resources"]["GitHubProvider"]["Condition"] == "MakesProvider"
    assert trust(bootstrap)["Principal"] == {"Federated": "GitHubProvider"}
    assert trust(bootstrap, OidcProviderArn=there)["Principal"] == {"Federated": there}
    for name in ("DeployRole", "GitHubProvider"):
        assert bootstrap["Resources"][name]["Condition"] in {"HasGitHub", "MakesProvider"}


def test_sam_may_ask_for_what_it_asks_for(deploy: list[Statement]) -> None:
    stack = f"arn:aws:cloudformation:{REGION}:123456789012:stack/stemdrop/1"
    assert not [action for action in SAM_CALLS if not allows(deploy, action, stack)]
    transform = f"arn:aws:cloudformation:{REGION}:aws:transform/Serverless-2016-10-31"
    assert allows(deploy, "cloudformation:CreateChangeSet", transform)
    other = stack.replace("stack/stemdrop/", "stack/stemdrop-dev/")
    assert not [action for action in SAM_CALLS if allows(deploy, action, other)]


def test_a_deployment_uses_the_role_of_cloudformation(deploy: list[Statement]) -> None:
    (creating,) = [statement for statement in deploy if statement["Sid"] == "DeployWithTheRole"]
    assert creating["Condition"] == {
        "StringEquals": {"cloudformation:RoleArn": "ExecutionRole.Arn"}
    }
    for action in ("CreateStack", "UpdateStack", "DeleteStack", "SetStackPolicy"):
        assert not allows(deploy, f"cloudformation:{action}")


# --- images and zips


def properties(bootstrap: Template, logical_id: str) -> dict[str, Any]:
    found: dict[str, Any] = Lenient(bootstrap).resolve(
        bootstrap["Resources"][logical_id]["Properties"]
    )
    return found


def test_images_are_scanned_encrypted_and_forgotten(bootstrap: Template) -> None:
    found = properties(bootstrap, "ImageRepository")
    assert found["ImageScanningConfiguration"] == {"ScanOnPush": True}
    assert found["EncryptionConfiguration"] == {"EncryptionType": "AES256"}
    untagged, old = json.loads(found["LifecyclePolicy"]["LifecyclePolicyText"])["rules"]
    assert untagged["rulePriority"] < old["rulePriority"]
    assert untagged["selection"]["tagStatus"] == "untagged"
    assert old["selection"] == {
        "tagStatus": "any",
        "countType": "imageCountMoreThan",
        "countNumber": bootstrap["Parameters"]["ImagesKept"]["Default"],
    }
    # Or the stack would go without an image.
    assert bootstrap["Resources"]["ImageRepository"]["DeletionPolicy"] == "Retain"


def test_only_our_function_fetches_images(bootstrap: Template, application: Application) -> None:
    (statement,) = properties(bootstrap, "ImageRepository")["RepositoryPolicyText"]["Statement"]
    assert statement["Principal"] == {"Service": "lambda.amazonaws.com"}
    source = statement["Condition"]["ArnLike"]["aws:SourceArn"]
    assert source.rpartition(":")[2] == application.function.name
    assert statement["Condition"]["StringEquals"] == {"aws:SourceAccount": "123456789012"}


def test_the_bucket_of_zips_is_private(bootstrap: Template) -> None:
    found = properties(bootstrap, "ArtifactsBucket")
    assert set(found["PublicAccessBlockConfiguration"].values()) == {True}
    assert found["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    assert found["LifecycleConfiguration"]["Rules"][0]["ExpirationInDays"] == 30
    (statement,) = properties(bootstrap, "ArtifactsBucketPolicy")["PolicyDocument"]["Statement"]
    assert statement["Effect"] == "Deny"
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_nothing_names_an_account_a_region_or_a_partition(root: Path) -> None:
    for name in ("bootstrap", "monitoring"):
        text = (root / "infra" / f"{name}.yaml").read_text()
        allowed = re.sub(r"AllowedPattern:.*", "", text)
        assert not re.search(r"\b\d{12}\b|arn:aws|\b[a-z]{2}-[a-z]+-\d\b", allowed)
