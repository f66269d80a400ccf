"""The policy of a form: what S3 lets a browser upload with it.

Source: "POST Policy" in the Amazon S3 API reference. That the bucket needs a condition, too, and
what S3 says where the reference doesn't, is what users of it report (aws/aws-sdk-php 3292).
"""

import base64
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from stemdrop_local.s3.refusals import RefusedError, malformed

SIZE = "content-length-range"
FREE = {"policy", "x-amz-signature", "file"}
FREE_PREFIX = "x-ignore-"


@dataclass(frozen=True, slots=True)
class SizeRange:
    """How many bytes a file may have."""

    min_bytes: int = 0
    max_bytes: int = 5 << 30

    def require(self, size_bytes: int) -> None:
        """Refuse a file of another size.

        Raises
        ------
        RefusedError : it is too small, or too large already.
        """
        if size_bytes > self.max_bytes:
            raise malformed(
                "EntityTooLarge",
                "Your proposed upload exceeds the maximum allowed size",
                ProposedSize=size_bytes,
                MaxSizeAllowed=self.max_bytes,
            )
        if size_bytes < self.min_bytes:
            raise malformed(
                "EntityTooSmall",
                "Your proposed upload is smaller than the minimum allowed size",
                ProposedSize=size_bytes,
                MinSizeAllowed=self.min_bytes,
            )


def check_policy(policy: str, fields: Mapping[str, str], now: datetime) -> SizeRange:
    """Hold a form against its policy, and return the sizes that it allows.

    Parameters
    ----------
    policy : in base64.
    fields : all of the form but the file, and the bucket; names in lower case.

    Raises
    ------
    RefusedError : the policy can't be read, has expired, or forbids a field or doesn't mention it.
    """
    expiration, conditions = _read(policy)
    if now >= expiration:
        raise _contradiction("Policy expired.")
    covered, size = _check_conditions(conditions, fields)
    extra = sorted(
        name for name in fields.keys() - covered - FREE if not name.startswith(FREE_PREFIX)
    )
    if extra:
        raise _contradiction(f"Extra input fields: {', '.join(extra)}")
    return size


def _read(policy: str) -> tuple[datetime, list[Any]]:
    try:
        document = json.loads(base64.b64decode(policy, validate=True))
        expiration = datetime.fromisoformat(document["expiration"])
        conditions = document["conditions"]
    except (ValueError, KeyError, TypeError) as error:
        raise malformed("InvalidPolicyDocument", "Invalid Policy: Invalid JSON.") from error
    if expiration.tzinfo is None or not isinstance(conditions, list):
        raise malformed("InvalidPolicyDocument", "Invalid Policy: Invalid 'expiration' value.")
    return expiration.astimezone(UTC), conditions


def _check_conditions(
    conditions: Iterable[Any], fields: Mapping[str, str]
) -> tuple[set[str], SizeRange]:
    covered = set()
    size = SizeRange()
    for condition in conditions:
        match condition:
            case [str(word), int(low), int(high)] if word.lower() == SIZE:
                size = SizeRange(max(low, size.min_bytes), min(high, size.max_bytes))
            case [str(word), str(name), str(wanted)] if name.startswith("$"):
                covered.add(_check(word.lower(), name[1:], wanted, fields))
            case dict() if len(condition) == 1:
                for name, wanted in condition.items():
                    covered.add(_check("eq", name, wanted, fields))
            case _:
                raise _failure(condition)
    return covered, size


def _check(word: str, name: str, wanted: Any, fields: Mapping[str, str]) -> str:
    """Check one condition, and return the name of the field that it is about."""
    value = fields.get(name.lower(), "")
    if word == "eq" and value == wanted:
        return name.lower()
    if word == "starts-with" and value.startswith(wanted):
        return name.lower()
    raise _failure([word, f"${name}", wanted])


def _failure(condition: Any) -> RefusedError:
    return _contradiction(f"Policy Condition failed: {json.dumps(condition)}")


def _contradiction(what: str) -> RefusedError:
    return RefusedError("AccessDenied", f"Invalid according to Policy: {what}")
