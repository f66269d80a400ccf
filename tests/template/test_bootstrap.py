"""infra/bootstrap.yaml: roles of deployments, the boundary, and storage of images and zips."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from templates import (
    ACCOUNT_ID,
    REGION,
    Resolver,
    Statement,
    Template,
    allows,
    as_list,
    policy_statements,
)

GITHUB = {"GitHubRepository": "owner/stemdrop", "GitHubRepositoryId": "42"}
BOUNDARY = "arn:aws:iam::123456789012:policy/boundary"
# CloudFormation actions of `sam deploy`.
# Source: samcli/lib/deploy/deployer.py, without optional deletion and rollback.
SAM_CALLS = {
    "cloudformation:CreateChangeSet",
    "cloudformation:DescribeChangeSet",
    "cloudformation:DescribeEvents",
    "cloudformation:DescribeStackEvents",
    "cloudformation:DescribeStacks",
    "cloudformation:ExecuteChangeSet",
    "cloudformation:GetTemplateSummary",
}


@pytest.fixture
def execution(bootstrap: Template) -> list[Statement]:
    return policy_statements(bootstrap, "ExecutionRole")


@pytest.fixture
def deploy(bootstrap: Template) -> list[Statement]:
    return policy_statements(bootstrap, "DeployRole", **GITHUB)


@pytest.mark.parametrize("role", ["ExecutionRole", "DeployRole"])
def test_bootstrap_roles_cannot_be_changed(
    execution: list[Statement], deploy: list[Statement], role: str
) -> None:
    arn = f"arn:aws:iam::123456789012:role/stemdrop-bootstrap-{role}-1ABC"
    assert not [
        action
        for action in ("iam:CreateRole", "iam:PutRolePolicy", "iam:DeleteRole", "iam:PassRole")
        if allows(execution, action, arn) or allows(deploy, action, arn)
    ]


def test_no_role_allows_all_actions_of_a_service(
    execution: list[Statement], deploy: list[Statement], bootstrap: Template
) -> None:
    for statement in [*execution, *deploy, *policy_statements(bootstrap, "PermissionsBoundary")]:
        for action in as_list(statement["Action"]):
            service, _, name = action.partition(":")
            assert service != "*"
            assert name not in {"*", ""}
            assert not (service == "iam" and "*" in name)


@pytest.mark.parametrize(
    ("role", "service"),
    [("ExecutionRole", "lambda.amazonaws.com"), ("DeployRole", "cloudformation.amazonaws.com")],
)
def test_roles_are_passed_to_one_service(bootstrap: Template, role: str, service: str) -> None:
    (passing,) = [
        statement
        for statement in policy_statements(bootstrap, role, **GITHUB)
        if "iam:PassRole" in as_list(statement["Action"])
    ]
    assert passing["Condition"] == {"StringEquals": {"iam:PassedToService": service}}


@pytest.fixture(scope="module")
def functions(template: Template, transcribing: Resolver) -> list[Statement]:
    """Return the permissions of the application's functions; see test_permissions.py."""
    roles = [
        resource["Properties"]
        for resource in template["Resources"].values()
        if resource["Type"] == "AWS::IAM::Role"
    ]
    return [
        statement
        for role in roles
        for policy in transcribing.resolve(role["Policies"])
        for statement in policy["PolicyDocument"]["Statement"]
    ]


def test_boundary_allows_what_the_functions_use(
    bootstrap: Template, functions: list[Statement]
) -> None:
    boundary = policy_statements(bootstrap, "PermissionsBoundary")
    for statement in functions:
        for action in as_list(statement["Action"]):
            for resource in as_list(statement["Resource"]):
                assert allows(boundary, action, resource), (action, resource)


def test_boundary_allows_no_more_than_the_functions_use(
    bootstrap: Template, functions: list[Statement]
) -> None:
    def actions(statements: list[Statement]) -> set[str]:
        return {action for found in statements for action in as_list(found["Action"])}

    boundary = policy_statements(bootstrap, "PermissionsBoundary")
    others = [statement for statement in boundary if statement["Sid"] != "KeyOfTheTopic"]
    assert actions(others) == actions(functions)


def test_functions_have_the_boundary(template: Template) -> None:
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::IAM::Role":
            name = "PermissionsBoundary"
            wanted = {name: resource["Properties"][name]}
            assert Resolver(template).resolve(wanted) == {}
            assert Resolver(template, {name: BOUNDARY}).resolve(wanted) == {name: BOUNDARY}


# --- deployment from GitHub


def trust(bootstrap: Template, **parameters: str) -> Statement:
    properties = bootstrap["Resources"]["DeployRole"]["Properties"]
    resolver = Resolver(bootstrap, GITHUB | parameters)
    (statement,) = resolver.resolve(properties["AssumeRolePolicyDocument"])["Statement"]
    found: Statement = statement
    return found


def test_a_workflow_of_one_branch_or_environment_deploys(bootstrap: Template) -> None:
    statement = trust(bootstrap, GitHubSubject="environment:prod")
    issuer = "token.actions.githubusercontent.com"
    assert statement["Action"] == "sts:AssumeRoleWithWebIdentity"
    assert statement["Condition"] == {
        "StringEquals": {f"{issuer}:aud": "sts.amazonaws.com", f"{issuer}:repository_id": "42"},
        "StringLike": {
            f"{issuer}:sub": [
                "repo:owner/stemdrop:environment:prod",
                "repo:owner@*/stemdrop@42:environment:prod",
            ]
        },
    }


