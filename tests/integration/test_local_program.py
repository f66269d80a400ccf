"""The program behind `make local`: started, interrupted, killed and started again."""

import os
import signal
import socket
from pathlib import Path

import httpx
import pytest

from integration.processes_of import descendants, ends
from local_stack import TOKEN, Program, drop
from stemdrop.jobs import Job, Status
from stemdrop_local.ports import LOOPBACK
from uploads import samples

SONGS = 4
# Long enough to be at work on when the program ends.
LONG_S = 30.0
RUNS = "stemdrop runs at"


def url_of(program: Program) -> str:
    program.transcript.wait(RUNS)
    return program.transcript.text.split(RUNS)[1].split(",")[0].strip()


def bearer(folder: Path) -> dict[str, str]:
    token = (folder / ".stemdrop" / "token").read_text().strip()
    return {"Authorization": f"Bearer {token}"}


def unfinished(folder: Path) -> list[Path]:
    """Return the files that were begun: of the outbox, and of the embedded S3."""
    kept = folder / ".stemdrop" / "objects" / "unfinished"
    return [*(folder / "stems").rglob(".*"), *(kept.iterdir() if kept.exists() else ())]


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_in_order_in_the_middle_of_its_work(how: signal.Signals, tmp_path: Path) -> None:
    drop(tmp_path, "song.wav", seed=0, duration_s=LONG_S)
    with Program(tmp_path) as program:
        program.transcript.wait(RUNS)
        program.transcript.wait("working .*song.wav")
        below = descendants(program.pid)
        assert program.end(how) == 0, program.transcript.text
        assert all(ends(pid) for pid in below), below
    assert not unfinished(tmp_path)
    assert program.transcript.count("ends .*with the next start") == 1
    assert "Traceback" not in program.transcript.text


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_songs_at_work_are_finished_after_a_restart(how: signal.Signals, tmp_path: Path) -> None:
    names = [f"{number}.wav" for number in range(SONGS)]
    for seed, name in enumerate(names):
        drop(tmp_path, name, seed, duration_s=LONG_S if seed == 2 else 0.3)
    with Program(tmp_path) as program:
        program.transcript.wait("working .*/2.wav")
        below = descendants(program.pid)
        program.end(how)
        assert all(ends(pid) for pid in below), below
    assert not (tmp_path / "stems" / "2.wav").exists()
    token = (tmp_path / ".stemdrop" / "token").read_text()
    with Program(tmp_path) as again:
        again.transcript.wait("saved ", times=SONGS - program.transcript.count("saved "))
        assert program.transcript.count("dropped") + again.transcript.count("dropped") == SONGS
        assert (tmp_path / ".stemdrop" / "token").read_text() == token
        assert again.end(signal.SIGINT) == 0
    for name in names:
        folder = tmp_path / "stems" / name
        assert Job.from_json((folder / "job.json").read_bytes()).status is Status.DONE
        stem, song = folder / "vocals.wav", tmp_path / "drop" / name
        assert len(samples(stem.read_bytes())) == len(samples(song.read_bytes()))
    assert "Traceback" not in again.transcript.text


def test_no_credential_is_told_after_the_welcome(tmp_path: Path) -> None:
    drop(tmp_path, "song.wav", seed=0)
    song = (tmp_path / "drop" / "song.wav").read_bytes()
    with Program(tmp_path) as program:
        url, header = url_of(program), bearer(tmp_path)
        order = {"filename": "song.wav", "size_bytes": len(song), "codec": "flac"}
        job = httpx.post(f"{url}/jobs", headers=header, json=order).json()
        upload = job["upload"]
        httpx.put(upload["url"], headers=upload["headers"], content=song).raise_for_status()
        program.transcript.wait(f"done .*{job['key']}")
        stem = httpx.get(f"{url}/jobs/{job['id']}/stems/vocals", headers=header)
        assert httpx.get(stem.headers["Location"]).content.startswith(b"fLaC")
        program.transcript.wait("S3 .*vocals.flac: 200")
        assert program.end(signal.SIGINT) == 0
    told = program.transcript.text.split("/options\n")[1]
    told += "".join(log.read_text() for log in (tmp_path / ".stemdrop" / "logs").iterdir())
    assert f"POST /{job['key'].partition('/')[0]}" in told
    for secret in (
        header["Authorization"].split()[1],
        "X-Amz-",
        "x-amz-",
    ):
        assert secret not in told


