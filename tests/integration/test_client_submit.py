"""`stemdrop submit` against a server that separates nothing; see also test_client_stack.py."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import stemdrop
from fake_server import TOKEN, FakeJob, FakeServer, respond_with
from stemdrop_cli.main import main

ID = "0123456789abcdef" * 2
SONG = os.urandom(300_001)


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[FakeServer]:
    with FakeServer() as fake:
        monkeypatch.setenv("STEMDROP_URL", fake.url)
        monkeypatch.setenv("STEMDROP_TOKEN", TOKEN)
        monkeypatch.chdir(tmp_path)
        Path("My song.mp3").write_bytes(SONG)
        yield fake


def submit(*arguments: object) -> int:
    return main(["submit", *map(str, arguments)])


def tree(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def only_job(fake: FakeServer) -> FakeJob:
    (job,) = fake.jobs.values()
    return job


def test_submitted_song_returns_its_stems(
    fake: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert submit("My song.mp3") == 0
    job = only_job(fake)
    assert job.song == SONG
    assert tree(Path("stems")) == ["My song/accompaniment.wav", "My song/vocals.wav"]
    for stem in ("vocals", "accompaniment"):
        assert Path(f"stems/My song/{stem}.wav").read_bytes() == fake.stem(job, stem)
    printed = capsys.readouterr()
    assert printed.out.startswith("My song.mp3: done in ")
    assert printed.out.endswith(": stems/My song/vocals.wav, stems/My song/accompaniment.wav\n")
    said = ["reading", "uploading", f"uploaded as job {job.id}", "separating", "downloading"]
    assert printed.err.splitlines() == [f"My song.mp3: {what}" for what in said]


def test_options_are_sent_and_name_the_files(fake: FakeServer) -> None:
    options = ["-p", "4stems", "--stems", "vocals,bass", "-c", "mp3", "-s", "1.5", "-d", "30"]
    names = ["-o", "out", "-f", "{filename} - {instrument}.{codec}"]
    assert submit("My song.mp3", *options, *names, "--residual", "--zip") == 0
    stems = ["bass", "residual", "vocals"]
    assert tree(Path("out")) == sorted(
        ["My song - stems.zip", *(f"My song - {stem}.mp3" for stem in stems)]
    )
    assert only_job(fake).options.to_dict() == {
        "model": "4stems",
        "stems": ["vocals", "bass"],
        "codec": "mp3",
        "bitrate": "192k",
        "offset_s": 1.5,
        "duration_s": 30.0,
        "residual": True,
        "zip": True,
    }


def test_stem_file_is_saved_under_the_name_of_its_song(
    fake: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ("-p", "4stems", "-c", "m4a", "--stem_file", "--json")
    assert submit("My song.mp3", *options) == 0
    path = Path("stems/My song/My song.stem.mp4")
    assert path.read_bytes() == fake.stem(only_job(fake), "stem_file")
    shown = json.loads(capsys.readouterr().out)
    assert shown["stem_file"] == str(path)
    assert list(shown["stems"]) == ["vocals", "drums", "bass", "other"]


def test_a_known_song_is_not_uploaded(fake: FakeServer) -> None:
    assert submit("My song.mp3", "-o", "first") == 0
    Path("My song.mp3").rename("The same song.mp3")
    assert submit("The same song.mp3", "-o", "second") == 0
    assert fake.count_requests("PUT", "/uploads/.*") == 1
    vocals = Path("second/The same song/vocals.wav").read_bytes()
    assert vocals == Path("first/My song/vocals.wav").read_bytes()


def test_token_is_sent_to_the_api_only(fake: FakeServer) -> None:
    assert submit("My song.mp3") == 0
    for (_, path), headers in zip(fake.requests, fake.headers, strict=True):
        is_api = path.startswith(("/jobs", "/options"))
        assert headers.get("authorization") == (f"Bearer {TOKEN}" if is_api else None)


def test_proxy_is_not_used_for_loopback(
    fake: FakeServer, monkeypatch: pytest.MonkeyPatch, unused_url: str
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, unused_url)
    assert submit("My song.mp3", "--url", fake.url.replace("127.0.0.1", "localhost")) == 0


def test_songs_are_submitted_in_parallel(
    fake: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    songs = [Path(f"{number}.mp3") for number in range(12)]
    for song in songs:
        song.write_bytes(os.urandom(1000))
    assert submit(*songs, "--parallel", 4) == 0
    assert len(tree(Path("stems"))) == 24
    assert len(capsys.readouterr().out.splitlines()) == 12
    assert sorted(len(job.song or b"") for job in fake.jobs.values()) == [1000] * 12


@pytest.mark.parametrize("name", ["[b]a[x].mp3", "é + ½ 🎵.mp3", "a\nb\t\x7f.mp3", "-rf", "%s{x}"])
def test_unusual_song_names_are_submitted(
    fake: FakeServer, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    Path(name).write_bytes(b"song")
    assert submit("--", name) == 0
    assert tree(Path("stems")) == [
        f"{Path(name).stem}/{x}.wav" for x in ("accompaniment", "vocals")
    ]
    shown = name.replace("\n", "?").replace("\t", "?").replace("\x7f", "?")
    assert only_job(fake).filename.replace("_", "?") == shown
    assert capsys.readouterr().out.startswith(f"{shown}: done in")


def test_undecodable_names_are_submitted(
    fake: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    song = os.fsdecode(b"\xff\xfe.mp3")
    Path(song).write_bytes(b"song")
    assert submit(song) == 0
    assert only_job(fake).filename == "??.mp3"
    assert Path("stems", os.fsdecode(b"\xff\xfe"), "vocals.wav").is_file()
    assert "\\udcff\\udcfe.mp3: done" in capsys.readouterr().out


def test_job_is_resumed_by_its_id(fake: FakeServer, capsys: pytest.CaptureFixture[str]) -> None:
    assert submit("My song.mp3", "-c", "flac", "--zip") == 0
    job = only_job(fake)
    job.polls = 0
    capsys.readouterr()
    Path("My song.mp3").unlink()
    assert submit("--resume", job.id, "-o", "again") == 0
    names = ("accompaniment.flac", "stems.zip", "vocals.flac")
    assert tree(Path("again")) == [f"My song/{name}" for name in names]
    assert Path("again/My song/vocals.flac").read_bytes() == fake.stem(job, "vocals")
    assert capsys.readouterr().out.startswith(f"job {job.id}: done in")
    assert fake.count_requests("PUT", "/uploads/.*") == 1


def test_jobs_with_equal_names_do_not_overwrite_each_other(
    fake: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert submit("My song.mp3") == 0
    Path("My song.mp3").write_bytes(b"another")
    assert submit("My song.mp3") == 0
    one, other = fake.jobs
    assert submit("--resume", one, other, "-o", "out", "--parallel", 1) == 1
    assert f"job {other}: Its stems would overwrite" in capsys.readouterr().err
    assert Path("out/My song/vocals.wav").read_bytes() == fake.stem(fake.jobs[one], "vocals")


def test_warnings_and_scaling_are_shown(
    fake: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    fake.warnings = ("The song ends before its announced length.",)
    fake.gain_db = -1.25
    assert submit("My song.mp3", "--stems", "vocals") == 0
    assert capsys.readouterr().err.splitlines()[-2:] == [
        "stemdrop: My song.mp3: The song ends before its announced length.",
        "stemdrop: My song.mp3: All stems are scaled by -1.2 dB, so that none of them clips.",
    ]


def test_failed_song_does_not_stop_the_others(
    fake: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("empty.mp3").touch()
    unreadable = "/proc/self/mem"  # even for root, on Linux
    songs = ("empty.mp3", "missing.mp3", unreadable, "My song.mp3")
    assert submit(*songs, "--parallel", 1) == 1
    errors = [line for line in capsys.readouterr().err.splitlines() if "stemdrop" in line]
    assert errors == [
        "stemdrop: empty.mp3: The file is empty.",
        "stemdrop: missing.mp3: There is no such file.",
        "stemdrop: /proc/self/mem: The file can't be read: Input/output error.",
    ]
    assert len(tree(Path("stems"))) == 2
    assert len(fake.jobs) == 1


def test_folder_is_submitted_with_json_only_on_standard_output(
    fake: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert submit(".", "--zip", "--json", "--quiet") == 0
    assert submit(".", "--json", "--quiet") == 0  # with stems in the folder
    fake.failure = "The file can't be read as audio."
    Path("My song.mp3").write_bytes(b"another")
    assert submit(".", "--json", "--quiet") == 1
    printed = capsys.readouterr()
    done, _, failed = map(json.loads, printed.out.splitlines())
    assert printed.err == f"stemdrop: My song.mp3: {fake.failure}\n"
    folder = Path("stems/My song")
    assert done["stems"] == {x: str(folder / f"{x}.wav") for x in ("vocals", "accompaniment")}
    assert (done["song"], done["zip"]) == ("My song.mp3", str(folder / "stems.zip"))
    assert (done["status"], done["model"], done["duration_s"]) == ("done", "2stems", 1.0)
    first, _, last = fake.jobs
    assert (done["job_id"], failed["job_id"]) == (first, last)
    assert failed["status"] == "failed"
    assert failed["error"] == {"code": "not_audio", "message": fake.failure}


def test_failed_job_shows_its_error(fake: FakeServer, capsys: pytest.CaptureFixture[str]) -> None:
    fake.failure = "The file can't be read as audio."
    assert submit("My song.mp3") == 1
    errors = capsys.readouterr().err.splitlines()
    assert errors[-1] == "stemdrop: My song.mp3: The file can't be read as audio."
    assert "--resume" not in "".join(errors)
    assert tree(Path()) == ["My song.mp3"]


def test_unknown_job_is_reported(fake: FakeServer, capsys: pytest.CaptureFixture[str]) -> None:
    assert submit("--resume", ID) == 1
    assert capsys.readouterr().err.splitlines()[-1] == f"stemdrop: job {ID}: There is no such job."
    assert fake.jobs == {}


def test_unwritable_folder_is_reported(
    fake: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("stems").write_bytes(b"no folder")
    assert submit("My song.mp3") == 1
    error = capsys.readouterr().err.splitlines()[-1]
    assert (
        error
        == "stemdrop: My song.mp3: The stems can't be written to stems/My song: Not a directory."
    )
    Path("out/My song/accompaniment.wav").mkdir(parents=True)
    assert submit("My song.mp3", "-o", "out") == 1
    assert "out/My song/accompaniment.wav is a folder: rename it" in capsys.readouterr().err
    assert fake.count_requests("PUT", "/uploads/.*") == 1


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["-p", "6stems"], "model can't be '6stems': use one of 2stems"),
        (["-c", "mp3", "--bit_depth", "16"], "mp3 has no bit depth"),
        (["-f", "{track}"], "no {track}"),
        (["sub/My song.flac"], "would be written over"),
        (["-i", "empty/*.mp3"], "No songs match 'empty/*.mp3'"),
        (["--resume", "other.mp3"], "'other.mp3' isn't a job ID"),
        (["--url", "localhost:5000"], "url can't be 'localhost:5000'"),
        (["--token", "grüße"], "The token is invalid"),
    ],
)
def test_invalid_arguments_send_nothing(
    fake: FakeServer,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    sentence: str,
) -> None:
    assert submit("My song.mp3", *arguments) == 2
    printed = capsys.readouterr()
    assert sentence in printed.err
    assert printed.err.startswith("stemdrop: ")
    assert printed.err.count("\n") == 1
    assert fake.requests == []


@pytest.mark.parametrize(
    "arguments",
    [
        ["--parallel", "0"],
        ["--parallel", "x"],
        ["--give_up_after", "nan"],
        ["--no_such"],
        ["--resume"],
    ],
)
def test_usage_error_exits_with_2(fake: FakeServer, arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        submit("My song.mp3", *arguments)
    assert ended.value.code == 2
    assert fake.requests == []


def test_missing_songs_are_a_usage_error(
    fake: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert submit() == 2
    assert "name a song, or a job with --resume" in capsys.readouterr().err
    assert fake.requests == []


def test_rejected_token_sends_no_song(
    fake: FakeServer, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("STEMDROP_TOKEN")
    for arguments in (["--token", "wrong"], []):
        monkeypatch.setattr("stemdrop_cli.server_options.CHECKOUT_TOKEN", Path("none"))
        assert submit("My song.mp3", *arguments) == 4
        error = f"{fake.url} rejects the token: set STEMDROP_TOKEN or --token to its token."
        assert capsys.readouterr().err == f"stemdrop: {error}\n"
    assert set(fake.requests) == {("GET", "/options")}


def test_unreachable_server_is_reported_at_once(
    fake: FakeServer, capsys: pytest.CaptureFixture[str], unused_url: str
) -> None:
    assert submit("My song.mp3", "--url", unused_url) == 3
    error = capsys.readouterr().err
    assert error.startswith(f"stemdrop: {unused_url} can't be reached: ")
    assert error.endswith(": start it with `make local`, or set --url.\n")
    assert error.count("\n") == 1
    assert fake.requests == []


@pytest.fixture
def unused_url() -> str:
    with FakeServer() as gone:
        return gone.url


def test_other_server_is_reported(fake: FakeServer, capsys: pytest.CaptureFixture[str]) -> None:
    pages = [b"<html>It works!</html>", b"{}", b"[]", b"", b"\xff"]
    fake.inject(
        "GET",
        "/options",
        *(respond_with(200, page) for page in pages),
        respond_with(302, Location="/login"),
        respond_with(404, b"File not found"),
    )
    for _ in range(7):
        assert submit("My song.mp3") == 3
        assert capsys.readouterr().err == f"stemdrop: The server at {fake.url} isn't stemdrop.\n"


def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
    code = "from stemdrop_cli.main import main; raise SystemExit(main())"
    command = [sys.executable, "-W", "error", "-c", code, *arguments]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)


def test_help_names_commands_options_and_exit_statuses() -> None:
    both = run("--help").stdout
    assert "separate" in both
    assert "submit" in both
    help_text = run("submit", "--help").stdout
    for word in ("--url", "--token", "--resume", "-o", "--zip", "130  interrupted", "4    the"):
        assert word in help_text
    assert run("--version").stdout == f"stemdrop {stemdrop.__version__}\n"
    assert run().returncode == 2
    assert run("melt").returncode == 2


def test_submit_imports_no_separator() -> None:
    code = (
        "import sys; from stemdrop_cli.main import main; status = main(['submit']);"
        "print(status, [name for name in ('numpy', 'onnxruntime', 'scipy', 'boto3', 'tensorflow')"
        " if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "2 []\n"
