"""Lyrics of `stemdrop submit`, from a server that transcribes nothing."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fake_server import TOKEN, FakeServer, close_connection, drop_response, respond_with
from stemdrop_cli.main import main

FILES = [f"My song/lyrics.{kind}" for kind in ("json", "lrc", "srt", "vtt")]
PATHS = ["stems/My song/vocals.wav", "stems/My song/accompaniment.wav"]
STEMS = ["My song/accompaniment.wav", "My song/vocals.wav"]


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[FakeServer]:
    with FakeServer() as fake:
        monkeypatch.setenv("STEMDROP_URL", fake.url)
        monkeypatch.setenv("STEMDROP_TOKEN", TOKEN)
        monkeypatch.chdir(tmp_path)
        Path("My song.mp3").write_bytes(os.urandom(30_001))
        yield fake


def submit(*arguments: str) -> int:
    return main(["submit", "My song.mp3", "--lyrics", *arguments])


def tree() -> list[str]:
    folder = Path("stems")
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def shown(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    fields: dict[str, Any] = json.loads(capsys.readouterr().out)
    return fields


def test_lyrics_are_downloaded_after_the_stems(
    fake: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert submit("--language", "en") == 0
    assert tree() == [*STEMS[:1], *FILES, *STEMS[1:]]
    (job,) = fake.jobs.values()
    assert (job.options.lyrics, job.options.language) == (True, "en")
    for name in FILES:
        assert Path("stems", name).read_bytes() == fake.stem(job, Path(name).name)
    printed = capsys.readouterr()
    said = [line.partition(": ")[2] for line in printed.err.splitlines()]
    assert said[-4:] == ["separating", "downloading", "transcribing", "downloading"]
    _, line = printed.out.splitlines()
    assert line.startswith("My song.mp3: lyrics of 123 words: stems/My song/lyrics.json, ")


def test_failed_lyrics_are_a_warning(fake: FakeServer, capsys: pytest.CaptureFixture[str]) -> None:
    fake.lyrics_failure = "It took too long."
    assert submit("--json") == 0
    assert tree() == STEMS
    printed = capsys.readouterr()
    assert printed.err.endswith("stemdrop: My song.mp3: There are no lyrics: It took too long.\n")
    result = json.loads(printed.out)
    assert result["status"] == "done"
    assert result["lyrics"] == {
        "status": "failed",
        "engine": "transcribe",
        "language": None,
        "words": 0,
        "files": {},
        "code": "lyrics_timed_out",
        "reason": "It took too long.",
    }


def lose_server_after_stems(fake: FakeServer) -> None:
    polls = [lambda act: act()] * fake.polls_until_done
    fake.inject("GET", r"/jobs/\w+", *polls, close_connection)


def test_lost_server_leaves_complete_stems_and_says_where(
    fake: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    lose_server_after_stems(fake)
    assert submit("--give_up_after", "0") == 3
    assert tree() == STEMS
    (job_id,) = fake.jobs
    printed = capsys.readouterr()
    assert printed.out == ""
    error, stems, resume = printed.err.splitlines()[-3:]
    assert error.startswith(f"stemdrop: My song.mp3: {fake.url} can't be reached: ")
    assert stems == f"stemdrop: My song.mp3: Its stems are complete: {', '.join(PATHS)}"
    assert resume.endswith(f"--resume {job_id}")
    assert main(["submit", "--resume", job_id]) == 0
    assert tree() == [*STEMS[:1], *FILES, *STEMS[1:]]


def test_json_of_a_lost_server_has_the_complete_stems(
    fake: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    lose_server_after_stems(fake)
    assert submit("--give_up_after", "0", "--json") == 3
    printed = capsys.readouterr()
    result = json.loads(printed.out)
    assert (result["status"], result["error"]["code"]) == ("failed", "unreachable")
    assert (list(result["stems"].values()), result["lyrics"]) == (PATHS, None)
    assert "Its stems are complete" not in printed.err


def test_song_without_words_has_no_files(
    fake: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    fake.words = 0
    assert submit("--json") == 0
    assert tree() == STEMS
    lyrics = shown(capsys)["lyrics"]
    assert (lyrics["status"], lyrics["words"], lyrics["files"]) == ("done", 0, {})


def test_server_of_an_earlier_version_writes_none(
    fake: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    fake.has_lyrics = False
    assert submit() == 0
    assert tree() == STEMS
    assert "There are no lyrics: The server wrote none." in capsys.readouterr().err


def test_lyrics_survive_lost_responses_and_expired_urls(fake: FakeServer) -> None:
    expired = b"<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>"
    fake.inject("GET", r"/jobs/\w+", *[drop_response] * 3)
    fake.inject("GET", r"/results/\w+/lyrics\.lrc", respond_with(403, expired))
    assert submit() == 0
    assert tree() == [*STEMS[:1], *FILES, *STEMS[1:]]


def test_resumed_job_gets_its_lyrics(fake: FakeServer) -> None:
    assert submit() == 0
    (job_id,) = fake.jobs
    for name in FILES:
        Path("stems", name).unlink()
    assert main(["submit", "--resume", job_id]) == 0
    assert tree() == [*STEMS[:1], *FILES, *STEMS[1:]]
