"""The image in a container has what it has in Lambda, and no more."""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from stemdrop_local.runtime.emulator import Emulator
from stemdrop_local.runtime.outcome import Ending
from stemdrop_local.template import Application

from stemdrop_containers.engine import Engine
from stemdrop_containers.function import Container, limits

HANDLERS = Path(__file__).with_name("handlers")
INSIDE = "/var/probe"
MEMORY_MB = 1769
STORAGE_MB = 512
TIMEOUT_S = 60


@pytest.fixture(scope="module")
def emulator(
    engine: Engine, image: str, application: Application, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Emulator]:
    """Run a handler of the tests' own in the image."""
    function = replace(
        application.function,
        memory_mb=MEMORY_MB,
        storage_mb=STORAGE_MB,
        timeout_s=TIMEOUT_S,
    )
    log = tmp_path_factory.mktemp("probe") / "function.log"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOMEBODYS_TOKEN", "secret")
        patch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
        container = Container(engine, image, {HANDLERS: INSIDE})
        path = {"PYTHONPATH": INSIDE}
        with Emulator(
            function, "http://127.0.0.1:9", log, path, "lambda_probe.handler", container
        ) as emulator:
            yield emulator


def ask(emulator: Emulator, wish: str) -> Any:
    outcome = emulator.invoke({"do": wish})
    assert outcome.succeeded, outcome
    return outcome.payload


def test_the_function_is_nobody_and_may_do_nothing_special(emulator: Emulator) -> None:
    seen = ask(emulator, "describe")
    assert seen["user"] == [993, 990]
    assert seen["name"] is None
    assert [int(mask, 16) for mask in seen["capabilities"]] == [0] * 5
    assert seen["no_new_privileges"] == "1"


def test_the_function_sees_its_own_limits(emulator: Emulator) -> None:
    seen = ask(emulator, "describe")
    assert seen["memory_mb"] == MEMORY_MB
    assert 0 < seen["remaining_ms"] <= TIMEOUT_S * 1000
    assert seen["tmp_bytes"] == STORAGE_MB << 20
    assert seen["files"] == [1024, 1024]
    assert seen["processors"] == min(2, len(os.sched_getaffinity(0)))


def test_the_environment_is_lambdas_and_the_images(emulator: Emulator) -> None:
    environment = ask(emulator, "describe")["environment"]
    assert environment["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] == str(MEMORY_MB)
    assert environment["AWS_LAMBDA_FUNCTION_TIMEOUT"] == str(TIMEOUT_S)
    assert environment["LAMBDA_TASK_ROOT"] == "/var/task"
    assert environment["MODEL_DIR"] == "/opt/models"
    assert environment["PATH"].startswith("/opt/venv/bin:")
    assert emulator.function.environment.items() <= environment.items()
    assert not {"SOMEBODYS_TOKEN", "HTTPS_PROXY"} & environment.keys()


def test_nothing_can_be_written_but_tmp(emulator: Emulator) -> None:
    writable = ask(emulator, "write")
    assert "/tmp" in writable  # noqa: S108
    # Queues of messages are not on a disk; engines differ in whether they are there.
    assert [name for name in writable if not name.startswith(("/tmp", "/dev/mqueue"))] == []  # noqa: S108


def test_tmp_is_as_large_as_the_template_says(emulator: Emulator) -> None:
    assert ask(emulator, "fill") == STORAGE_MB


def test_processes_share_no_memory(emulator: Emulator) -> None:
    assert ask(emulator, "share") == "FileNotFoundError"


def test_there_are_only_so_many_threads(emulator: Emulator) -> None:
    assert 900 < ask(emulator, "swarm") < 1024


def test_who_takes_more_memory_than_there_is_is_killed_and_the_next_event_works(
    emulator: Emulator,
) -> None:
    outcome = emulator.invoke({"do": "swell"})
    assert outcome.ending is Ending.CRASHED
    assert "killed" in outcome.payload["errorMessage"]
    assert ask(emulator, "describe")["memory_mb"] == MEMORY_MB


@pytest.mark.parametrize(
    ("memory_mb", "cores", "share", "chosen"),
    [
        (1769, 2, 1.0, None),
        (3008, 2, 1.7, None),
        (10240, 2, 2.0, None),
        (1769, 8, 1.0, 2),
        (5307, 8, 3.0, 3),
        (10240, 64, 5.789, 6),
        (10240, 1, 1.0, None),
    ],
)
def test_processors_come_with_memory(
    application: Application, memory_mb: int, cores: int, share: float, chosen: int | None
) -> None:
    words = limits(replace(application.function, memory_mb=memory_mb), range(cores))
    named = dict(word.split("=", 1) for word in words if not word.startswith("--ulimit"))
    assert float(named["--cpus"]) == share
    assert named["--memory"] == named["--memory-swap"] == f"{memory_mb}m"
    assert len(named.get("--cpuset-cpus", "").split(",")) == (chosen or 1)
    assert ("--cpuset-cpus" in named) == (chosen is not None)
