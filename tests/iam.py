"""A small IAM, and a proxy that enforces a role's policy on S3 as strictly as AWS.

The emulator enforces the policies of the deployed functions, but it always distinguishes missing
keys from forbidden keys, and it doesn't report the grants that it used.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import parse_qs, unquote

from fault_proxy import Fault, FaultProxy, S3Request, S3Response, forbidden

Statement = Mapping[str, Any]
ARN = "arn:aws:s3:::"
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class IamRequest:
    """An authorization request: an action on a resource, with the condition context."""

    action: str
    resource: str
    context: Mapping[str, str] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True, order=True)
class Grant:
    """The smallest part of a policy: one action on one pattern of resources."""

    sid: str
    action: str
    resource: str


def matches(pattern: str, text: str) -> bool:
    """Return whether a text matches a pattern with * and ? as wildcards."""
    parts = (".*" if sign == "*" else "." if sign == "?" else re.escape(sign) for sign in pattern)
    return re.fullmatch("".join(parts), text, re.DOTALL) is not None


def as_list(value: T | list[T]) -> list[T]:
    """Return a policy element, which can be a single value, as a list."""
    return value if isinstance(value, list) else [value]


def list_grants(statements: Iterable[Statement]) -> set[Grant]:
    """Return everything that a policy grants."""
    return {
        Grant(statement["Sid"], action, resource)
        for statement in statements
        for action in as_list(statement["Action"])
        for resource in as_list(statement["Resource"])
    }


def allowed_by(statements: Iterable[Statement], call: IamRequest) -> set[Grant]:
    """Return the grants that allow a request. Without any, it is denied.

    Supports only what template.yaml uses: Allow, Action, Resource, and StringLike.
    """
    found: set[Grant] = set()
    for statement in statements:
        assert statement["Effect"] == "Allow", statement
        assert statement.keys() <= {"Sid", "Effect", "Action", "Resource", "Condition"}, statement
        if _is_met(statement.get("Condition", {}), call.context):
            found |= {
                grant
                for grant in list_grants([statement])
                if matches(grant.action.lower(), call.action.lower())
                and matches(grant.resource, call.resource)
            }
    return found


def _is_met(condition: Mapping[str, Any], context: Mapping[str, str]) -> bool:
    assert condition.keys() <= {"StringLike"}, condition
    return all(
        name in context and any(matches(pattern, context[name]) for pattern in as_list(patterns))
        for name, patterns in condition.get("StringLike", {}).items()
    )


def iam_requests(request: S3Request) -> list[IamRequest]:
    """Return the authorization requests that S3 makes for a request.

    Source: "Required permissions for Amazon S3 API operations" in the Amazon S3 user guide; for
    If-Match, "How to prevent object overwrites with conditional writes" there.
    """
    query = parse_qs(request.query, keep_blank_values=True)
    bucket, target = ARN + request.bucket, f"{ARN}{request.bucket}/{request.key}"
    if not request.key:
        assert (request.method, "list-type" in query) == ("GET", True), request
        context = {
            f"s3:{name}": query[name][0] for name in ("prefix", "delimiter") if name in query
        }
        return [IamRequest("s3:ListBucket", bucket, context)]
    actions = {
        "GET": "s3:GetObject",
        "HEAD": "s3:GetObject",
        "PUT": "s3:PutObject",
        "POST": "s3:PutObject",
        "DELETE": "s3:AbortMultipartUpload" if "uploadId" in query else "s3:DeleteObject",
    }
    assert not query.keys() & {"acl", "tagging", "versionId", "retention"}, request
    calls = [IamRequest(actions[request.method], target)]
    if source := request.headers.get("x-amz-copy-source"):
        calls.append(IamRequest("s3:GetObject", ARN + unquote(source).lstrip("/")))
    if request.method == "PUT" and "if-match" in request.headers:
        calls.append(IamRequest("s3:GetObject", target))
    return calls


class PolicyProxy(FaultProxy):
    """A proxy in front of the emulator that forwards what a role's policy allows.

    Parameters
    ----------
    endpoint_url : URL of S3.
    statements : Statements of the policy, with references resolved.

    Attributes
    ----------
    statements : Statements of the policy.
    used : Grants that a request needed.
    denied : Authorization requests that the policy doesn't allow.
    """

    def __init__(self, endpoint_url: str, statements: list[Statement]) -> None:
        super().__init__(endpoint_url)
        self.used: set[Grant] = set()
        self.denied: list[IamRequest] = []
        self.statements = statements

    def fault_for(self, request: S3Request) -> Fault | None:
        """Return 403 if a request isn't allowed, or if the role can't list a missing key."""
        allowed = [(call, self.check(call)) for call in iam_requests(request)]
        if not all(grants for _, grants in allowed):
            self.denied += [call for call, grants in allowed if not grants]
            return forbidden
        fault = super().fault_for(request)
        return _chain_faults(fault, self._hide_missing(request))

    def check(self, call: IamRequest) -> set[Grant]:
        """Return the grants that allow a request, and record them as used."""
        grants = allowed_by(self.statements, call)
        self.used |= grants
        return grants

    def _hide_missing(self, request: S3Request) -> Fault:
        def fault(forward: Callable[[], S3Response]) -> S3Response:
            answer = forward()
            if answer.status != 404 or not request.key:
                return answer
            # S3 returns 404 only with permission to list the bucket.
            can_list = self.check(IamRequest("s3:ListBucket", ARN + request.bucket))
            return answer if can_list else forbidden(forward)

        return fault


def _chain_faults(inner: Fault | None, outer: Fault) -> Fault:
    def fault(forward: Callable[[], S3Response]) -> S3Response | None:
        answer = inner(forward) if inner else forward()
        return None if answer is None else outer(lambda: answer)

    return fault
