"""docs/operations/security.md names tests that exist and the permissions of template.yaml."""

import ast
import re
from pathlib import Path
from typing import Any

import pytest

from documents import rows_of
from iam import list_grants
from templates import Resolver

ROLES = {
    "SeparateRole": "Permissions of the separator",
    "ApiRole": "Permissions of the API",
    "LyricsRole": "Permissions of the lyrics function",
    "WebhookRole": "Permissions of the webhook function",
}
TEST = re.compile(r"`([a-z0-9_/]+\.py)::(test_\w+)`")


@pytest.fixture(scope="module")
def page(root: Path) -> str:
    return (root / "docs" / "operations" / "security.md").read_text()


def quoted(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def short(resource: str) -> str:
    """Return the short name of a resource on the page."""
    names = {
        r"arn:aws:s3:::stemdrop-(uploads|stems)-\d+-[a-z0-9-]+": r"\1",
        r"arn:aws:sqs:[a-z0-9-]+:\d+:stemdrop-": "",
        r"arn:aws:sns:[a-z0-9-]+:\d+:stemdrop-": "",
        r"arn:aws:transcribe:[a-z0-9-]+:\d+:transcription-job/stemdrop-stems-\d+-[a-z0-9-]+-\*": (
            "transcriptions of this stack"
        ),
        r"arn:aws:logs:[a-z0-9-]+:\d+:log-group:/aws/lambda/stemdrop-(\w+):\*": r"logs/\1",
    }
    for pattern, name in names.items():
        resource = re.sub(f"^{pattern}", name, resource)
    return resource


def functions_of(path: Path) -> set[str]:
    nodes = ast.walk(ast.parse(path.read_text()))
    return {node.name for node in nodes if isinstance(node, ast.FunctionDef)}


def test_named_tests_exist(page: str, root: Path) -> None:
    named = TEST.findall(page)
    assert len(named) > 40
    for path, name in named:
        file = root / "tests" / path
        assert file.is_file(), path
        assert name in functions_of(file), f"{path}::{name}"


def test_every_threat_has_a_mitigation_and_a_test(page: str) -> None:
    threats = rows_of(page, "## Threats")
    assert len(threats) >= 10
    for row in threats:
        assert all(row.values()), row
        assert TEST.findall(row["Tests"]), row
        assert not re.sub(TEST, "", row["Tests"]).strip(), row


@pytest.mark.parametrize("role", ROLES)
def test_permissions_match_the_template(
    page: str, template: dict[str, Any], transcribing: Resolver, role: str
) -> None:
    (policy,) = transcribing.resolve(template["Resources"][role]["Properties"]["Policies"])
    allowed = {
        (grant.sid, grant.action, short(grant.resource))
        for grant in list_grants(policy["PolicyDocument"]["Statement"])
    }
    listed = [
        (*quoted(row["Statement"]), *quoted(row["Action"]), resource)
        for row in rows_of(page, f"## {ROLES[role]}")
        for resource in quoted(row["Resource"])
    ]
    assert len(set(listed)) == len(listed)
    assert set(listed) == allowed
    assert all(
        row["Purpose"] and row["Impact if compromised"]
        for row in rows_of(page, f"## {ROLES[role]}")
    )


def test_every_role_has_a_section(template: dict[str, Any]) -> None:
    resources = template["Resources"].items()
    assert {name for name, made in resources if made["Type"] == "AWS::IAM::Role"} == set(ROLES)
