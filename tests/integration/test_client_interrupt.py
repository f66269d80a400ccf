"""`stemdrop submit` in a separate process: interruption, resumption and a real terminal."""

import os
import pty
import re
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fake_server import TOKEN, FakeResponse, FakeServer
from stemdrop.options import Options
from stemdrop_cli.api_client import ApiClient
from stemdrop_cli.display import LineRow
from stemdrop_cli.job_client import JobClient, Session
from stemdrop_cli.retries import StopEvent
from stemdrop_cli.transfers import Transfers

CODE = "from stemdrop_cli.main import main; raise SystemExit(main())"
COMMAND = [sys.executable, "-W", "error", "-c", CODE]
SONG = os.urandom(3_000_000)
WAIT_S = 30.0


class PausedRequest:
    """A fault that pauses a request until the test releases it."""

    def __init__(self) -> None:
        self.arrived = threading.Event()
        self.released = threading.Event()

    def __call__(self, act: Callable[[], FakeResponse]) -> FakeResponse:
        self.arrived.set()
        self.released.wait(WAIT_S)
        return act()


@pytest.fixture
def fake(tmp_path: Path) -> Iterator[FakeServer]:
    with FakeServer() as fake:
        (tmp_path / "My song.mp3").write_bytes(SONG)
        yield fake


@pytest.fixture
def paused() -> Iterator[PausedRequest]:
    paused = PausedRequest()
    yield paused
    paused.released.set()


def start(folder: Path, fake: FakeServer, *arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [*COMMAND, "submit", *arguments],
        cwd=folder,
        env=os.environ | {"STEMDROP_URL": fake.url, "STEMDROP_TOKEN": TOKEN},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def interrupt(process: "subprocess.Popen[str]", number: signal.Signals) -> list[str]:
    """End a process by a signal, and return its final messages."""
    began_s = time.monotonic()
    process.send_signal(number)
    try:
        _, errors = process.communicate(timeout=WAIT_S)
    finally:
        process.kill()
    assert process.returncode == 130
    assert time.monotonic() - began_s < 10
    assert "Traceback" not in errors
    return errors[errors.index("stemdrop: Interrupted") :].splitlines()


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_interrupted_song_is_resumed(
    fake: FakeServer, tmp_path: Path, paused: PausedRequest, number: signal.Signals
) -> None:
    fake.inject("GET", "/jobs/.*", paused)
    process = start(tmp_path, fake, "My song.mp3", "-o", "my stems")
    assert paused.arrived.wait(WAIT_S)
    paused.released.set()
    (job_id,) = fake.jobs
    fake.polls_until_done = 10**6
    printed = interrupt(process, number)
    again = f"stemdrop submit --url {fake.url} -o 'my stems' --resume {job_id}"
    assert printed == [
        "stemdrop: Interrupted; unfinished files are removed.",
        f"stemdrop: To resume: {again}",
    ]
    fake.polls_until_done = 0
    resumed = start(tmp_path, fake, *shlex.split(again)[2:])
    resumed.communicate(timeout=WAIT_S)
    assert resumed.returncode == 0
    stems = {f"my stems/My song/{stem}.wav" for stem in ("vocals", "accompaniment")}
    assert files(tmp_path) == {"My song.mp3", *stems}
    assert fake.count_requests("PUT", "/uploads/.*") == 1


def test_interrupted_download_leaves_no_files(
    fake: FakeServer, tmp_path: Path, paused: PausedRequest
) -> None:
    fake.inject("GET", "/results/.*/accompaniment", paused)
    process = start(tmp_path, fake, "My song.mp3")
    assert paused.arrived.wait(WAIT_S)
    assert list(tmp_path.rglob("*.wav"))
    printed = interrupt(process, signal.SIGINT)
    assert printed[1].endswith(f"--resume {next(iter(fake.jobs))}")
    assert files(tmp_path) == {"My song.mp3"}


def test_job_id_is_kept_before_the_upload_is_reported(fake: FakeServer, tmp_path: Path) -> None:
    """A Ctrl-C after the line "uploaded as job" finds the job's ID."""
    events: list[str] = []

    class RecordedRow(LineRow):
        def note(self, text: str) -> None:
            events.append(text)

    with ApiClient(fake.url, TOKEN) as api, Transfers() as transfers:
        client = JobClient(
            Session(api, transfers, StopEvent(), 0.0), RecordedRow("song", quiet=False)
        )
        client.submit(tmp_path / "My song.mp3", Options(), events.append)
    (job_id,) = fake.jobs
    assert events[-2:] == [job_id, f"uploaded as job {job_id}"]


def test_interruption_lists_songs_to_submit_again(
    fake: FakeServer, tmp_path: Path, paused: PausedRequest
) -> None:
    fake.inject("PUT", "/uploads/.*", paused)
    process = start(tmp_path, fake, "My song.mp3", "other.mp3", "--parallel", "1")
    assert paused.arrived.wait(WAIT_S)
    printed = interrupt(process, signal.SIGINT)
    assert printed[1:] == ["stemdrop: Not uploaded, so submit again: 'My song.mp3' other.mp3"]


def test_songs_whose_paths_need_them_are_to_be_submitted_again(
    fake: FakeServer, tmp_path: Path, paused: PausedRequest
) -> None:
    fake.inject("GET", "/jobs/.*", paused)
    layout = "{index} {filename}/{instrument}.{codec}"
    process = start(tmp_path, fake, "My song.mp3", "-f", layout)
    assert paused.arrived.wait(WAIT_S)
    (hint,) = interrupt(process, signal.SIGINT)[1:]
    assert hint.startswith("stemdrop: To resume, run this command again")
    resumed = start(tmp_path, fake, "--resume", *fake.jobs, "-f", layout)
    _, errors = resumed.communicate(timeout=WAIT_S)
    assert resumed.returncode == 2
    assert "submit the songs again instead" in errors


def test_hanging_server_can_be_interrupted(
    fake: FakeServer, tmp_path: Path, paused: PausedRequest
) -> None:
    fake.inject("GET", "/options", paused)
    process = start(tmp_path, fake, "My song.mp3")
    assert paused.arrived.wait(WAIT_S)
    printed = interrupt(process, signal.SIGINT)
    assert printed[1:] == ["stemdrop: Not uploaded, so submit again: 'My song.mp3'"]


def test_terminal_shows_bars_and_keeps_lines(fake: FakeServer, tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    environment = os.environ | {"STEMDROP_TOKEN": TOKEN, "TERM": "xterm", "COLUMNS": "100"}
    process = subprocess.Popen(
        [*COMMAND, "submit", "My song.mp3", "missing.mp3", "--url", fake.url],
        cwd=tmp_path,
        env=environment,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    screen = b""
    while chunk := _read(ours):
        screen += chunk
    os.close(ours)
    assert process.wait(WAIT_S) == 1
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", screen.decode())
    assert re.search(r"My song.mp3 +separating +━+.* 50% 0:1\d left", plain)
    lines = [line.strip() for line in re.split(r"[\r\n]+", plain)]
    assert "stemdrop: missing.mp3: There is no such file." in lines
    stems = "stems/My song/vocals.wav, stems/My song/accompaniment.wav"
    assert any(re.fullmatch(rf"My song.mp3: done in [\d.]+ s: {stems}", line) for line in lines)


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 1 << 16)
    except OSError:  # on Linux, if the other side is closed
        return b""
