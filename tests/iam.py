"""A small IAM: what a role's policy allows, and S3 behind it, as strict as AWS's own.

The emulator enforces policies for the deployed functions, but tells a missing key from a forbidden
one to everybody, and doesn't say which grants it needed.
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
    """What IAM is asked: an action on a resource, and what is known of the request."""

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
    """Tell whether a text is one of a pattern's: * is any number of characters, ? is one."""
    parts = (".*" if sign == "*" else "." if sign == "?" else re.escape(sign) for sign in pattern)
    return re.fullmatch("".join(parts), text, re.DOTALL) is not None


def as_list(value: T | list[T]) -> list[T]:
    """Return a list of what a policy has one or more of."""
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
    """Return the grants that allow a call; it is denied without any.

    Only what template.yaml uses is known: Allow, Action, Resource, and StringLike.
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
    """Return what S3 asks IAM about a request.

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
    """A proxy in front of the emulator that lets through what a role's policy allows.

    Parameters
    ----------
    endpoint_url : of S3.
    statements : of the policy, references resolved.

    Attributes
    ----------
    statements : the same.
    used : grants that a request needed.
    denied : calls that the policy doesn't allow; their requests were answered 403.
    """

    def __init__(self, endpoint_url: str, statements: list[Statement]) -> None:
        super().__init__(endpoint_url)
        self.used: set[Grant] = set()
        self.denied: list[IamRequest] = []
        self.statements = statements

    def fault_for(self, request: S3Request) -> Fault | None:
        """S3Response 403 to what isn't allowed, and to who may not know that a key is missing."""
        allowed = [(call, self.check(call)) for call in iam_requests(request)]
        if not all(grants for _, grants in allowed):
            self.denied += [call for call, grants in allowed if not grants]
            return forbidden
        fault = super().fault_for(request)
        return _chain_faults(fault, self._hide_missing(request))

    def check(self, call: IamRequest) -> set[Grant]:
        """Return what allows a call, and note that it was needed."""
        grants = allowed_by(self.statements, call)
        self.used |= grants
        return grants

    def _hide_missing(self, request: S3Request) -> Fault:
        def fault(forward: Callable[[], S3Response]) -> S3Response:
            answer = forward()
            if answer.status != 404 or not request.key:
                return answer
            # S3 tells this only to those who may list the bucket.
            can_list = self.check(IamRequest("s3:ListBucket", ARN + request.bucket))
            return answer if can_list else forbidden(forward)

        return fault


def _chain_faults(inner: Fault | None, outer: Fault) -> Fault:
    def fault(forward: Callable[[], S3Response]) -> S3Response | None:
        answer = inner(forward) if inner else forward()
        return None if answer is None else outer(lambda: answer)

    return fault
