"""Modules that the API loads at a cold start: few, and none of the separator."""

import json
import subprocess
import sys
from typing import Any

LIMIT_S = 1.0
# The separator and its dependencies, other HTTP servers and clients, and test tools.
NEEDLESS = {
    "stemdrop_separate",
    "stemdrop_cli",
    "stemdrop_local",
    "numpy",
    "scipy",
    "onnxruntime",
    "imageio_ffmpeg",
    "tensorflow",
    "spleeter",
    "model",
    "fastapi_swagger",
    "uvicorn",
    "httpx",
    "requests",
    "werkzeug",
    "ministack",
    "rich",
    "jinja2",
    "multipart",
    "pytest",
}
LOAD = """
import json, sys, time
import stemdrop_api.handler
seconds = time.process_time()
print(json.dumps([seconds, sorted({name.partition(".")[0] for name in sys.modules})]))
"""


def load(environment: dict[str, str]) -> tuple[float, set[str]]:
    """Return the processor time and the modules of a fresh process."""
    command = [sys.executable, "-W", "error", "-c", LOAD]
    output: list[Any] = json.loads(subprocess.check_output(command, env=environment, timeout=60))
    return output[0], set(output[1])


def test_cold_start_is_quick_and_loads_no_unused_package(api_environment: dict[str, str]) -> None:
    """Other processes can slow it down, so the fastest run counts."""
    seconds, modules = load(api_environment)
    assert {"stemdrop", "stemdrop_api", "fastapi", "mangum", "boto3"} <= modules
    assert NEEDLESS.isdisjoint(modules)
    assert seconds < LIMIT_S or any(load(api_environment)[0] < LIMIT_S for _ in range(4))
