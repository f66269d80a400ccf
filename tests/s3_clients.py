"""Third-party S3 clients, configured with an endpoint and credentials only."""

import hashlib
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from stemdrop_local.deployment import ROOT
from stemdrop_local.emulator import REGION
from stemdrop_local.emulator_process import EmulatorProcess

PROGRAMS = ROOT / ".venv" / "bin"
NODE = ROOT / ".venv-node" / "bin" / "node"
AWS = ROOT / ".venv-sam" / "bin" / "aws"
SCRIPT = ROOT / "tests" / "clients_js" / "client.js"
TIMEOUT_S = 60


@dataclass(frozen=True, slots=True)
class S3Clients:
    """Runs the programs in a folder, without a user's configuration.

    Attributes
    ----------
    folder : Home and working folder of the programs.
    environment : Environment variables of the programs.
    """

    folder: Path
    environment: Mapping[str, str]

    def run(self, *command: str, stdin: bytes | None = None) -> str:
        """Run a program, require that it succeeds, and return its output."""
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment,
            input=stdin,
            capture_output=True,
            timeout=TIMEOUT_S,
            check=False,
        )
        assert done.returncode == 0, (command, done.stdout, done.stderr)
        return done.stdout.decode()

    def aws(self, *arguments: str) -> str:
        """Run `aws s3`."""
        return self.run(str(AWS), "s3", *arguments)

    def s3cmd(self, *arguments: str) -> str:
        """Run `s3cmd`."""
        return self.run(str(PROGRAMS / "s3cmd"), *arguments)

    def rclone(self, *arguments: str, stdin: bytes | None = None) -> str:
        """Run `rclone`, whose remote is named `s3`."""
        return self.run("rclone", *arguments, stdin=stdin)

    def node(self, action: str, bucket: str, key: str, path: Path | None = None) -> str:
        """Run an action of client.js."""
        return self.run(str(NODE), str(SCRIPT), action, bucket, key, str(path))

    def file(self, name: str, size_bytes: int) -> Path:
        """Return a new file of random bytes."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(os.urandom(size_bytes))
        return path


def create_clients(folder: Path, emulator: EmulatorProcess) -> S3Clients:
    """Return the programs, configured for the emulator."""
    host = emulator.endpoint_url.removeprefix("http://")
    remote = {
        "TYPE": "s3",
        "PROVIDER": "Other",
        "ENV_AUTH": "true",
        "ENDPOINT": emulator.endpoint_url,
        "REGION": REGION,
    }
    config = {
        "access_key": emulator.credentials["AWS_ACCESS_KEY_ID"],
        "secret_key": emulator.credentials["AWS_SECRET_ACCESS_KEY"],
        "bucket_location": REGION,
        "host_base": host,
        "host_bucket": host,
        "use_https": "False",
    }
    lines = [f"{name} = {value}" for name, value in config.items()]
    (folder / ".s3cfg").write_text("\n".join(["[default]", *lines]))
    environment = {
        "PATH": os.defpath,
        "HOME": str(folder),
        "LANG": "C.UTF-8",
        "AWS_ENDPOINT_URL": emulator.endpoint_url,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
        **emulator.credentials,
        **{f"RCLONE_CONFIG_S3_{name}": value for name, value in remote.items()},
    }
    return S3Clients(folder, environment)


def digest(path: Path) -> str:
    """Return the SHA-256 of a file's bytes."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
