"""The program behind `make local`: started, interrupted, killed and started again."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from integration.process_tree import descendants, wait_until_ended
from local_stack import TOKEN, LocalStackProcess, drop
from stemdrop.job_record import Job, Status
from uploads import samples

# Long enough to be in progress when the program ends.
LONG_S = 30.0
POLL_S = 0.1
RUNS = "stemdrop runs at"


def url_of(program: LocalStackProcess) -> str:
    program.output.wait(RUNS)
    return program.output.text.split(RUNS)[1].split(",")[0].strip()


def bearer(folder: Path) -> dict[str, str]:
    token = (folder / ".stemdrop" / "token").read_text().strip()
    return {"Authorization": f"Bearer {token}"}


def await_start(program: LocalStackProcess, folder: Path, key: str) -> None:
    """Poll the API until a job has started."""
    url, headers, seen = f"{url_of(program)}/{key}", bearer(folder), None
    while seen != Status.PROCESSING:
        assert seen != Status.DONE, "It was done before it could be interrupted."
        answer = httpx.get(url, headers=headers, timeout=60)
        seen = answer.json()["status"] if answer.status_code == 200 else None
        time.sleep(POLL_S)


def end(program: LocalStackProcess, how: signal.Signals) -> int:
    """End the program and all that it has started, and return its exit status."""
    below = descendants(program.pid)
    status = program.end(how)
    assert below
    assert all(wait_until_ended(pid) for pid in below), below
    return status


def test_killed_and_interrupted_songs_finish_after_a_restart(tmp_path: Path) -> None:
    drop(tmp_path, "a b.wav", seed=0)
    with LocalStackProcess(tmp_path) as killed:
        killed.output.wait("saved .*/a b.wav")
        drop(tmp_path, "long.wav", seed=1, duration_s=LONG_S)
        await_start(killed, tmp_path, "drop/long.wav")
        drop(tmp_path, "later.wav", seed=2)
        assert end(killed, signal.SIGKILL) == -signal.SIGKILL
    assert not list((tmp_path / "stems").rglob(".*"))
    assert not (tmp_path / "stems" / "long.wav").exists()
    token = (tmp_path / ".stemdrop" / "token").read_text()
    with LocalStackProcess(tmp_path) as interrupted:
        interrupted.output.wait("saved .*/(long|later).wav", times=2)
        drop(tmp_path, "last.wav", seed=3, duration_s=LONG_S)
        await_start(interrupted, tmp_path, "drop/last.wav")
        assert end(interrupted, signal.SIGINT) == 0
    assert interrupted.output.count("ends .*the next start finishes") == 1
    assert not (tmp_path / "stems" / "last.wav").exists()
    with LocalStackProcess(tmp_path) as again:
        again.output.wait("saved .*/last.wav")
        assert again.end(signal.SIGTERM) == 0
    told = killed.output.text + interrupted.output.text + again.output.text
    assert told.count("  dropped  ") == 4
    assert interrupted.output.count("(done|dropped|saved) .*a b.wav") == 0
    assert again.output.count("(done|dropped|saved) .*(a b|long|later).wav") == 0
    assert "Traceback" not in told
    assert (tmp_path / ".stemdrop" / "token").read_text() == token
    for name in ("a b.wav", "long.wav", "later.wav", "last.wav"):
        folder = tmp_path / "stems" / name
        assert Job.from_json((folder / "job.json").read_bytes()).status is Status.DONE
        stem, song = folder / "vocals.wav", tmp_path / "drop" / name
        assert len(samples(stem.read_bytes())) == len(samples(song.read_bytes()))


def test_program_ends_when_the_emulator_ends(tmp_path: Path) -> None:
    with LocalStackProcess(
        tmp_path, environment={**os.environ, "STEMDROP_TOKEN": TOKEN}
    ) as program:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        answer = httpx.get(f"{url_of(program)}/options", headers=headers, timeout=60)
        assert answer.status_code == 200
        below = descendants(program.pid)
        assert all(TOKEN not in words for words in below.values())
        (emulator,) = [pid for pid, words in below.items() if "stemdrop_local.emulator" in words]
        os.kill(emulator, signal.SIGKILL)
        assert program.end() == 1
        assert all(wait_until_ended(pid) for pid in below), below
    last = program.output.text.splitlines()[-1]
    assert last == "stemdrop: The local AWS has ended: see .stemdrop/emulator.log."
    assert "Traceback" not in program.output.text
    assert not (tmp_path / ".stemdrop" / "token").exists()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[LocalStackProcess, Path]]:
    folder = tmp_path_factory.mktemp("shared")
    with LocalStackProcess(folder) as program:
        url_of(program)
        yield program, folder
        assert program.end(signal.SIGTERM) == 0
    assert "Traceback" not in program.output.text


def test_only_the_printed_token_is_accepted(shared: tuple[LocalStackProcess, Path]) -> None:
    program, folder = shared
    path = folder / ".stemdrop" / "token"
    token = path.read_text().strip()
    assert path.stat().st_mode & 0o777 == 0o600
    assert token in program.output.text
    known, unknown = (
        httpx.get(
            f"{url_of(program)}/options", headers={"Authorization": f"Bearer {sent}"}, timeout=60
        )
        for sent in (token, token[::-1])
    )
    assert (known.status_code, unknown.status_code) == (200, 401)
    program.output.wait("API .*GET /options: 401")


def test_log_contains_no_credentials(shared: tuple[LocalStackProcess, Path]) -> None:
    program, folder = shared
    url, header = url_of(program), bearer(folder)
    drop(folder.parent / "elsewhere", "song.wav", seed=0)
    song = (folder.parent / "elsewhere" / "drop" / "song.wav").read_bytes()
    order = {"filename": "song.wav", "size_bytes": len(song), "codec": "flac"}
    job = httpx.post(f"{url}/jobs", headers=header, json=order, timeout=60).json()
    upload = job["upload"]
    httpx.put(upload["url"], content=song, headers=upload["headers"]).raise_for_status()
    program.output.wait(f"done .*{job['key']}")
    stem = httpx.get(f"{url}/jobs/{job['id']}/stems/vocals", headers=header, timeout=60)
    assert httpx.get(stem.headers["Location"]).content.startswith(b"fLaC")
    program.output.wait("S3 .*vocals.flac: 200")
    shown = program.output.text.split("/options\n")[1]
    assert f"PUT /stemdrop-uploads-123456789012-eu-central-1/{job['key']}" in shown
    shown += (folder / ".stemdrop" / "emulator.log").read_text()
    for secret in (header["Authorization"].split()[1], "X-Amz-Signature", "x-amz-signature"):
        assert secret not in shown


def test_taken_port_is_reported(shared: tuple[LocalStackProcess, Path], tmp_path: Path) -> None:
    port = url_of(shared[0]).rpartition(":")[2]
    with LocalStackProcess(tmp_path, "--port", port) as second:
        assert second.end() == 1
    assert second.output.text == (
        f"stemdrop: Port {port} is taken: stop what listens there, or choose another one with "
        f"PORT={int(port) + 1}.\n"
    )


def test_data_folder_in_use_is_reported(shared: tuple[LocalStackProcess, Path]) -> None:
    with LocalStackProcess(shared[1]) as second:
        assert second.end() == 1
    assert second.output.text == (
        "stemdrop: The data folder .stemdrop is in use: stop the stack that uses it.\n"
    )


def test_missing_models_are_reported(tmp_path: Path) -> None:
    with LocalStackProcess(tmp_path, "--models", str(tmp_path / "none")) as program:
        assert program.end() == 1
    assert program.output.text.endswith(": run `make models`.\n")
    assert program.output.text.count("\n") == 1