def test_repository_requires_its_id(bootstrap: Template) -> None:
    rule = bootstrap["Rules"]["RepositoryWithItsId"]
    (assertion,) = rule["Assertions"]
    assert rule["RuleCondition"] == {"Fn::Not": [{"Fn::Equals": [{"Ref": "GitHubRepository"}, ""]}]}
    assert assertion["Assert"] == {"Fn::Not": [{"Fn::Equals": [{"Ref": "GitHubRepositoryId"}, ""]}]}
    pattern = bootstrap["Parameters"]["GitHubRepositoryId"]["AllowedPattern"]
    assert not [text for text in ("*", "0", "4?", "4 2") if re.search(pattern, text)]


def test_conditions_tolerate_missing_keys(bootstrap: Template) -> None:
    resolver = Resolver(bootstrap)
    (trusted,) = resolver.properties("ExecutionRole")["AssumeRolePolicyDocument"]["Statement"]
    assert trusted["Condition"] == {"StringEqualsIfExists": {"aws:SourceAccount": ACCOUNT_ID}}
    (fetch,) = resolver.properties("ImageRepository")["RepositoryPolicyText"]["Statement"]
    assert fetch["Condition"].keys() == {"ArnLike"}


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


def test_sam_has_the_permissions_that_it_uses(deploy: list[Statement]) -> None:
    stack = f"arn:aws:cloudformation:{REGION}:123456789012:stack/stemdrop/1"
    assert not [action for action in SAM_CALLS if not allows(deploy, action, stack)]
    transform = f"arn:aws:cloudformation:{REGION}:aws:transform/Serverless-2016-10-31"
    assert allows(deploy, "cloudformation:CreateChangeSet", transform)
    other = stack.replace("stack/stemdrop/", "stack/stemdrop-dev/")
    assert not [action for action in SAM_CALLS if allows(deploy, action, other)]


def test_a_deployment_uses_the_role_of_cloudformation(deploy: list[Statement]) -> None:
    (creating,) = [statement for statement in deploy if statement["Sid"] == "DeployWithTheRole"]
    assert creating["Condition"] == {
        "StringEquals": {"cloudformation:RoleArn": f"arn:aws:iam::{ACCOUNT_ID}:role/ExecutionRole"}
    }
    change_set = f"arn:aws:cloudformation:{REGION}:{ACCOUNT_ID}:changeSet/samcli-deploy1/2"
    assert allows(deploy, "cloudformation:DescribeEvents", change_set)
    for action in ("CreateStack", "UpdateStack", "DeleteStack", "SetStackPolicy"):
        assert not allows(deploy, f"cloudformation:{action}")


# --- images and zips


def properties(bootstrap: Template, logical_id: str) -> dict[str, Any]:
    found: dict[str, Any] = Resolver(bootstrap).resolve(
        bootstrap["Resources"][logical_id]["Properties"]
    )
    return found


def test_images_are_scanned_encrypted_and_expired(bootstrap: Template) -> None:
    found = properties(bootstrap, "ImageRepository")
    assert found["ImageScanningConfiguration"] == {"ScanOnPush": True}
    assert found["EncryptionConfiguration"] == {"EncryptionType": "AES256"}
    untagged, old = json.loads(found["LifecyclePolicy"]["LifecyclePolicyText"])["rules"]
    assert untagged["rulePriority"] < old["rulePriority"]
    assert untagged["selection"]["tagStatus"] == "untagged"
    assert old["selection"] == {
        "tagStatus": "any",
        "countType": "imageCountMoreThan",
        "countNumber": int(bootstrap["Parameters"]["ImagesKept"]["Default"]),
    }
    # Otherwise, the stack would have no image.
    assert bootstrap["Resources"]["ImageRepository"]["DeletionPolicy"] == "Retain"


def test_only_our_function_fetches_images(bootstrap: Template, resolver: Resolver) -> None:
    (statement,) = properties(bootstrap, "ImageRepository")["RepositoryPolicyText"]["Statement"]
    assert statement["Principal"] == {"Service": "lambda.amazonaws.com"}
    function = resolver.resolve({"Fn::GetAtt": ["SeparateFunction", "Arn"]})
    assert statement["Condition"] == {"ArnLike": {"aws:SourceArn": function}}


def test_zips_of_earlier_deployments_stay_for_a_rollback(bootstrap: Template) -> None:
    (rule,) = properties(bootstrap, "ArtifactsBucket")["LifecycleConfiguration"]["Rules"]
    assert rule.keys() == {"Id", "Status", "AbortIncompleteMultipartUpload"}


@pytest.mark.parametrize("bucket", ["UploadsBucket", "StemsBucket", "ArtifactsBucket"])
def test_bucket_of_the_longest_stack_name_has_a_valid_name(
    template: Template, bootstrap: Template, bucket: str
) -> None:
    document = template if bucket in template["Resources"] else bootstrap
    name: str = properties(document, bucket)["BucketName"]
    assert name.startswith("stemdrop-")
    # Source: "General purpose bucket naming rules" in the Amazon S3 user guide.
    assert len(name.replace("stemdrop", "s" * 27).replace(REGION, "ap-southeast-1")) <= 63


def test_the_bucket_of_zips_is_private(bootstrap: Template) -> None:
    found = properties(bootstrap, "ArtifactsBucket")
    assert set(found["PublicAccessBlockConfiguration"].values()) == {True}
    assert found["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    (statement,) = properties(bootstrap, "ArtifactsBucketPolicy")["PolicyDocument"]["Statement"]
    assert statement["Effect"] == "Deny"
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_bootstrap_names_no_account_region_or_partition(root: Path) -> None:
    text = (root / "infra" / "bootstrap.yaml").read_text()
    allowed = re.sub(r"AllowedPattern:.*", "", text)
    assert not re.search(r"\b\d{12}\b|arn:aws|\b[a-z]{2}-[a-z]+-\d\b", allowed)
