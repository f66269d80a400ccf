"""Handlers run under the real runtime interface emulator and client, as in Lambda."""

import json
import os
import platform
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stemdrop_local.runtime import place
from stemdrop_local.runtime.emulator import Emulator
from stemdrop_local.runtime.outcome import Ending, read_answer
from stemdrop_local.runtime.place import EmulatorError, find_emulator
from stemdrop_local.template import Application

from integration.processes_of import descendants, ends

HERE = str(Path(__file__).parent)
ENDPOINT_URL = "http://127.0.0.1:9"


def make(
    application: Application,
    folder: Path,
    handler: str = "local_handlers.handler",
    timeout_s: int = 30,
) -> Emulator:
    function = replace(application.function, timeout_s=timeout_s)
    environment = {"PYTHONPATH": HERE, "SIGNAL": str(folder / "signal"), "BACKEND": "tensorflow"}
    return Emulator(function, ENDPOINT_URL, folder / "emulator.log", environment, handler)


@pytest.fixture(scope="module")
def emulator(
    application: Application, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Emulator]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_PROFILE", "somebody")
        patch.setenv("SOMEBODYS_TOKEN", "secret")
        with make(application, tmp_path_factory.mktemp("emulator")) as emulator:
            yield emulator


def test_the_handler_sees_what_lambda_would_show_it(
    emulator: Emulator, application: Application
) -> None:
    outcome = emulator.invoke({"do": "describe"})
    seen = outcome.payload
    assert outcome.succeeded
    assert seen["function_name"] == application.function.name
    assert seen["memory_mb"] == application.function.memory_mb
    assert 0 < seen["remaining_ms"] <= 30_000
    environment = seen["environment"]
    expected = {**application.function.environment, "BACKEND": "tensorflow"}
    assert expected.items() <= environment.items()
    assert environment["AWS_ENDPOINT_URL_S3"] == ENDPOINT_URL
    assert environment["AWS_ENDPOINT_URL_SNS"] == ENDPOINT_URL
    assert environment["AWS_REGION"] == environment["AWS_DEFAULT_REGION"] == "eu-central-1"
    assert environment["AWS_LAMBDA_FUNCTION_TIMEOUT"] == "30"


def test_nothing_of_our_own_environment_goes_along(emulator: Emulator) -> None:
    environment = emulator.invoke({"do": "describe"}).payload["environment"]
    assert not {"AWS_PROFILE", "SOMEBODYS_TOKEN", "HOME"} & environment.keys()
    assert environment["AWS_SHARED_CREDENTIALS_FILE"] == os.devnull


def test_a_second_event_finds_the_same_process(emulator: Emulator) -> None:
    first, second = (emulator.invoke({"do": "describe"}).payload for _ in range(2))
    assert first["pid"] == second["pid"]
    assert first["started_at"] == second["started_at"]


@pytest.mark.parametrize(
    "event", [None, [], {}, {"a": [1.5, "ü 🎵"]}, "Task timed out", "x" * 10**6]
)
def test_what_the_handler_returns_comes_back(emulator: Emulator, event: object) -> None:
    outcome = emulator.invoke(event)
    assert outcome.ending is Ending.RETURNED
    assert outcome.payload == event


def test_an_exception_is_told(emulator: Emulator) -> None:
    outcome = emulator.invoke({"do": "raise"})
    assert outcome.ending is Ending.RAISED
    assert not outcome.succeeded
    assert outcome.payload["errorType"] == "ValueError"
    assert outcome.payload["errorMessage"] == "no luck"
    assert "local_handlers.py" in outcome.payload["stackTrace"][-1]


@pytest.mark.parametrize(("wish", "reason"), [("exit", "exit status 3"), ("die", "killed")])
def test_a_crash_is_told_and_the_next_event_works(
    emulator: Emulator, wish: str, reason: str
) -> None:
    before = emulator.invoke({"do": "describe"}).payload
    outcome = emulator.invoke({"do": wish})
    after = emulator.invoke({"do": "describe"}).payload
    assert outcome.ending is Ending.CRASHED
    assert outcome.payload["errorType"] == "Runtime.ExitError"
    assert reason in outcome.payload["errorMessage"]
    assert after["started_at"] > before["started_at"]


def test_an_answer_too_large_for_lambda_is_a_crash(emulator: Emulator) -> None:
    outcome = emulator.invoke("🎵" * 600_000)
    assert outcome.ending is Ending.CRASHED
    assert outcome.payload["errorType"] == "Function.ResponseSizeTooLarge"


def test_an_event_too_large_for_lambda_is_refused(emulator: Emulator) -> None:
    with pytest.raises(EmulatorError, match="too large"):
        emulator.invoke("x" * (6 << 20))


def test_events_at_the_same_time_wait_for_each_other(emulator: Emulator) -> None:
    events = [{"number": number} for number in range(8)]
    with ThreadPoolExecutor(4) as threads:
        outcomes = list(threads.map(emulator.invoke, events))
    assert [outcome.payload for outcome in outcomes] == events


