"""The IAM of the tests checks and denies requests as AWS does."""

from typing import Any

import pytest

from fault_proxy import S3Request
from iam import ARN, IamRequest, allowed_by, iam_requests, matches

LIST = {
    "Sid": "List",
    "Effect": "Allow",
    "Action": "s3:ListBucket",
    "Resource": f"{ARN}stems",
    "Condition": {"StringLike": {"s3:prefix": "jobs/????/"}},
}
READ = {"Sid": "Read", "Effect": "Allow", "Action": ["s3:GetObject"], "Resource": f"{ARN}stems/a/*"}


@pytest.mark.parametrize(
    ("pattern", "text", "is_match"),
    [
        ("a/*", "a/b/c\nd", True),
        ("a/*", "a/", True),
        ("a/*", "b/a/", False),
        ("a?", "ab", True),
        ("a?", "a", False),
        ("a.c", "abc", False),
        ("[a]*", "a", False),
    ],
)
def test_pattern_matches_expected_text(pattern: str, text: str, is_match: bool) -> None:
    assert matches(pattern, text) is is_match


@pytest.mark.parametrize(
    ("call", "is_allowed"),
    [
        (IamRequest("s3:GetObject", f"{ARN}stems/a/b"), True),
        (IamRequest("s3:getobject", f"{ARN}stems/a/b"), True),
        (IamRequest("s3:GetObject", f"{ARN}stems/ab"), False),
        (IamRequest("s3:GetObject", f"{ARN}stems"), False),
        (IamRequest("s3:GetObjectAcl", f"{ARN}stems/a/b"), False),
        (IamRequest("s3:ListBucket", f"{ARN}stems", {"s3:prefix": "jobs/0123/"}), True),
        (IamRequest("s3:ListBucket", f"{ARN}stems", {"s3:prefix": "jobs/"}), False),
        (IamRequest("s3:ListBucket", f"{ARN}stems", {"s3:prefix": ""}), False),
        (IamRequest("s3:ListBucket", f"{ARN}stems"), False),
    ],
    ids=str,
)
def test_request_is_allowed_by_matching_grants_only(call: IamRequest, is_allowed: bool) -> None:
    assert bool(allowed_by([LIST, READ], call)) is is_allowed


@pytest.mark.parametrize(
    "statement",
    [
        {**READ, "Effect": "Deny"},
        {**READ, "NotAction": "s3:*"},
        {**READ, "Condition": {"Bool": {"aws:SecureTransport": "true"}}},
    ],
)
def test_unsupported_statement_is_refused(statement: dict[str, Any]) -> None:
    with pytest.raises(AssertionError):
        allowed_by([statement], IamRequest("s3:GetObject", f"{ARN}stems/a/b"))


@pytest.mark.parametrize(
    ("request_", "actions"),
    [
        (S3Request("HEAD", "b", "k", ""), {"s3:GetObject b/k"}),
        (S3Request("PUT", "b", "k", "partNumber=1&uploadId=x"), {"s3:PutObject b/k"}),
        (S3Request("POST", "b", "k", "uploads="), {"s3:PutObject b/k"}),
        (S3Request("DELETE", "b", "k", "uploadId=x"), {"s3:AbortMultipartUpload b/k"}),
        (S3Request("DELETE", "b", "k", ""), {"s3:DeleteObject b/k"}),
        (
            S3Request("PUT", "b", "k", "", {"x-amz-copy-source": "c/o%20r"}),
            {"s3:PutObject b/k", "s3:GetObject c/o r"},
        ),
        (
            S3Request("PUT", "b", "k", "", {"if-match": '"x"'}),
            {"s3:PutObject b/k", "s3:GetObject b/k"},
        ),
    ],
)
def test_s3_request_needs_the_expected_permissions(request_: S3Request, actions: set[str]) -> None:
    found = {f"{call.action} {call.resource.removeprefix(ARN)}" for call in iam_requests(request_)}
    assert found == actions


@pytest.mark.parametrize(
    "request_",
    [
        S3Request("PUT", "b", "", ""),
        S3Request("GET", "b", "", "acl="),
        S3Request("GET", "b", "k", "acl="),
    ],
    ids=str,
)
def test_unsupported_s3_request_is_refused(request_: S3Request) -> None:
    with pytest.raises(AssertionError):
        iam_requests(request_)
