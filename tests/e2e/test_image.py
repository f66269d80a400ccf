"""The images contain only required files and work for any user."""

import json
import re
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from benchmarks.lambda_container import INVOCATIONS
from benchmarks.lambda_limits import LambdaLimits
from benchmarks.lambda_run import separator_variables
from stemdrop_containers.engine import ROOT, ContainerEngine
from stemdrop_containers.image import size_bytes

# 2stems only. Every other model is as large as its weights.
LARGEST_BYTES = 500_000_000
LARGEST_LOCAL_BYTES = 670_000_000
LOCKS = (
    "functions/separate/requirements.txt",
    "infra/local/image.txt",
)
ANYBODY = [
    *("--read-only", "--tmpfs", "/tmp:rw,size=64m", "--network", "none"),  # noqa: S108 - the container's
    *("--user", "12345:54321", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"),
]
PYTHON = "/opt/venv/bin/python"
# Modules that the functions import, and those for the deployment of the local stack.
SERVICES = {
    *("s3", "sns", "sqs", "sts", "transcribe"),
    *("apigateway", "apigatewayv2", "cloudformation", "iam", "lambda", "logs"),
}
INVENTORY = """
import importlib.util, json, sys
from pathlib import Path
wanted = sys.argv[1].split()
site = Path(next(path for path in sys.path if "site-packages" in path))
sources = sorted(Path("/var/task").rglob("*.py"))
compiled = [Path(importlib.util.cache_from_source(path)) for path in sources]
print(json.dumps({
    "modules": [name for name in wanted if importlib.util.find_spec(name)],
    "models": sorted(path.name for path in Path("/opt/models").iterdir()),
    "services": sorted(path.name for path in site.glob("botocore/data/*") if path.is_dir()),
    "stack": [name for name in ("/opt/local", "/opt/stemdrop") if Path(name).exists()],
    "tests": [str(path) for path in site.rglob("tests")],
    "sources": len(sources),
    "unchecked": sum(path.read_bytes()[4] == 1 for path in compiled),
}))
"""


def inspect(engine: ContainerEngine, image: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(engine.run("image", "inspect", image).stdout)[0]
    return found


def environment() -> list[str]:
    """Return the options with which a container has the function's environment."""
    buckets = {"UPLOADS_BUCKET": "none", "STEMS_BUCKET": "none"}
    variables = {**LambdaLimits().variables, **separator_variables(), **buckets}
    return [word for name, value in variables.items() for word in ("--env", f"{name}={value}")]


def test_image_is_small(engine: ContainerEngine, image: str) -> None:
    assert size_bytes(engine, image) < LARGEST_BYTES


def test_local_image_is_small(engine: ContainerEngine, local_image: str) -> None:
    assert size_bytes(engine, local_image) < LARGEST_LOCAL_BYTES


def test_image_contains_only_required_files(engine: ContainerEngine, image: str) -> None:
    superfluous = "pip setuptools tensorflow spleeter onnx ministack fastapi rich model"
    command = [*ANYBODY, "--entrypoint", PYTHON, image, "-c", INVENTORY]
    needed = "numpy onnxruntime stemdrop stemdrop_separate awslambdaric"
    said = engine.run("run", "--rm", *command, f"{needed} {superfluous}").stdout
    inventory = json.loads(said)
    assert inventory["modules"] == needed.split()
    assert inventory["models"] == [
        *("2stems.blocked8.kernels", "2stems.blocked8.onnx"),
        *("2stems.check.npz", "2stems.json", "2stems.onnx"),
    ]
    assert set(inventory["services"]) == SERVICES
    assert inventory["stack"] == inventory["tests"] == []
    assert inventory["unchecked"] == inventory["sources"] > 30


def test_any_user_encodes_every_format_on_read_only_root(
    engine: ContainerEngine, image: str
) -> None:
    # `env -u`, as an engine sets HOME by itself
    command = ["--entrypoint", "/usr/bin/env", image, "-u", "HOME", PYTHON]
    options = [*ANYBODY, *environment()]
    engine.run("run", "--rm", *options, *command, "-m", "stemdrop_separate.smoke", timeout=120)


def test_image_labels_describe_contents(engine: ContainerEngine, image: str) -> None:
    inspected = inspect(engine, image)
    labels = inspected["Config"]["Labels"]
    assert labels["stemdrop.models"] == "2stems"
    assert labels["stemdrop.backend"] == "onnx"
    assert labels["org.opencontainers.image.title"] == "stemdrop"
    assert not inspected["Config"].get("User")


@pytest.fixture
def function(engine: ContainerEngine, image: str) -> Iterator[str]:
    """Return the name of a container as `docker run IMAGE` starts it, outside of Lambda."""
    name = f"stemdrop-{uuid4().hex[:12]}"
    options = ["--detach", "--name", name, *ANYBODY, *environment()]
    engine.run("run", *options, image)
    yield name
    engine.run("rm", "--force", "--time", "0", name)


def test_image_runs_handler_outside_lambda(engine: ContainerEngine, function: str) -> None:
    ask = f"""
import json, time, urllib.request
EVENT = b'{{"Records": []}}'
def ask(until=time.monotonic() + 60):
    while True:
        try:
            return urllib.request.urlopen("http://127.0.0.1:8080{INVOCATIONS}", EVENT).read()
        except OSError:
            if time.monotonic() > until: raise
            time.sleep(0.1)
print(json.loads(ask()))
"""
    assert engine.run("exec", function, "python", "-c", ask, timeout=120).stdout.strip() == "{}"


@pytest.mark.parametrize(("fixture", "folder"), [("image", "venv"), ("local_image", "local")])
def test_image_has_only_locked_packages(
    engine: ContainerEngine, fixture: str, folder: str, request: pytest.FixtureRequest
) -> None:
    code = (
        "from importlib.metadata import distributions\n"
        "print(*(f'{found.name}=={found.version}' for found in distributions()))"
    )
    alone = ("--rm", "--network", "none", "--entrypoint", f"/opt/{folder}/bin/python")
    installed = engine.run(
        "run", *alone, request.getfixturevalue(fixture), "-c", code
    ).stdout.split()
    locks = "".join((ROOT / name).read_text() for name in LOCKS).lower()
    assert len(installed) > 10
    for package in installed:
        name, _, version = package.partition("==")
        pattern = rf"^{re.sub('[-_.]+', '[-_.]+', name.lower())}=={re.escape(version)} "
        assert re.search(pattern, locks, re.MULTILINE), package
