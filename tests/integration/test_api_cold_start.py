"""Modules that the API loads at a cold start: few, and none of the separator."""

import json
import subprocess
import sys
from typing import Any

# Times the processor time of the packages alone, with a client of S3, which the handler needs, too.
MOST_TIMES = 2.0
PACKAGES = "import boto3, fastapi, mangum; boto3.client('s3')"
HANDLER = "import stemdrop_api.handler"
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
{}
seconds = time.process_time()
print(json.dumps([seconds, sorted(set(name.partition(".")[0] for name in sys.modules))]))
"""


def load(code: str, environment: dict[str, str]) -> tuple[float, set[str]]:
    """Return the processor time and the modules of a fresh process."""
    command = [sys.executable, "-W", "error", "-c", LOAD.format(code)]
    output: list[Any] = json.loads(subprocess.check_output(command, env=environment, timeout=60))
    return output[0], set(output[1])


def times(environment: dict[str, str]) -> float:
    """Return how many times the processor time of the packages alone the handler takes."""
    return load(HANDLER, environment)[0] / load(PACKAGES, environment)[0]


def test_cold_start_is_quick_and_loads_no_unused_package(api_environment: dict[str, str]) -> None:
    """Other processes can slow it down, so the fastest run counts."""
    _, modules = load(HANDLER, api_environment)
    assert {"stemdrop", "stemdrop_api", "fastapi", "mangum", "boto3"} <= modules
    assert NEEDLESS.isdisjoint(modules)
    assert any(times(api_environment) < MOST_TIMES for _ in range(5))


def test_garbage_is_not_searched_for_in_what_is_loaded(api_environment: dict[str, str]) -> None:
    count = "import gc; print(gc.get_freeze_count(), len(gc.get_objects()))"
    command = [sys.executable, "-c", f"{HANDLER}; {count}"]
    output = subprocess.check_output(command, env=api_environment, timeout=60, text=True)
    frozen, searched = map(int, output.split())
    assert frozen > 10 * searched
