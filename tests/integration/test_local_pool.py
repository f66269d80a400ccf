"""Calls of a function, shared out among its execution environments."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from stemdrop_local.http import pool as pool_module
from stemdrop_local.http.events import FunctionError
from stemdrop_local.http.gateway import RequestTooLargeError
from stemdrop_local.http.pool import Pool
from stemdrop_local.runtime.emulator import Emulator
from stemdrop_local.runtime.outcome import Ending, Outcome
from stemdrop_local.template import Application

ENDPOINT_URL = "http://127.0.0.1:9"


@contextmanager
def running(
    application: Application, folder: Path, size: int, failures: list[Outcome]
) -> Iterator[Pool]:
    environment = {"PYTHONPATH": str(Path(__file__).parent), "SIGNAL": str(folder / "signal")}
    emulators = [
        Emulator(
            application.api,
            ENDPOINT_URL,
            folder / f"{number}.log",
            environment,
            "local_handlers.handler",
        )
        for number in range(size)
    ]
    with Pool(emulators, failures.append) as pool:
        yield pool


@pytest.fixture
def failures() -> list[Outcome]:
    return []


@pytest.fixture
def pool(application: Application, tmp_path: Path, failures: list[Outcome]) -> Iterator[Pool]:
    with running(application, tmp_path, 2, failures) as pool:
        yield pool


def test_calls_one_after_the_other_find_the_same_process(pool: Pool) -> None:
    pids = {pool.invoke({"do": "describe"})["pid"] for _ in range(3)}
    assert len(pids) == 1


def test_calls_at_the_same_time_have_a_process_each(pool: Pool, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "signal")
    with ThreadPoolExecutor(2) as threads:
        listening = threads.submit(pool.invoke, {"do": "listen"})
        threads.submit(pool.invoke, {"do": "talk"})
        assert listening.result() == "hello"


def test_more_calls_than_processes_wait_for_their_turn(pool: Pool) -> None:
    events = [{"number": number} for number in range(12)]
    with ThreadPoolExecutor(6) as threads:
        assert list(threads.map(pool.invoke, events)) == events


@pytest.mark.parametrize(
    ("wish", "ending"),
    [("raise", Ending.RAISED), ("exit", Ending.CRASHED), ("die", Ending.CRASHED)],
)
def test_a_function_that_fails_is_told_and_answers_the_next_call(
    pool: Pool, failures: list[Outcome], wish: str, ending: Ending
) -> None:
    with pytest.raises(FunctionError):
        pool.invoke({"do": wish})
    assert [outcome.ending for outcome in failures] == [ending]
    assert pool.invoke({"a": 1}) == {"a": 1}


def test_an_event_too_large_for_lambda_reaches_nobody(pool: Pool, failures: list[Outcome]) -> None:
    for _ in range(3):
        with pytest.raises(RequestTooLargeError):
            pool.invoke({"body": "x" * (6 << 20)})
    assert failures == []
    assert pool.invoke({"a": 1}) == {"a": 1}


def test_nobody_waits_longer_than_the_gateway(
    application: Application, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool_module, "PATIENCE_S", 0.01)
    os.mkfifo(tmp_path / "signal")
    with running(application, tmp_path, 1, []) as pool, ThreadPoolExecutor(1) as threads:
        listening = threads.submit(pool.invoke, {"do": "listen"})
        with (tmp_path / "signal").open("w") as talking:  # the function is at work
            with pytest.raises(TimeoutError):
                pool.invoke({})
            talking.write("at last")
        assert listening.result() == "at last"
