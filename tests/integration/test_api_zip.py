"""What SAM builds of the API function and its layer is all that Lambda has, and enough."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from stemdrop_local.runtime.environment import lambda_environment
from stemdrop_local.template import Application, read_application

TOKEN = "t" * 32
# Source: the quotas of AWS Lambda, for a function and its layers, unzipped.
MAX_BYTES = 250 << 20
CALL = """
import json, sys
sys.path[:0] = sys.argv[2:]
from stemdrop_api.handler import handler

class Context:
    function_name = "stemdrop-api"
    memory_limit_in_mb = 1024
    invoked_function_arn = "arn:aws:lambda:eu-central-1:123456789012:function:stemdrop-api"
    aws_request_id = "request"

answer = handler(json.loads(sys.argv[1]), Context())
ours = [module for name, module in sys.modules.items() if name.startswith("stemdrop")]
print(json.dumps({"answer": answer, "files": [module.__file__ for module in ours]}))
"""


@pytest.fixture(scope="module")
def built(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of what `sam build` makes, from an empty cache."""
    folder = tmp_path_factory.mktemp("sam")
    sam = str(root / ".venv-sam/bin/sam")
    subprocess.run(
        [sam, "build", "ApiFunction", "--build-dir", folder / "build", "--cache-dir", folder / "c"],
        cwd=root,
        env=os.environ | {"SAM_CLI_TELEMETRY": "0", "HOME": str(folder)},
        check=True,
        capture_output=True,
    )
    return folder / "build"


def call(built: Path, method: str, path: str, **headers: str) -> dict[str, Any]:
    """Answer a call in a process that sees the standard library and the zips, nothing else."""
    event = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": "",
        "headers": {"host": "api.example", "x-forwarded-proto": "https", **headers},
        "requestContext": {
            "http": {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "::1"},
            "requestId": "request",
            "stage": "$default",
        },
        "isBase64Encoded": False,
    }
    application: Application = read_application(parameters={"AccessToken": TOKEN})
    environment = lambda_environment(application.api, "http://127.0.0.1:9")
    folders = [str(built / "ApiFunction"), str(built / "CoreLayer" / "python")]
    base = Path(sys._base_executable)  # type: ignore[attr-defined]  # an interpreter without packages
    run = subprocess.run(
        [base, "-I", "-S", "-c", CALL, json.dumps(event), *folders],
        env=environment | dict(application.api.environment),
        check=True,
        capture_output=True,
        text=True,
    )
    found: dict[str, Any] = json.loads(run.stdout.splitlines()[-1])
    assert all(file.startswith(str(built)) for file in found["files"])
    answer: dict[str, Any] = found["answer"]
    return answer


def test_the_zip_answers(built: Path) -> None:
    assert call(built, "GET", "/healthz")["statusCode"] == 200
    assert call(built, "GET", "/options")["statusCode"] == 401
    answer = call(built, "GET", "/options", authorization=f"Bearer {TOKEN}")
    assert answer["statusCode"] == 200
    assert json.loads(answer["body"])["retention_days"] == 7


def test_the_zip_has_what_the_page_of_the_docs_loads(built: Path) -> None:
    assert call(built, "GET", "/docs")["statusCode"] == 200


def test_the_zip_is_small(built: Path) -> None:
    size_bytes = sum(file.stat().st_size for file in built.rglob("*") if file.is_file())
    assert size_bytes < MAX_BYTES / 4
