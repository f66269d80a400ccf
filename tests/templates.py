"""Templates with their references resolved as far as that makes a test readable."""

import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

from stemdrop_local.intrinsics import Resolver

Template = dict[str, Any]
Statement = dict[str, Any]


class Lenient(Resolver):
    """A resolver that writes `Bucket.Arn` for what it doesn't know, and knows And."""

    def __init__(self, template: Template, parameters: Mapping[str, str] | None = None) -> None:
        declared = template["Parameters"]
        needed = {name: name.lower() for name in declared if "Default" not in declared[name]}
        super().__init__(template, needed | dict(parameters or {}))
        self._functions |= {"Fn::And": self._and, "Fn::Condition": self._condition}

    def _name(self, logical_id: str) -> str:
        resource = self._resources[logical_id]
        named = [
            value
            for name, value in resource.get("Properties", {}).items()
            if name in {"BucketName", "RepositoryName", "DashboardName"}
        ]
        return str(self.resolve(named[0])) if named else logical_id

    def _get_att(self, argument: list[str]) -> str:
        logical_id, attribute = argument
        return f"{logical_id}.{attribute}"

    def _and(self, argument: list[Any]) -> bool:
        return all(self.resolve(item) for item in argument)


def as_list(value: Any) -> list[Any]:
    """Return the one or more that a policy has in a place."""
    return value if isinstance(value, list) else [value]


def allows(statements: list[Statement], action: str, resource: str | None = None) -> bool:
    """Return whether some statement allows an action, on a resource if one is named."""
    return any(
        any(fnmatchcase(action.lower(), entry.lower()) for entry in as_list(found["Action"]))
        and (
            resource is None
            or any(_covers(entry, resource) for entry in as_list(found["Resource"]))
        )
        for found in statements
        if found["Effect"] == "Allow"
    )


def _covers(pattern: str, resource: str) -> bool:
    """Match as IAM does: only * and ? are special, and what is asked for may end in any way."""
    parts = (".*" if part == "*" else "." if part == "?" else re.escape(part)
             for part in re.split(r"([*?])", pattern))  # fmt: skip
    return re.fullmatch("".join(parts), resource) is not None
