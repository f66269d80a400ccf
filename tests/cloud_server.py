"""AWS for the tests of infra/cloud: moto's server in a process of its own, over real HTTP."""

import http.client
import io
import json
import os
import socket
import subprocess
import sys
import zipfile
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import boto3
from stemdrop_local.intrinsics import REGION
from stemdrop_local.runtime.processes import Companion
from stemdrop_local.template import ROOT, TEMPLATE

from stemdrop_local.ports import LOOPBACK

PACKAGES = "code"
INVOCATIONS = "/stemdrop-tests/invocations"
TRANSFORM = Path(__file__).with_name("sam_transform.py")
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}
TOKEN = "a-token-of-the-tests-0123456789abcdef"  # noqa: S105  # of no real stack
TIMEOUT_S = 200


class CloudServer:
    """A context manager that runs the server.

    Parameters
    ----------
    log : the file for its output.
    """

    def __init__(self, log: Path) -> None:
        self.log = log
        self._process: Companion | None = None
        self._port = 0

    def __enter__(self) -> Self:
        with socket.create_server((LOOPBACK, 0)) as listening:
            self._port = listening.getsockname()[1]
            fd = listening.fileno()
            script = str(Path(__file__).with_name("cloud_process.py"))
            self._process = Companion(
                [sys.executable, script, str(fd)], self.log, inherited_fds=[fd]
            )
        self.call("/moto-api/data.json")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._process:
            self._process.stop()

    @property
    def url(self) -> str:
        """Return its address."""
        return f"http://{LOOPBACK}:{self._port}"

    def call(self, path: str, method: str = "GET") -> bytes:
        """Return an answer of the server."""
        address = (LOOPBACK, self._port)
        with closing(http.client.HTTPConnection(*address, timeout=TIMEOUT_S)) as connection:
            connection.request(method, path)
            return connection.getresponse().read()

    def reset(self) -> None:
        """Start again with an empty account."""
        self.call("/moto-api/reset", "POST")

    def invocations(self) -> list[dict[str, str]]:
        """Return what Lambda has been asked for since the server started."""
        asked: list[dict[str, str]] = json.loads(self.call(INVOCATIONS))
        return asked

    def put_packages(self) -> None:
        """Put what `packaged_template` names where it says."""
        s3 = self.client("s3")
        s3.create_bucket(Bucket=PACKAGES, CreateBucketConfiguration={"LocationConstraint": REGION})
        package = io.BytesIO()
        with zipfile.ZipFile(package, "w") as archive:
            archive.writestr("handler.py", "")
        s3.put_object(Bucket=PACKAGES, Key="package.zip", Body=package.getvalue())

    def create_stack(self, name: str, template: str, **options: Any) -> dict[str, str]:
        """Create a stack of template.yaml, and return its outputs."""
        parameters = [{"ParameterKey": "AccessToken", "ParameterValue": TOKEN}]
        cloudformation = self.client("cloudformation")
        cloudformation.create_stack(
            StackName=name, TemplateBody=template, Parameters=parameters, **options
        )
        return self.outputs(name)

    def outputs(self, name: str) -> dict[str, str]:
        """Return the outputs of a stack."""
        stacks = self.client("cloudformation").describe_stacks(StackName=name)["Stacks"]
        return {each["OutputKey"]: each["OutputValue"] for each in stacks[0]["Outputs"]}

    def client(self, service: str) -> Any:
        """Return a client."""
        make: Any = boto3.client
        return make(
            service,
            endpoint_url=self.url,
            region_name=REGION,
            **{name.lower(): value for name, value in CREDENTIALS.items()},
        )


def variables(url: str, **more: str) -> dict[str, str]:
    """Return the environment of a command that takes a server for AWS."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return {
        **kept,
        **CREDENTIALS,
        "AWS_ENDPOINT_URL": url,
        "AWS_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        **more,
    }


def run(
    command: str, *arguments: str, environment: Mapping[str, str], **options: Any
) -> subprocess.CompletedProcess[str]:
    """Run a command of stemdrop_cloud to its end."""
    return subprocess.run(
        words(command, *arguments),
        env=dict(environment),
        cwd=ROOT,
        check=False,
        text=True,
        timeout=TIMEOUT_S,
        **({"stdin": subprocess.DEVNULL, "capture_output": True} | options),
    )


def words(command: str, *arguments: str) -> Sequence[str]:
    """Return the command line of a command of stemdrop_cloud."""
    return [sys.executable, "-m", f"stemdrop_cloud.{command}", *arguments]


def transform(template: str, parameters: Mapping[str, str] | None = None) -> str:
    """Return a template after SAM's transform, which only .venv-sam has."""
    return subprocess.run(
        [ROOT / ".venv-sam" / "bin" / "python", TRANSFORM],
        input=json.dumps({"template": template, "parameters": dict(parameters or {})}),
        check=True,
        text=True,
        stdout=subprocess.PIPE,
    ).stdout


def packaged_template() -> str:
    """Return template.yaml as `sam package` leaves it: with addresses in place of folders."""
    lines = []
    for line in TEMPLATE.read_text().splitlines():
        key = line.strip().partition(":")[0]
        if key == "TemplateURL":
            line = line.partition(":")[0] + ": https://s3.amazonaws.com/code/monitoring.yaml"
        if key in {"CodeUri", "ContentUri"}:
            line = line.partition(":")[0] + ": s3://code/package.zip"
        lines.append(line)
        if key == "PackageType":
            image = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/stemdrop:onnx"
            lines.append(line.partition("PackageType")[0] + f"ImageUri: {image}")
    return "\n".join(lines)
