"""`stemdrop submit` where network and server fail; what is waited out, and what ends it."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fake_server import (
    EXPIRED,
    TOKEN,
    Answer,
    FakeServer,
    Fault,
    cuts,
    hangs_up,
    loses_answer,
    says,
)
from stemdrop_cli.main import main

SONG = os.urandom(300_001)
STEMS = ("vocals", "accompaniment")
JOB = "/jobs/.*"
RESULT = "/results/.*"
UPLOAD = "/uploads/.*"
SLOW = b"<Error><Code>RequestTimeout</Code><Message>Your socket was idle.</Message></Error>"
TOKEN_EXPIRED = (
    b"<Error><Code>ExpiredToken</Code><Message>The provided token has expired.</Message></Error>"
)
DENIED = b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stemdrop_cli.retries.FIRST_DELAY_S", 0.02)
    monkeypatch.setattr("stemdrop_cli.api_client.MIN_RETRY_AFTER_S", 0.02)


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[FakeServer]:
    with FakeServer() as fake:
        monkeypatch.setenv("STEMDROP_URL", fake.url)
        monkeypatch.setenv("STEMDROP_TOKEN", TOKEN)
        monkeypatch.chdir(tmp_path)
        Path("song.mp3").write_bytes(SONG)
        yield fake


def submit(*arguments: str) -> int:
    return main(["submit", "song.mp3", *arguments])


def is_right(fake: FakeServer) -> bool:
    """Return whether the stems are those of the one job that has a song, and nothing else is."""
    (job,) = (job for job in fake.jobs.values() if job.song is not None)
    files = {str(path) for path in Path("stems").rglob("*") if path.is_file()}
    return files == {f"stems/song/{stem}.wav" for stem in STEMS} and all(
        Path(f"stems/song/{stem}.wav").read_bytes() == fake.stem(job, stem) for stem in STEMS
    )


TROUBLE: list[tuple[str, Fault]] = [
    ("no answer", hangs_up),
    ("a lost answer", loses_answer),
    ("503", says(503, Retry_After="0")),
    ("500", says(500, b"{}")),
    ("429", says(429, b'{"message": "Too Many Requests"}')),
    ("a cut answer", cuts(10)),
]


@pytest.mark.parametrize(
    "fault", [fault for _, fault in TROUBLE], ids=[name for name, _ in TROUBLE]
)
@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/jobs"), ("GET", JOB), ("GET", RESULT)],
    ids=["create", "look", "download"],
)
def test_temporary_errors_are_retried(
    fake: FakeServer, method: str, path: str, fault: Fault
) -> None:
    fake.on(method, path, fault, fault)
    assert submit() == 0
    assert is_right(fake)


@pytest.mark.parametrize("fault", [hangs_up, loses_answer, says(503), says(400, SLOW)])
def test_broken_upload_is_retried(fake: FakeServer, fault: Fault) -> None:
    fake.on("PUT", UPLOAD, fault, fault)
    assert submit() == 0
    assert is_right(fake)
    assert len(fake.jobs) == 1
    assert fake.seen("PUT", UPLOAD) == 3


def test_busy_server_is_retried_on_first_call(fake: FakeServer) -> None:
    fake.on("GET", "/options", says(503), says(429))
    assert submit() == 0


def test_retry_after_of_an_hour_ends_the_song(
    fake: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    fake.on("GET", JOB, says(503, b'{"detail": "S3 is away."}', Retry_After="3600"))
    assert submit() == 3
    error = f"stemdrop: song.mp3: {fake.url} is temporarily unavailable: S3 is away."
    assert error in capsys.readouterr().err.splitlines()
    assert fake.seen("GET", JOB) == 1


def test_poll_sends_etag(fake: FakeServer) -> None:
    nothing_new = says(304, Retry_After="0", ETag="W/elsewhere")
    fake.on("GET", JOB, lambda act: act(), nothing_new)
    assert submit() == 0
    calls = zip(fake.requests, fake.headers, strict=True)
    looks = [
        headers.get("if-none-match") for (_, path), headers in calls if path.startswith("/jobs/")
    ]
    assert len(looks) == 3
    assert looks[0] is None
    assert looks[1]
    assert looks[2] == "W/elsewhere"


def test_expired_upload_url_is_replaced(fake: FakeServer) -> None:
    fake.on("PUT", UPLOAD, says(503), says(403, EXPIRED), says(400, TOKEN_EXPIRED))
    assert submit() == 0
    assert len(fake.jobs) == 3
    assert is_right(fake)


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (says(403, EXPIRED), "The upload was rejected: Request has expired."),
        (says(403, DENIED), "The upload was rejected: Access Denied."),
        (says(400), "The upload was rejected: 400."),
    ],
)
def test_rejected_upload_is_reported(
    fake: FakeServer, capsys: pytest.CaptureFixture[str], answer: Fault, sentence: str
) -> None:
    fake.on("PUT", UPLOAD, *[answer] * 20)
    assert submit() == 1
    assert capsys.readouterr().err.splitlines()[-1] == f"stemdrop: song.mp3: {sentence}"
    assert fake.seen("PUT", UPLOAD) <= 4


def test_cut_download_is_resumed(fake: FakeServer) -> None:
    fake.on("GET", RESULT, cuts(100_000), cuts(50_000), cuts(0), says(503))
    assert submit() == 0
    assert is_right(fake)
    ranges = [headers["range"] for headers in fake.headers if "range" in headers]
    assert ranges == ["bytes=100000-", "bytes=150000-", "bytes=150000-", "bytes=150000-"]


def test_download_with_progress_never_gives_up(fake: FakeServer) -> None:
    fake.on("GET", RESULT, *[cuts(30_000)] * 9)
    assert submit("--give_up_after", "0.05") == 0
    assert is_right(fake)


def test_upload_without_progress_gives_up(fake: FakeServer) -> None:
    fake.on("PUT", UPLOAD, *[loses_answer] * 1000)
    assert submit("--give_up_after", "0.5") == 3


def test_download_without_ranges_restarts(fake: FakeServer) -> None:
    def whole(_: Callable[[], Answer]) -> Answer:
        (job,) = fake.jobs.values()
        return Answer(200, fake.stem(job, "vocals"))

    fake.on("GET", ".*/vocals", cuts(100_000), whole)
    assert submit() == 0
    assert is_right(fake)


def test_expired_download_urls_are_renewed(fake: FakeServer) -> None:
    def ages(_: Callable[[], Answer]) -> Answer:
        fake.signature += 1
        return Answer(403, EXPIRED)

    fake.on("GET", RESULT, ages, cuts(1000), ages)
    assert submit() == 0
    assert is_right(fake)


def test_download_url_renewals_are_limited(
    fake: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    fake.on("GET", RESULT, *[says(403, EXPIRED)] * 20)
    assert submit() == 1
    error = "stemdrop: song.mp3: The stems can't be downloaded: 403 Forbidden."
    assert error in capsys.readouterr().err.splitlines()
    assert not list(Path("stems").rglob("*.wav"))
    assert not list(Path("stems").rglob(".stemdrop*"))


@pytest.mark.parametrize(("size", "status"), [(300_002, 1), (300_000, 3)])
def test_stems_of_wrong_size_are_removed(
    fake: FakeServer, capsys: pytest.CaptureFixture[str], size: int, status: int
) -> None:
    fake.on("GET", ".*/accompaniment", *[says(200, bytes(size))] * 9)
    assert submit("--give_up_after", "0") == status
    assert f"The stems have {size} bytes instead of 300001." in capsys.readouterr().err
    assert not list(Path("stems").rglob("*.wav"))


def test_missing_result_is_reported(fake: FakeServer, capsys: pytest.CaptureFixture[str]) -> None:
    fake.on("GET", ".*/accompaniment", says(404))
    assert submit() == 1
    assert "The stems can't be downloaded: 404 Not Found." in capsys.readouterr().err
    assert not list(Path("stems").rglob("*.wav"))


def test_job_without_stems_is_reported(
    fake: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    def loses_vocals(act: Callable[[], Answer]) -> Answer:
        answer = act()
        answer.body = answer.body.replace(b'"stem": "vocals"', b'"stem": "other"')
        return answer

    fake.on("GET", JOB, *[loses_vocals] * 9)
    assert submit() == 3
    assert "song.mp3: The server's job has no vocals." in capsys.readouterr().err


def test_job_deleted_meanwhile_is_reported(
    fake: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    def deletes(act: Callable[[], Answer]) -> Answer:
        fake.jobs.clear()
        return act()

    fake.on("GET", JOB, says(304, Retry_After="0"), deletes)
    assert submit() == 1
    assert capsys.readouterr().err.endswith("stemdrop: song.mp3: There is no such job.\n")


@pytest.mark.parametrize(
    ("method", "path", "left"),
    [
        ("POST", "/jobs", "Not uploaded, so submit again: song.mp3"),
        ("PUT", UPLOAD, "Not uploaded, so submit again: song.mp3"),
        ("GET", JOB, "--resume ID"),
        ("GET", RESULT, "--resume ID"),
    ],
)
def test_lost_server_ends_with_resume_command(
    fake: FakeServer, capsys: pytest.CaptureFixture[str], method: str, path: str, left: str
) -> None:
    fake.on(method, path, *[hangs_up] * 1000)
    assert submit("--give_up_after", "0.5", "-o", "my stems") == 3
    error, last = capsys.readouterr().err.splitlines()[-2:]
    assert error.startswith("stemdrop: song.mp3: ")
    resume = f"To resume: stemdrop submit --url {fake.url} -o 'my stems' "
    (job_id, *_) = fake.jobs or [""]
    assert last == f"stemdrop: {(resume + left if 'ID' in left else left).replace('ID', job_id)}"
    assert not list(Path().rglob("*.wav"))


def test_exit_status_is_that_of_the_worst_failure(fake: FakeServer) -> None:
    Path("other.mp3").write_bytes(b"other")
    fake.on("POST", "/jobs", says(401))
    assert submit("missing.mp3", "other.mp3", "--parallel", "1") == 4
    assert Path("stems/other/vocals.wav").is_file()


def test_server_error_message_is_shown(
    fake: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    too_large = b'{"title": "Too large", "detail": "At most 1000 MB are taken.", "status": 413}'
    for body, said in [(too_large, "At most 1000 MB are taken."), (b"<html>", "returned 413")]:
        fake.on("POST", "/jobs", says(413, body))
        assert submit() == 1
        assert said in capsys.readouterr().err
    fake.on("POST", "/jobs", says(201, b"[]"), says(201, b'{"id": 3}'))
    for _ in range(2):
        assert submit() == 3


def test_song_growing_during_upload_is_reported(
    fake: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    def grows(_: Callable[[], Answer]) -> Answer:
        with Path("song.mp3").open("ab") as song:
            song.write(b"more")
        return Answer(503)

    fake.on("PUT", UPLOAD, grows)
    assert submit() == 1
    assert "song.mp3: The file has changed: submit it again." in capsys.readouterr().err


def test_song_changed_during_upload_is_rejected(
    fake: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    def changes(_: Callable[[], Answer]) -> Answer:
        Path("song.mp3").write_bytes(bytes(len(SONG)))
        return Answer(503)

    fake.on("PUT", UPLOAD, changes)
    assert submit() == 1
    assert "The upload was rejected: The checksum doesn't match." in capsys.readouterr().err


def test_redirected_upload_is_sent_again_in_full(fake: FakeServer) -> None:
    def redirects(_: Callable[[], Answer]) -> Answer:
        (job,) = fake.jobs.values()
        return Answer(307, b"", {"Location": f"{fake.url}/uploads/{job.id}?signature=put"})

    fake.on("PUT", UPLOAD, redirects)
    assert submit() == 0
    assert is_right(fake)


def test_output_contains_no_secrets(fake: FakeServer, capsys: pytest.CaptureFixture[str]) -> None:
    fake.on("GET", RESULT, hangs_up, says(503), cuts(10), *[says(403, EXPIRED)] * 9)
    fake.on("PUT", UPLOAD, hangs_up, says(503), says(403, EXPIRED))
    assert submit() == 1
    printed = capsys.readouterr()
    for secret in (TOKEN, "signature"):
        assert secret not in printed.out + printed.err
