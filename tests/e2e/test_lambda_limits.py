"""A container of the image has the limits of Lambda."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.lambda_container import InvocationError, LambdaContainer, run_function
from benchmarks.lambda_limits import LambdaLimits
from stemdrop_containers.engine import ContainerEngine

HANDLERS = Path(__file__).with_name("handlers")
INSIDE = "/var/probe"
LIMITS = LambdaLimits(memory_mb=1769, timeout_s=60, storage_mb=512)
COMMAND = ("/opt/entrypoint.sh", "lambda_probe.handler")


@pytest.fixture(scope="module")
def function(
    engine: ContainerEngine, image: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LambdaContainer]:
    """Run the handler of the tests in the image."""
    log = tmp_path_factory.mktemp("probe") / "function.log"
    path, volumes = {"PYTHONPATH": INSIDE}, {HANDLERS: INSIDE}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOMEBODYS_TOKEN", "secret")
        patch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
        with run_function(engine, image, LIMITS, path, log, COMMAND, volumes) as function:
            yield function


def ask(function: LambdaContainer, wish: str) -> Any:
    return function.invoke({"do": wish})


def test_user_is_unknown_and_has_no_capabilities(function: LambdaContainer) -> None:
    seen = ask(function, "describe")
    assert (seen["user"], seen["name"]) == ([993, 990], None)
    assert [int(mask, 16) for mask in seen["capabilities"]] == [0] * 5
    assert seen["no_new_privileges"] == "1"


def test_function_sees_its_own_limits(function: LambdaContainer) -> None:
    seen = ask(function, "describe")
    assert seen["memory_mb"] == LIMITS.memory_mb
    assert 0 < seen["remaining_ms"] <= LIMITS.timeout_s * 1000
    assert seen["tmp_bytes"] == LIMITS.storage_mb << 20
    assert seen["files"] == [1024, 1024]
    assert seen["processors"] == min(2, len(os.sched_getaffinity(0)))


def test_environment_has_no_variable_of_this_machine(function: LambdaContainer) -> None:
    environment = ask(function, "describe")["environment"]
    assert environment["LAMBDA_TASK_ROOT"] == "/var/task"
    assert environment["MODEL_DIR"] == "/opt/models"
    assert environment["PATH"].startswith("/opt/venv/bin:")
    assert not {"SOMEBODYS_TOKEN", "HTTPS_PROXY"} & environment.keys()


def test_only_tmp_is_writable(function: LambdaContainer) -> None:
    writable = ask(function, "write")
    assert "/tmp" in writable  # noqa: S108
    # Queues of messages are not on a disk; engines differ in whether they are there.
    assert [name for name in writable if not name.startswith(("/tmp", "/dev/mqueue"))] == []  # noqa: S108


def test_tmp_has_the_given_size(function: LambdaContainer) -> None:
    assert ask(function, "fill") == LIMITS.storage_mb


def test_processes_share_no_memory(function: LambdaContainer) -> None:
    assert ask(function, "share") == "FileNotFoundError"


def test_number_of_threads_is_limited(function: LambdaContainer) -> None:
    assert 900 < ask(function, "swarm") < 1024


def test_process_that_exceeds_its_memory_is_killed_and_the_next_event_works(
    function: LambdaContainer,
) -> None:
    with pytest.raises(InvocationError, match="killed") as caught:
        ask(function, "swell")
    assert caught.value.kind == "Runtime.ExitError"
    assert ask(function, "describe")["memory_mb"] == LIMITS.memory_mb
