"""An AWS account to deploy into: MiniStack in a separate process, at a free loopback port."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3

ACCOUNT_ID = "123456789012"
REGION = "eu-central-1"
SERVICES = "apigateway,cloudformation,ecr,iam,lambda,logs,s3,sns,sqs,sts"
GRACE_S = 10


@dataclass(frozen=True, slots=True)
class CloudAccount:
    """Access to the account for AWS's tools and boto3."""

    url: str
    home: Path

    @property
    def variables(self) -> dict[str, str]:
        """Return environment variables that make programs use this account as AWS."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        return {
            **kept,
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_ENDPOINT_URL": self.url,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "HOME": str(self.home),
            "SAM_CLI_POLL_DELAY": "0.1",
            "SAM_CLI_TELEMETRY": "0",
        }

    def client(self, service: str) -> Any:
        """Return a client."""
        make: Any = boto3.client
        return make(
            service,
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id="testing",
            aws_secret_access_key="testing",  # noqa: S106
        )

    def parameters(self, stack: str) -> Mapping[str, str]:
        """Return the parameters of a stack."""
        found = self.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]
        return {each["ParameterKey"]: each["ParameterValue"] for each in found["Parameters"]}


@contextmanager
def cloud_account(folder: Path) -> Iterator[CloudAccount]:
    """Run an empty account, and keep everything that it writes in a folder."""
    with socket.create_server(("127.0.0.1", 0)) as listening, (folder / "log").open("w") as log:
        port, fd = listening.getsockname()[1], listening.fileno()
        # The socket already listens, so that early requests wait instead of failing.
        process = subprocess.Popen(
            [sys.executable, "-m", "hypercorn", "ministack.app:app", "--bind", f"fd://{fd}"],
            env={
                "PATH": os.defpath,
                "HOME": str(folder),
                "TMPDIR": str(folder),
                "STATE_DIR": str(folder / "state"),
                "S3_DATA_DIR": str(folder / "s3"),
                "GATEWAY_PORT": str(port),
                "MINISTACK_ACCOUNT_ID": ACCOUNT_ID,
                "MINISTACK_REGION": REGION,
                "SERVICES": SERVICES,
                "DOCKER_HOST": f"unix://{folder}/none.sock",
                # Otherwise MiniStack listens on the ports of these protocols on all interfaces.
                "IOT_MTLS_ENABLED": "0",
                "SFTP_ENABLED": "0",
            },
            pass_fds=[fd],
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        yield CloudAccount(f"http://127.0.0.1:{port}", folder)
    finally:
        process.terminate()
        try:
            process.wait(GRACE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
