"""Fixtures for more than one folder of tests; only what a test asks for is made."""

import signal
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from stemdrop_local.s3.server import S3Server
from stemdrop_local.stack import Stack, create_stack
from stemdrop_local.template import ROOT, Application, read_application


def pytest_configure() -> None:
    """Let the programs that tests start be interrupted.

    A shell starts what runs in its background with SIGINT ignored, and nohup what it runs with
    SIGHUP ignored; programs inherit that.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(scope="session")
def root() -> Path:
    """Return the repository's folder."""
    return ROOT


@pytest.fixture(scope="session")
def application() -> Application:
    """Return what template.yaml describes."""
    return read_application()


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """Run one embedded S3 for all tests; use `stack` unless the test is about the server."""
    with S3Server(tmp_path_factory.mktemp("s3") / "s3.log") as server:
        yield server


@pytest.fixture
def stack(s3_server: S3Server, application: Application) -> Iterator[Stack]:
    """Return the application's buckets and queues, empty, over real HTTP."""
    s3_server.reset()
    with create_stack(s3_server, application) as stack:
        yield stack


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
