"""Fixtures for more than one folder of tests; only what a test asks for is made."""

import gc
import os
import signal
import sys
from collections import Counter, defaultdict
from collections.abc import Generator, Iterator
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import settings as hypothesis_settings
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

from lambda_environment import disable_event_source
from stemdrop_local.deployment import ROOT, Deployment, Stack, deploy
from stemdrop_local.emulator_process import EmulatorProcess
from stemdrop_local.ports import LOOPBACK, listen

SECRET = "the-secret-access-key-of-the-tests-40-ch"  # noqa: S105
TOKEN = "a-token-of-the-tests.0123456789~+/="  # noqa: S105
TENSORFLOW = {"test_cli_backends.py", "test_model_proof.py", "test_parity.py"}
# Tests of the page that take half of the time of all of them.
PAGE_HALF = {
    "test_access.py",
    "test_library.py",
    "test_lyrics.py",
    "test_player.py",
    "test_reload.py",
}
# Files with the longest tests begin first, so that no process is left with one of them at the end.
FOLDERS = ("page", "integration", "template", "unit")
# Examples of a property; the nightly workflow has more. Time proves nothing on shared processors.
EXAMPLES = int(os.environ.get("EXAMPLES", "40"))

hypothesis_settings.register_profile("stemdrop", max_examples=EXAMPLES, deadline=None)
hypothesis_settings.load_profile("stemdrop")


def pytest_configure() -> None:
    """Let the programs that tests start be interrupted, and keep compiled code.

    A shell starts what runs in its background with SIGINT ignored, and nohup what it runs with
    SIGHUP ignored; programs inherit that. The tests start hundreds of programs: each would compile
    all that it imports where PYTHONDONTWRITEBYTECODE is set, TensorFlow in five seconds.
    """
    sys.dont_write_bytecode = False
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Don't look for garbage in modules and tests, which stay, and seldom in what they make.

    Collecting it took a second before the first test, and a twelfth of the tests' time.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.set_threshold(50_000)
        gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort the tests by the time that their files take."""
    items.sort(key=_order)


class Scheduler(LoadFileScheduling):  # type: ignore[misc]  # it has no types
    """Runs each file's tests in one process, but some files together.

    TensorFlow takes gigabytes, which a process doesn't give back. A browser and a stack for the
    page take eight processor seconds to start.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = Path(super()._split_scope(nodeid))
        if file.name in TENSORFLOW:
            return "tensorflow"
        if file.parent.name == "page":
            return f"page {file.name in PAGE_HALF}"
        return str(file)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Scheduler:
    """Return the scheduler of a run in several processes."""
    return Scheduler(config, log)


def _order(item: pytest.Item) -> tuple[bool, int]:
    folder = item.path.parent.name
    order = FOLDERS.index(folder) if folder in FOLDERS else len(FOLDERS)
    return item.path.name not in TENSORFLOW, order


def pytest_timeout_set_timer(item: pytest.Item, settings: Any) -> bool:
    """Fail a test that takes too long, at the line where it hangs.

    The plugin's own timer also prints the stacks of all threads, which are thousands of lines.
    """

    def fail(*_: object) -> None:
        pytest.fail(f"The test took longer than {settings.timeout:.0f} s.")

    def cancel() -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)

    item.cancel_timeout = cancel  # type: ignore[attr-defined]
    signal.signal(signal.SIGALRM, fail)
    signal.setitimer(signal.ITIMER_REAL, settings.timeout)
    return True


@pytest.fixture(scope="session", autouse=True)
def certificates_read_once() -> Iterator[None]:
    """Let all clients of httpx share the certificate authorities, which take 25 ms to read."""
    with pytest.MonkeyPatch.context() as patch:
        read_once = cache(httpx.create_ssl_context)
        patch.setattr("httpx._transports.default.create_ssl_context", read_once)
        yield


@pytest.fixture(scope="session")
def root() -> Path:
    """Return the repository's folder."""
    return ROOT


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmulatorProcess]:
    """Run one local AWS for all tests that share it."""
    with (
        closing(listen(LOOPBACK, 0)) as listening,
        EmulatorProcess(listening, tmp_path_factory.mktemp("emulator"), SECRET) as emulator,
    ):
        yield emulator


@pytest.fixture(scope="session")
def deployed(emulator: EmulatorProcess) -> Stack:
    """Return the deployed template, whose function receives no messages: tests do its work."""
    stack = deploy(emulator, Deployment({"AccessToken": TOKEN}))
    disable_event_source(emulator)
    return stack


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Tell how many tests of each folder passed and failed, and how long they took."""
    counts: Counter[tuple[str, str]] = Counter()
    seconds: defaultdict[str, float] = defaultdict(float)
    for reports in terminalreporter.stats.values():
        for report in reports:
            if isinstance(report, pytest.TestReport):
                folder = report.nodeid.split("/")[1]
                counts[folder, report.outcome] += report.when == "call" or report.failed
                seconds[folder] += report.duration
    terminalreporter.section("what ran")
    for folder in sorted(seconds):
        passed, failed = counts[folder, "passed"], counts[folder, "failed"]
        terminalreporter.write_line(
            f"{folder:<12} {passed:>5} passed, {failed} failed, in {seconds[folder]:.0f} s"
        )
