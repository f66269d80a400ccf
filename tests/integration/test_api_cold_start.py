"""Modules that the API loads at a cold start: few, and none of the separator."""

import json
import subprocess
import sys
from typing import Any

import pytest

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


@pytest.fixture(scope="module")
def loaded(api_environment: dict[str, str]) -> list[tuple[float, set[str]]]:
    """Return the processor time and the modules of a few fresh processes."""
    command = [sys.executable, "-W", "error", "-c", LOAD]

    def load() -> tuple[float, set[str]]:
        output: list[Any] = json.loads(
            subprocess.check_output(command, env=api_environment, timeout=60)
        )
        return output[0], set(output[1])

    return [load() for _ in range(5)]


def test_cold_start_loads_no_unused_package(loaded: list[tuple[float, set[str]]]) -> None:
    modules = loaded[0][1]
    assert {"stemdrop", "stemdrop_api", "fastapi", "mangum", "boto3"} <= modules
    assert NEEDLESS.isdisjoint(modules)


def test_handler_loads_within_a_second(loaded: list[tuple[float, set[str]]]) -> None:
    """Other processes can slow it down, so the fastest run counts."""
    assert min(seconds for seconds, _ in loaded) < LIMIT_S
