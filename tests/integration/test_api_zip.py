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

from stemdrop_containers.sam.zips import ZIPS, ZipError, compile_zips

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
COMPILE = """
import builtins, json, sys
sys.path[:0] = sys.argv[1:]
compiled, compile_ = [], builtins.compile

def compile_and_tell(source, name, *arguments, **options):
    if "dont_inherit" in options:  # as imports call it; some packages only read their own sources
        compiled.append(str(name))
    return compile_(source, name, *arguments, **options)

builtins.compile = compile_and_tell
import stemdrop_api.handler
print(json.dumps(compiled))
"""
# Source: PEP 552. Bit 0: checked by a hash of the source; bit 1, which isn't set: whether it is.
UNCHECKED = (1).to_bytes(4, "little")


@pytest.fixture(scope="module")
def built(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of what is deployed: built by SAM from an empty cache, and compiled."""
    folder = tmp_path_factory.mktemp("sam")
    sam = str(root / ".venv-sam/bin/sam")
    subprocess.run(
        [sam, "build", "ApiFunction", "--build-dir", folder / "build", "--cache-dir", folder / "c"],
        cwd=root,
        env=os.environ | {"SAM_CLI_TELEMETRY": "0", "HOME": str(folder)},
        check=True,
        capture_output=True,
    )
    compile_zips(folder / "build")
    return folder / "build"


def run(built: Path, code: str, *arguments: str) -> Any:
    """Run some code where only the standard library and the zips are, and return what it prints."""
    application: Application = read_application(parameters={"AccessToken": TOKEN})
    environment = lambda_environment(application.api, "http://127.0.0.1:9")
    folders = [str(built / "ApiFunction"), str(built / "CoreLayer" / "python")]
    base = Path(sys._base_executable)  # type: ignore[attr-defined]  # an interpreter without packages
    process = subprocess.run(
        [base, "-I", "-S", "-B", "-c", code, *arguments, *folders],
        env=environment | dict(application.api.environment),
        check=True,
        capture_output=True,
        text=True,
    )
    return json.loads(process.stdout.splitlines()[-1])


def call(built: Path, method: str, path: str, **headers: str) -> dict[str, Any]:
    """Answer a call."""
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
    found = run(built, CALL, json.dumps(event))
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


def test_a_cold_start_compiles_no_file(built: Path) -> None:
    assert [name for name in run(built, COMPILE) if name.startswith(str(built))] == []


def test_compiled_files_are_checked_against_nothing_and_name_lambdas_paths(built: Path) -> None:
    for name, place in ZIPS.items():
        for path in (built / name).rglob("*.pyc"):
            body = path.read_bytes()
            assert body[4:8] == UNCHECKED, path
            source = path.parent.parent / f"{path.name.partition('.')[0]}.py"
            assert f"{place}/{source.relative_to(built / name)}".encode() in body


def test_nothing_to_compile_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ZipError, match="run `sam build` first"):
        compile_zips(tmp_path)