def test_it_ends_with_the_embedded_s3(tmp_path: Path) -> None:
    with Program(tmp_path) as program:
        program.transcript.wait(RUNS)
        below = descendants(program.pid)
        (server,) = [pid for pid, words in below.items() if "s3.process" in words]
        os.kill(server, signal.SIGKILL)
        assert program.end() == 1
        assert all(ends(pid) for pid in below), below
    last = program.transcript.text.splitlines()[-1]
    assert last == "stemdrop: The embedded S3 has gone: see .stemdrop/logs."
    assert "Traceback" not in program.transcript.text


def test_what_is_done_stays_done_over_a_restart(tmp_path: Path) -> None:
    drop(tmp_path, "a b.wav", seed=0)
    with Program(tmp_path) as program:
        program.transcript.wait("saved ")
        program.end(signal.SIGKILL)
    with Program(tmp_path) as again:
        view = httpx.get(f"{url_of(again)}/drop/a%20b.wav", headers=bearer(tmp_path)).json()
        assert view["status"] == "done"
        for stem in view["stems"]:
            saved = tmp_path / "stems" / "a b.wav" / f"{stem['stem']}.wav"
            assert httpx.get(stem["url"]).content == saved.read_bytes()
        drop(tmp_path, "other.wav", seed=1)
        again.transcript.wait("saved .*/other.wav")
        assert again.transcript.count("(dropped|working|saved) .*a b.wav") == 0


def test_the_token_it_prints_lets_in_and_no_other(tmp_path: Path) -> None:
    with Program(tmp_path) as program:
        url = url_of(program)
        token = (tmp_path / ".stemdrop" / "token").read_text().strip()
        assert token in program.transcript.text
        assert (tmp_path / ".stemdrop" / "token").stat().st_mode & 0o777 == 0o600
        known, unknown = (
            httpx.get(f"{url}/options", headers={"Authorization": f"Bearer {sent}"}).status_code
            for sent in (token, token[::-1])
        )
        assert (known, unknown) == (200, 401)
        program.transcript.wait("API .*GET /options: 401")


def test_a_token_of_ones_own_is_taken_and_not_kept(tmp_path: Path) -> None:
    with Program(tmp_path, environment={**os.environ, "STEMDROP_TOKEN": TOKEN}) as program:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        assert httpx.get(f"{url_of(program)}/options", headers=headers).status_code == 200
    assert not (tmp_path / ".stemdrop" / "token").exists()


@pytest.mark.parametrize("token", ["short", "with a space, but more than 32 characters", ""])
def test_a_token_that_is_none_is_told(token: str, tmp_path: Path) -> None:
    with Program(tmp_path, environment={**os.environ, "STEMDROP_TOKEN": token}) as program:
        assert program.end() == 1
    assert program.transcript.text.startswith("stemdrop: STEMDROP_TOKEN is no token")


def test_a_token_file_that_has_none_is_told(tmp_path: Path) -> None:
    (tmp_path / ".stemdrop").mkdir()
    (tmp_path / ".stemdrop" / "token").touch()
    with Program(tmp_path) as program:
        assert program.end() == 1
    assert program.transcript.text.startswith("stemdrop: There is no token in .stemdrop/token:")


def test_a_taken_port_is_told_in_a_sentence(tmp_path: Path) -> None:
    with socket.create_server((LOOPBACK, 0)) as taken:
        port = taken.getsockname()[1]
        with Program(tmp_path, "--port", str(port)) as program:
            assert program.end() == 1
    assert program.transcript.text == (
        f"stemdrop: Port {port} is taken: end what listens there, or choose another one with "
        f"PORT={port + 1}.\n"
    )


def test_a_data_folder_in_use_is_told_in_a_sentence(tmp_path: Path) -> None:
    with Program(tmp_path) as first:
        first.transcript.wait(RUNS)
        with Program(tmp_path) as second:
            assert second.end() == 1
        assert second.transcript.text.startswith("stemdrop: The data folder")
        assert second.transcript.text.count("\n") == 1
        assert first.end(signal.SIGINT) == 0


@pytest.mark.parametrize("songs", ["0", "-1", "many"])
def test_songs_are_separated_one_at_a_time_or_more(songs: str, tmp_path: Path) -> None:
    with Program(tmp_path, "--songs", songs) as program:
        assert program.end() == 2
    assert f"argument --songs: {songs} is not 1 or more" in program.transcript.text


def test_a_machine_without_models_is_told_in_a_sentence(tmp_path: Path) -> None:
    with Program(tmp_path, "--models", str(tmp_path / "none")) as program:
        assert program.end() == 1
    assert program.transcript.text.endswith(": run `make models`.\n")
