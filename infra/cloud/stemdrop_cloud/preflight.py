"""Preflight checks of all prerequisites of a deployment."""

import os
import re
import socket
import subprocess
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from stemdrop.errors import SetupError
from stemdrop_cloud import parameters

ROOT = Path(__file__).resolve().parents[3]
TOKEN = "AccessToken"  # noqa: S105  # the parameter's name
OURS = "SeparateMemoryMb"  # a parameter that identifies stemdrop's stacks
# Names of buckets begin with it, and have at most 63 characters.
STACK_NAME = re.compile(r"[a-z][a-z0-9-]{0,26}")
TIMEOUT_S = 60
# A stack in one of these states can only be deleted.
DEAD = {"ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED"}
# Outputs of the stack of infra/bootstrap.yaml to options of `sam deploy`.
BOOTSTRAP = {
    "ArtifactsBucket": "--s3-bucket",
    "ImageRepositoryUri": "--image-repository",
    "ExecutionRoleArn": "--role-arn",
}


@dataclass(frozen=True, slots=True)
class StackState:
    """A CloudFormation stack; one that doesn't exist has the status "new"."""

    status: str = "new"
    parameters: Mapping[str, str] = field(default_factory=dict)
    outputs: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class DeploymentPlan:
    """A deployment, as far as its problems allow it to be described.

    Attributes
    ----------
    options : Options of `sam deploy`.
    values : Parameters of the template without the access token.
    problems : One sentence for each prerequisite that is missing or wrong.
    """

    name: str
    region: str = ""
    account: str = ""
    stack: StackState = StackState()
    options: Sequence[str] = ()
    values: dict[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def check(environment: str, name: str, given: str, sam: Path) -> DeploymentPlan:
    """Check everything that a deployment needs.

    Parameters
    ----------
    environment : Environment of samconfig.toml.
    name : Name of the stack.
    given : Parameters of the template, as `Name=value ...`.
    sam : Path of SAM's command line.
    """
    deployment = DeploymentPlan(name)
    settings: dict[str, Any] = {}
    overrides: dict[str, str] = {}
    bootstrap = StackState()
    with _collecting(deployment.problems):
        settings = _load_settings(environment)
    with _collecting(deployment.problems):
        overrides = parameters.parse([*settings.get("parameter_overrides", []), given])
    with _collecting(deployment.problems):
        deployment.region = boto3.Session().region_name or ""
        if not deployment.region:
            raise SetupError("There is no AWS region: name one, as in REGION=eu-central-1.")
        deployment.account = client("sts", deployment.region).get_caller_identity()["Account"]
        deployment.stack = find_stack(name, deployment.region)
        bootstrap = find_stack(f"{name}-bootstrap", deployment.region)
    boundary = bootstrap.outputs.get("PermissionsBoundaryArn")
    overrides = {**({"PermissionsBoundary": boundary} if boundary else {}), **overrides}
    declared = parameters.load_declared(ROOT / "template.yaml")
    deployment.options = _options(environment, name, bootstrap)
    deployment.values = parameters.in_force(declared, deployment.stack.parameters, overrides)
    deployment.problems += [
        *_local_problems(sam),
        *stack_problems(name, deployment.stack),
        *parameters.find_problems(declared, deployment.values),
    ]
    return deployment


def client(service: str, region: str) -> Any:
    """Return a client of one of AWS's services."""
    make: Any = boto3.client  # only S3's and SQS's have types here
    return make(service, region_name=region)


def find_stack(name: str, region: str) -> StackState:
    """Return a stack as it is deployed."""
    try:
        found = client("cloudformation", region).describe_stacks(StackName=name)["Stacks"][0]
    except ClientError as error:
        if "does not exist" in str(error):
            return StackState()
        raise
    if found["StackStatus"] == "REVIEW_IN_PROGRESS":  # its first change set wasn't executed
        return StackState()
    given = {each["ParameterKey"]: each["ParameterValue"] for each in found.get("Parameters", [])}
    outputs = {each["OutputKey"]: each["OutputValue"] for each in found.get("Outputs", [])}
    return StackState(found["StackStatus"], given, outputs)


def stack_problems(name: str, stack: StackState) -> Iterator[str]:
    """Yield why a stack can't be created or updated."""
    if not STACK_NAME.fullmatch(name):
        yield (
            f"A stack can't be called {name!r}: use at most 27 lower-case letters, digits and"
            " dashes, a letter first."
        )
    if stack.status != "new" and OURS not in stack.parameters:
        yield f"The stack {name} exists and isn't stemdrop's: use another STACK."
    elif stack.status in DEAD:
        yield f"The stack {name} is {stack.status}: delete it with `make destroy STACK={name}`."
    elif stack.status == "UPDATE_ROLLBACK_FAILED":
        yield (
            f"The stack {name} is {stack.status}: run `aws cloudformation"
            f" continue-update-rollback --stack-name {name}`."
        )
    elif stack.status.endswith("_IN_PROGRESS"):
        yield f"The stack {name} is {stack.status}: wait until that has ended."


@contextmanager
def _collecting(problems: list[str]) -> Iterator[None]:
    try:
        yield
    except SetupError as error:
        problems.append(error.message)
    except (BotoCoreError, ClientError) as error:
        said = " ".join(str(error).split()).rstrip(".")
        problems.append(f"AWS can't be used: {said}. Check `aws sts get-caller-identity`.")


def _load_settings(environment: str) -> dict[str, Any]:
    try:
        document = tomllib.loads((ROOT / "samconfig.toml").read_text())
    except (OSError, ValueError) as error:
        raise SetupError(f"samconfig.toml can't be read: {error}.") from error
    known = [name for name, each in document.items() if isinstance(each, dict) and "deploy" in each]
    if environment not in known:
        raise SetupError(f"samconfig.toml has no {environment!r}: use {', '.join(known)}.")
    settings: dict[str, Any] = document[environment].get("global", {}).get("parameters", {})
    return settings


def _local_problems(sam: Path) -> Iterator[str]:
    try:
        subprocess.run([sam, "--version"], check=True, capture_output=True, timeout=TIMEOUT_S)
    except (OSError, subprocess.SubprocessError):
        yield "The SAM command line doesn't start: delete .venv-sam and run `make deploy` again."
    host = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
    scheme, _, path = host.partition("://")
    with socket.socket(socket.AF_UNIX) as asking:
        if scheme == "unix" and asking.connect_ex(path):
            yield (
                f"No container engine answers at {host}: start Docker, or Podman's service, and set"
                " DOCKER_HOST if its socket is elsewhere."
            )


def _options(environment: str, name: str, bootstrap: StackState) -> list[str]:
    pairs = [(option, bootstrap.outputs.get(output)) for output, option in BOOTSTRAP.items()]
    words = [word for option, value in pairs if value for word in (option, value)]
    config = environment.removesuffix("-bootstrap") + ("-bootstrap" if words else "")
    file = str(ROOT / "samconfig.toml")
    named = ["--stack-name", name, "--s3-prefix", name]
    return ["--config-file", file, "--config-env", config, *named, *words]
