"""Cross-origin requests, as S3 answers them by the rules of a bucket.

Source: "Using cross-origin resource sharing" in the Amazon S3 user guide.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from stemdrop_local.s3.refusals import RefusedError, malformed

Rule = Mapping[str, Any]
Headers = list[tuple[str, str]]

VARY = "Origin, Access-Control-Request-Headers, Access-Control-Request-Method"
NOT_ALLOWED = (
    "CORSResponse: This CORS request is not allowed. This is usually because the evalution of "
    "Origin, request method / Access-Control-Request-Method or Access-Control-Request-Headers "
    "are not whitelisted by the resource's CORS spec."
)


def answer_preflight(rules: Sequence[Rule], headers: Mapping[str, str]) -> Headers:
    """Return the headers that let a browser send what it asks for.

    Parameters
    ----------
    rules : of the bucket, as S3's API has them.
    headers : of the request, names in lower case.

    Raises
    ------
    RefusedError : no rule allows it.
    """
    origin = headers.get("origin")
    method = headers.get("access-control-request-method")
    if not origin:
        raise malformed("BadRequest", "Insufficient information. Origin request header needed.")
    if not method:
        raise malformed("BadRequest", "Invalid Access-Control-Request-Method: null")
    if not rules:
        raise _forbidden("CORSResponse: CORS is not enabled for this bucket.", method)
    asked = headers.get("access-control-request-headers", "").lower().split(",")
    wanted = [name.strip() for name in asked if name.strip()]
    rule = _first(rules, origin, method, wanted)
    if not rule:
        raise _forbidden(NOT_ALLOWED, method)
    allowed = [("Access-Control-Allow-Headers", ", ".join(wanted))] if wanted else []
    return [*_headers(rule, origin), *allowed]


def answer_request(rules: Sequence[Rule], method: str, headers: Mapping[str, str]) -> Headers:
    """Return the headers that let a page read an answer; without a rule, none that does."""
    origin = headers.get("origin")
    rule = _first(rules, origin, method, []) if origin else None
    vary = [("Vary", VARY)] if rules else []
    return [*_headers(rule, origin), *vary] if rule and origin else vary


def _first(rules: Iterable[Rule], origin: str, method: str, wanted: Sequence[str]) -> Rule | None:
    """Find the rule that counts: the first one that allows everything."""
    for rule in rules:
        allowed = [name.lower() for name in rule.get("AllowedHeaders", [])]
        if (
            any(_matches(pattern, origin) for pattern in rule["AllowedOrigins"])
            and method in rule["AllowedMethods"]
            and all(any(_matches(pattern, name) for pattern in allowed) for name in wanted)
        ):
            return rule
    return None


def _matches(pattern: str, value: str) -> bool:
    """Compare with a pattern, in which one ``*`` stands for anything."""
    begin, star, end = pattern.partition("*")
    if not star:
        return value == pattern
    fits = len(value) >= len(begin) + len(end)
    return fits and value.startswith(begin) and value.endswith(end)


def _headers(rule: Rule, origin: str) -> Headers:
    anyone = "*" in rule["AllowedOrigins"]
    headers = [
        ("Access-Control-Allow-Origin", "*" if anyone else origin),
        ("Access-Control-Allow-Methods", ", ".join(rule["AllowedMethods"])),
    ]
    if not anyone:
        headers.append(("Access-Control-Allow-Credentials", "true"))
    if exposed := rule.get("ExposeHeaders"):
        headers.append(("Access-Control-Expose-Headers", ", ".join(exposed)))
    if max_age_s := rule.get("MaxAgeSeconds"):
        headers.append(("Access-Control-Max-Age", str(max_age_s)))
    return headers


def _forbidden(message: str, method: str) -> RefusedError:
    return RefusedError("AccessForbidden", message, Method=method, ResourceType="OBJECT")