def test_logs_are_kept(emulator: Emulator) -> None:
    emulator.invoke({"do": "raise"})
    text = emulator.log.read_text()
    assert "local_handlers was loaded" in text
    assert "ValueError: no luck" in text


def test_a_timeout_is_told_and_the_next_event_works(
    application: Application, tmp_path: Path
) -> None:
    with make(application, tmp_path, timeout_s=1) as emulator:
        (tmp_path / "signal").touch()
        outcome = emulator.invoke({"do": "oversleep"})
        assert outcome.ending is Ending.TIMED_OUT
        assert outcome.payload["errorType"] == "Sandbox.Timedout"
        assert "1.00 seconds" in outcome.payload["errorMessage"]
        assert emulator.invoke([1]).payload == [1]


@pytest.mark.parametrize(
    ("handler", "reason"),
    [
        ("local_broken_handler.handler", "this module can't be loaded"),
        ("no_such_module.handler", "No module named 'no_such_module'"),
        ("local_handlers.no_such_function", "no_such_function"),
    ],
)
def test_a_handler_that_does_not_load_is_a_crash(
    application: Application, tmp_path: Path, handler: str, reason: str
) -> None:
    with make(application, tmp_path, handler) as emulator:
        for _ in range(2):
            outcome = emulator.invoke({})
            assert outcome.ending is Ending.CRASHED
            assert reason in outcome.payload["errorMessage"]


def test_each_environment_has_a_tmp_of_its_own_and_leaves_nothing(
    application: Application, tmp_path: Path
) -> None:
    with make(application, tmp_path) as one, make(application, tmp_path) as other:
        folders = [
            Path(emulator.invoke({"do": "describe"}).payload["environment"]["TMPDIR"])
            for emulator in (one, other)
        ]
        below = descendants(one.pid or 0) | descendants(other.pid or 0)
        left = one.invoke({"do": "leave"}).payload
        assert len(set(folders)) == 2
        assert all(folder.is_dir() for folder in folders)
    assert not any(folder.exists() for folder in folders)
    assert below
    assert all(ends(pid) for pid in [*below, left])


def test_stopping_ends_an_invocation(application: Application, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "signal")
    with ThreadPoolExecutor(1) as thread, make(application, tmp_path) as emulator:
        running = thread.submit(emulator.invoke, {"do": "oversleep"})
        assert (tmp_path / "signal").read_text() == "asleep"
        emulator.stop()
        assert running.result().ending is Ending.CRASHED
    assert emulator.invoke({}).ending is Ending.CRASHED


def test_an_emulator_that_is_killed_starts_again_with_the_next_event(
    application: Application, tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "signal")
    with ThreadPoolExecutor(1) as thread, make(application, tmp_path) as emulator:
        leash = emulator.pid or 0
        running = thread.submit(emulator.invoke, {"do": "oversleep"})
        assert (tmp_path / "signal").read_text() == "asleep"
        below = descendants(leash)
        os.kill(min(below), signal.SIGKILL)  # the emulator; the handler is its child
        assert running.result().ending is Ending.CRASHED
        assert all(ends(pid) for pid in below)
        assert emulator.invoke([1]).payload == [1]
        assert emulator.pid != leash


def test_an_emulator_that_starts_no_more_is_a_crash(
    application: Application, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with make(application, tmp_path) as emulator:
        os.kill(min(descendants(emulator.pid or 0)), signal.SIGKILL)
        assert ends(emulator.pid or 0)
        with monkeypatch.context() as patch:
            patch.setattr(place, "find_emulator", lambda: Path("/bin/false"))
            outcome = emulator.invoke([1])
        assert outcome.ending is Ending.CRASHED
        assert "does not start" in outcome.payload["errorMessage"]
        assert emulator.invoke([1]).payload == [1]


def test_an_emulator_that_does_not_start_is_told(
    application: Application, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(place, "find_emulator", lambda: Path("/bin/false"))
    with pytest.raises(EmulatorError, match=str(tmp_path)), make(application, tmp_path):
        pass


def test_a_machine_without_an_emulator_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    assert os.access(find_emulator(), os.X_OK)
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    with pytest.raises(EmulatorError, match="riscv64"):
        find_emulator()


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda values: st.lists(values) | st.dictionaries(st.text(), values),
)


@given(json_values)
def test_any_answer_in_json_is_one_of_the_handler(value: object) -> None:
    outcome = read_answer(200, json.dumps(value).encode())
    assert (outcome.ending, outcome.payload) == (Ending.RETURNED, value)


@pytest.mark.parametrize("body", [b"", b" ", b"\xff", b"{", b'{"a": 1'])
def test_an_answer_that_is_no_json_is_a_crash(body: bytes) -> None:
    outcome = read_answer(200, body)
    assert outcome.ending is Ending.CRASHED
    assert outcome.payload["errorMessage"]


@given(st.integers(400, 599), st.binary())
def test_any_other_status_is_a_crash_with_a_description(status: int, body: bytes) -> None:
    outcome = read_answer(status, body)
    assert outcome.ending is Ending.CRASHED
    assert {"errorType", "errorMessage"} <= outcome.payload.keys()
