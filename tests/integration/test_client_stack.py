"""`stemdrop submit` against the whole stack: API, S3, events and separator."""

import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from benchmarks.songs.song import generate
from benchmarks.songs.wav import write_wav
from captured_output import CapturedOutput
from local_stack import TOKEN, LocalStackProcess, run_stack, stack_settings
from stemdrop_cli.main import main
from stemdrop_local.ports import LOOPBACK, listen

CODE = "from stemdrop_cli.main import main; raise SystemExit(main())"
WAIT_S = 120.0
LOOK = "  API .* GET /jobs/"
DONE = "  done  .*jobs/"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, CapturedOutput, Path]]:
    """Return a running stack's URL, output and models."""
    settings = stack_settings(tmp_path_factory.mktemp("stack"))
    with run_stack(settings) as (services, output):
        yield f"http://localhost:{services.port}", output, settings.models


@pytest.fixture
def output(
    stack: tuple[str, CapturedOutput, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> CapturedOutput:
    """Configure the client for the stack, in a new folder."""
    url, output, models = stack
    monkeypatch.setenv("STEMDROP_URL", url)
    monkeypatch.setenv("STEMDROP_TOKEN", TOKEN)
    monkeypatch.setenv("MODEL_DIR", str(models))
    monkeypatch.chdir(tmp_path)
    return output


def song(name: str, duration_s: float = 1.5, seed: int = 0, gain: float = 1) -> Path:
    path = Path(name)
    write_wav(path, [gain * generate(duration_s, seed=seed).mix], bit_depth="32f")
    return path


def start(code: str, *arguments: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", code, "submit", *arguments]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)


def files(folder: str) -> dict[str, bytes]:
    paths = [path for path in Path(folder).rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


@pytest.mark.parametrize(
    "options",
    [
        "--clip scale",
        "-c flac --bit_depth 24 -s 0.5 -d 0.7001 --residual",
        "--stems vocals --bit_depth 32f",
    ],
)
@pytest.mark.usefixtures("output")
def test_stems_and_results_are_those_of_separate(
    options: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(song("ein Lied + ½ 🎵.wav", seed=len(options), gain=4))
    assert main(["submit", path, "--json", *options.split()]) == 0
    assert main(["separate", path, "--json", "-o", "here", *options.split()]) == 0
    submitted, separated = map(json.loads, capsys.readouterr().out.splitlines())
    for result in (submitted, separated):
        for name in ("job_id", "stems", "elapsed_s"):
            del result[name]
    assert submitted == separated
    assert submitted["music"]["loudness_lufs"] < 0
    assert (submitted["gain_db"] < 0) == ("scale" in options)
    assert files("stems") == files("here")
    assert files("stems")


def test_resubmitted_song_is_separated_once(output: CapturedOutput) -> None:
    song("song.wav", seed=77)
    done, uploads = output.count(DONE), output.count("PUT /stemdrop-uploads")
    assert main(["submit", "song.wav", "-o", "first", "--zip"]) == 0
    assert main(["submit", "song.wav", "-o", "second", "--zip"]) == 0
    assert output.count("PUT /stemdrop-uploads") == uploads + 1
    assert files("first") == files("second")
    assert "song/stems.zip" in files("first")
    assert main(["submit", "song.wav", "-o", "third", "-c", "mp3"]) == 0
    output.wait(DONE, done + 2)
    assert output.count(DONE) == done + 2


@pytest.mark.usefixtures("output")
def test_bad_song_does_not_stop_parallel_songs(capsys: pytest.CaptureFixture[str]) -> None:
    names = [str(song(f"{seed}.wav", seed=seed)) for seed in range(200, 203)]
    Path("bad.mp3").write_bytes(b"this is no song")
    assert main(["submit", *names, "bad.mp3", "--parallel", "4"]) == 1
    printed = capsys.readouterr()
    assert len(re.findall(": done in .*vocals.wav", printed.out)) == 3
    assert "stemdrop: bad.mp3: The file can't be read as audio" in printed.err
    assert len(files("stems")) == 6


@pytest.mark.usefixtures("output")
def test_unavailable_model_token_and_job_are_rejected(capsys: pytest.CaptureFixture[str]) -> None:
    song("song.wav", seed=5)
    assert main(["submit", "song.wav", "-p", "4stems"]) == 1
    assert "The model 4stems is not installed here" in capsys.readouterr().err
    assert main(["submit", "song.wav", "--token", f"{TOKEN}x"]) == 4
    assert main(["submit", "--resume", "0" * 32]) == 1
    assert capsys.readouterr().err.splitlines()[-1].startswith(f"stemdrop: job {'0' * 32}: ")
    assert files("stems") == {}


@pytest.mark.usefixtures("output")
def test_failed_song_has_a_documented_code(capsys: pytest.CaptureFixture[str]) -> None:
    def codes(*arguments: str) -> dict[str, str]:
        assert main([*arguments, "--json"]) == 1
        results = map(json.loads, capsys.readouterr().out.splitlines())
        return {result["song"]: result["error"]["code"] for result in results}

    Path("text.mp3").write_bytes(b"this is no song either")
    Path("empty.mp3").touch()
    song("song.wav", seed=7)
    failures = {"text.mp3": "not_audio", "empty.mp3": "empty_audio", "missing.mp3": "song"}
    assert codes("separate", *failures) == failures
    assert codes("submit", *failures) == failures
    assert codes("submit", "song.wav", "-p", "5stems") == {"song.wav": "model_unavailable"}
    assert codes("submit", "--resume", "0" * 32) == {f"job {'0' * 32}": "not_found"}


@pytest.mark.usefixtures("output")
def test_job_is_resumed_by_its_id(capsys: pytest.CaptureFixture[str]) -> None:
    song("My song.wav", seed=6)
    assert main(["submit", "My song.wav", "-c", "ogg"]) == 0
    job_id = re.search("uploaded as job ([0-9a-f]{32})", capsys.readouterr().err)
    assert job_id
    assert main(["submit", "--resume", job_id[1], "-o", "again"]) == 0
    assert files("again") == files("stems")


def test_submit_survives_restart_of_the_stack(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client reads the token from the stack's file, as with `make local`."""
    monkeypatch.chdir(tmp_path)
    song("song.wav", duration_s=20, seed=9)
    with closing(listen(LOOPBACK, 0)) as free:
        options = ["--port", str(free.getsockname()[1])]
    find = (
        "from stemdrop_cli import server_options as options; "
        "options.CHECKOUT_TOKEN = options.Path('.stemdrop/token')"
    )
    with LocalStackProcess(tmp_path, *options) as program:
        program.output.wait("stemdrop runs at")
        url = f"http://localhost:{options[1]}"
        client = start(f"{find}; {CODE}", "song.wav", "--url", url, "-o", "out")
        program.output.wait("PUT /stemdrop-uploads.*: 200")
        assert program.end(signal.SIGTERM) == 0
        assert client.stderr
        assert any("song.wav: server unavailable, retrying" in line for line in client.stderr)
    with client, LocalStackProcess(tmp_path, *options):
        _, errors = client.communicate(timeout=WAIT_S)
    assert client.returncode == 0, errors
    assert set(files("out")) == {"song/vocals.wav", "song/accompaniment.wav"}


def test_interrupted_song_is_resumed(output: CapturedOutput) -> None:
    song("long.wav", duration_s=30, seed=10)
    done, looks = output.count(DONE), output.count(LOOK)
    with start(CODE, "long.wav") as client:
        output.wait(LOOK, looks + 1)
        client.send_signal(signal.SIGINT)
        _, errors = client.communicate(timeout=WAIT_S)
    assert client.returncode == 130
    assert files("stems") == {}
    again = re.search("To resume: stemdrop (.+)", errors)
    assert again, errors
    assert main(again[1].split()) == 0
    assert set(files("stems")) == {"long/vocals.wav", "long/accompaniment.wav"}
    output.wait(DONE, done + 1)
    assert output.count(DONE) == done + 1
