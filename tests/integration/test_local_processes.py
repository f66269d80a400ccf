"""No process of the embedded stack outlives the one that started it, however that one ends."""

import os
import shlex
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from stemdrop_local.runtime.processes import Companion

from integration.processes_of import descendants, ends
from stemdrop_local.ports import LOOPBACK, reserve_port

OWNER = Path(__file__).with_name("local_owner.py")
LEASH = [sys.executable, "-m", "stemdrop_local.runtime.leash"]


def test_a_reserved_port_is_for_who_asks_for_it_by_number() -> None:
    port = reserve_port()
    with socket.socket() as somebody, pytest.raises(OSError, match="in use"):
        somebody.bind((LOOPBACK, port))
    with socket.create_server((LOOPBACK, port)):
        assert reserve_port() != port


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL, signal.SIGINT])
def test_nothing_is_left_of_an_owner_that_is_killed(how: signal.Signals, tmp_path: Path) -> None:
    command = [sys.executable, str(OWNER), str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as owner:
        try:
            assert owner.stdout
            scratch = Path(owner.stdout.readline().decode().strip())
            assert scratch.is_dir()
            below = descendants(owner.pid)
            words = " ".join(below.values())
            for name in ["s3.process", "leash", "aws-lambda-rie", "awslambdaric", "time.sleep"]:
                assert name in words
            owner.send_signal(how)
            assert all(ends(pid) for pid in below), below
        finally:
            owner.kill()
    assert not scratch.exists()


def test_the_leash_ends_what_does_not_want_to_end(tmp_path: Path) -> None:
    stubborn = (
        "import signal, subprocess, sys, time;"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'],"
        " start_new_session=True);"
        "open(sys.argv[1], 'w').close(); time.sleep(600)"
    )
    ready = tmp_path / "ready"
    os.mkfifo(ready)
    process = Companion([*LEASH, sys.executable, "-c", stubborn, str(ready)], tmp_path / "log")
    ready.read_text()
    below = descendants(process.pid)
    assert len(below) == 2
    process.stop()
    assert not process.is_running
    assert all(ends(pid) for pid in below)


def test_the_leash_hands_on_the_exit_code_and_the_output() -> None:
    script = "import sys; print('out'); print('err', file=sys.stderr); sys.exit(7)"
    pipe = subprocess.PIPE
    command = [*LEASH, sys.executable, "-c", script]
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe) as leash:
        assert leash.wait() == 7
        assert leash.stdout
        assert leash.stderr
        assert (leash.stdout.read(), leash.stderr.read()) == (b"out\n", b"err\n")


def test_the_leash_cleans_up_when_all_has_ended(tmp_path: Path) -> None:
    mark = tmp_path / "it's done"
    cleaning = shlex.join([sys.executable, "-c", f"open({str(mark)!r}, 'w').close()"])
    sleeping = [sys.executable, "-c", "import time; time.sleep(600)"]
    process = Companion([*LEASH, "--finally", cleaning, *sleeping], tmp_path / "log")
    assert not mark.exists()
    process.stop()
    assert mark.exists()
