"""Every policy grants existing actions, with supported resources and conditions."""

from collections.abc import Iterator
from typing import NamedTuple

import pytest

from iam_reference import UNLISTED, UNLISTED_RESOURCES, entries_of, expanded, fits, formats_of
from templates import Resolver, Statement, Template, as_list


class Policy(NamedTuple):
    """A policy of a template."""

    owner: str
    statements: list[Statement]
    is_of_a_resource: bool


@pytest.fixture(scope="module")
def policies(template: Template, bootstrap: Template) -> list[Policy]:
    return [*policies_of(template), *policies_of(bootstrap)]


def policies_of(template: Template) -> Iterator[Policy]:
    resolver = Resolver(template)
    for name, resource in template["Resources"].items():
        found = resolver.properties(name)
        documents = [each["PolicyDocument"] for each in found.get("Policies", [])]
        documents += [
            found[key] for key in ("PolicyDocument", "RepositoryPolicyText") if key in found
        ]
        of_a_resource = not resource["Type"].startswith("AWS::IAM")
        for document in documents:
            yield Policy(name, document["Statement"], of_a_resource)


def test_every_action_exists(policies: list[Policy]) -> None:
    assert len(policies) > 10
    actions = {
        action
        for policy in policies
        for statement in policy.statements
        for action in as_list(statement["Action"])
    }
    assert actions >= UNLISTED
    assert not {action for action in actions - UNLISTED if not expanded(action)}
    assert not {action for action in UNLISTED if expanded(action)}


def test_actions_apply_to_their_resources(policies: list[Policy]) -> None:
    for policy in [each for each in policies if not each.is_of_a_resource]:
        for statement in policy.statements:
            resources = as_list(statement["Resource"])
            formats = {
                action: {form for name in expanded(action) for form in formats_of(name)}
                for action in as_list(statement["Action"])
                if action not in UNLISTED
            }
            where = (policy.owner, statement["Sid"])
            for action, forms in formats.items():
                assert any(fits(each, form) for each in resources for form in forms), (
                    where,
                    action,
                )
            for each in set(resources) - UNLISTED_RESOURCES:
                every = [form for forms in formats.values() for form in forms]
                assert any(fits(each, form) for form in every), (where, each)


def test_actions_support_their_conditions(policies: list[Policy]) -> None:
    seen = set()
    for policy in [each for each in policies if not each.is_of_a_resource]:
        for statement in policy.statements:
            keys = {key for test in statement.get("Condition", {}).values() for key in test}
            for action in as_list(statement["Action"]):
                for name in expanded(action):
                    known = {key for entry in entries_of(name) for key in entry["condition_keys"]}
                    assert keys <= known, (policy.owner, statement["Sid"], name)
            seen |= keys
    assert seen >= {"iam:PassedToService", "iam:PermissionsBoundary", "lambda:FunctionArn"}


@pytest.mark.parametrize(
    ("resource", "arn_format", "is_one"),
    [
        ("*", "*", True),
        ("*", "arn:${Partition}:s3:::${BucketName}", False),
        ("arn:aws:s3:::a", "*", False),
        ("arn:aws:s3:::a", "arn:${Partition}:s3:::${BucketName}", True),
        ("arn:aws:s3:::a/*", "arn:${Partition}:s3:::${BucketName}/${ObjectName}", True),
        ("arn:aws:s3:::a/*", "arn:${Partition}:s3:::${BucketName}", False),
        ("arn:aws:logs:*:a:*", "arn:aws:logs:x:${Name}:log-stream:${Stream}", True),
        ("arn:aws:sqs:eu-central-1:123456789012:a", "arn:${Partition}:s3:::${BucketName}", False),
    ],
)
def test_resource_matches_its_arn_format(resource: str, arn_format: str, is_one: bool) -> None:
    assert fits(resource, arn_format) is is_one
