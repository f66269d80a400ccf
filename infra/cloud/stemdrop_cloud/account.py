"""The account and region that a command works in, and its stacks."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from stemdrop_cloud.errors import (
    NO_CREDENTIALS,
    CloudError,
    UnpreparedError,
    UnreachableError,
    translated,
)

CONFIG = Config(retries={"mode": "standard", "total_max_attempts": 5}, connect_timeout=10)
NO_REGION = (
    "No AWS region is set: name one, as in REGION=eu-central-1, or set AWS_REGION, or run"
    " `aws configure`."
)
REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-\d+")
# How template.yaml's description begins, and those of the stacks that belong to it.
DESCRIPTION = "stemdrop"


@dataclass(frozen=True, slots=True)
class Stack:
    """A CloudFormation stack as it stands."""

    id: str
    name: str
    status: str
    description: str
    parameters: dict[str, str]
    outputs: dict[str, str]
    is_protected: bool

    @property
    def is_ours(self) -> bool:
        """Return whether it was made from a template of stemdrop's."""
        return self.description.startswith(DESCRIPTION)


@dataclass(frozen=True, slots=True)
class Account:
    """An account that has been asked who we are.

    Attributes
    ----------
    id : its twelve digits.
    identity : the ARN that we work as.
    """

    session: boto3.Session
    region: str
    id: str
    identity: str

    def client(self, service: str) -> Any:
        """Return a client of one of AWS's services."""
        # Of the services here only S3 and SQS have types in the environment.
        make: Any = self.session.client
        return make(service, region_name=self.region, config=CONFIG)

    def find_stack(self, name: str) -> Stack | None:
        """Return a stack by name or id, or None."""
        try:
            found = self.client("cloudformation").describe_stacks(StackName=name)["Stacks"]
        except ClientError as error:
            if "does not exist" in str(error):
                return None
            raise
        return _stack(found[0]) if found else None

    def resources(self, stack: Stack, kind: str) -> Iterator[tuple[str, str]]:
        """Yield logical and physical id of a stack's resources of a type, those that are there."""
        pages = self.client("cloudformation").get_paginator("list_stack_resources")
        for page in pages.paginate(StackName=stack.id):
            for resource in page["StackResourceSummaries"]:
                is_there = resource["ResourceStatus"] != "DELETE_COMPLETE"
                physical = resource.get("PhysicalResourceId")
                if is_there and physical and resource["ResourceType"] == kind:
                    yield resource["LogicalResourceId"], physical


def open_account(region: str | None) -> Account:
    """Return the account that the credentials here belong to.

    Raises
    ------
    UnpreparedError : there is no region.
    DeniedError, UnreachableError : there are no credentials, or AWS doesn't take them.
    """
    try:
        session = boto3.Session()
        chosen = region or os.environ.get("AWS_REGION") or session.region_name
        if not chosen:
            missing = [] if session.get_credentials() else [NO_CREDENTIALS]
            raise UnpreparedError(NO_REGION, *missing)
        if not REGION.fullmatch(chosen):
            raise UnpreparedError(f"The region can't be {chosen!r}: write it as eu-central-1.")
        found = session.client("sts", region_name=chosen, config=CONFIG).get_caller_identity()
    except (BotoCoreError, ClientError) as error:
        raise translated(error) from error
    return Account(session, chosen, found["Account"], found["Arn"])


def require_stack(account: Account, name: str) -> Stack:
    """Return a stack that is there and stemdrop's.

    Raises
    ------
    UnreachableError : there is none of that name.
    CloudError : it is somebody else's.
    """
    stack = account.find_stack(name)
    if stack is None or stack.status == "REVIEW_IN_PROGRESS":
        raise UnreachableError(
            f"There is no stack {name} in {account.region} of account {account.id}: name it with"
            " STACK=, and its region with REGION=."
        )
    if not stack.is_ours:
        raise CloudError(f"The stack {name} is not stemdrop's: name another with STACK=.")
    return stack


def require_output(stack: Stack, name: str) -> str:
    """Return what a stack says of itself.

    Raises
    ------
    CloudError : it doesn't, because it was never finished.
    """
    if name not in stack.outputs:
        raise CloudError(
            f"The stack {stack.name} is {stack.status} and has no {name}: finish it with"
            " `make deploy`."
        )
    return stack.outputs[name]


def _stack(found: dict[str, Any]) -> Stack:
    parameters = found.get("Parameters", [])
    return Stack(
        id=found["StackId"],
        name=found["StackName"],
        status=found["StackStatus"],
        description=found.get("Description", ""),
        parameters={each["ParameterKey"]: each.get("ParameterValue", "") for each in parameters},
        outputs={each["OutputKey"]: each["OutputValue"] for each in found.get("Outputs", [])},
        is_protected=found.get("EnableTerminationProtection", False),
    )
