"""`stemdrop submit` with failures of network and server, temporary and permanent."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fake_server import (
    EXPIRED,
    TOKEN,
    FakeResponse,
    FakeServer,
    Fault,
    close_connection,
    drop_response,
    respond_with,
    truncate_body,
)
from stemdrop_cli.api_client import MAX_RETRY_AFTER_S, ApiClient
from stemdrop_cli.errors import ClientError
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
GONE = b"<Error><Code>NoSuchKey</Code><Message>The key does not exist.</Message></Error>"
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


def has_exact_stems(fake: FakeServer) -> bool:
    """Return whether the stems of the only uploaded job are the only files."""
    (job,) = (job for job in fake.jobs.values() if job.song is not None)
    files = {str(path) for path in Path("stems").rglob("*") if path.is_file()}
    return files == {f"stems/song/{stem}.wav" for stem in STEMS} and all(
        Path(f"stems/song/{stem}.wav").read_bytes() == fake.stem(job, stem) for stem in STEMS
    )


TEMPORARY_FAULTS: dict[str, Fault] = {
    "no answer": close_connection,
    "a lost answer": drop_response,
    "503": respond_with(503, Retry_After="0"),
    "500": respond_with(500, b"{}"),
    "429": respond_with(429, b'{"message": "Too Many Requests"}'),
    "a cut answer": truncate_body(10),
}


# All calls of the API are sent by the same method. Downloads have code of their own.
@pytest.mark.parametrize(
    ("method", "path", "name"),
    [
        *(("POST", "/jobs", name) for name in TEMPORARY_FAULTS),
        ("GET", JOB, "503"),
        ("GET", RESULT, "a lost answer"),
        ("GET", RESULT, "a cut answer"),
    ],
)
def test_temporary_errors_are_retried(fake: FakeServer, method: str, path: str, name: str) -> None:
    fault = TEMPORARY_FAULTS[name]
    fake.inject(method, path, fault, fault)
    assert submit() == 0
    assert has_exact_stems(fake)


@pytest.mark.parametrize(
    "fault", [close_connection, drop_response, respond_with(503), respond_with(400, SLOW)]
)
def test_broken_upload_is_retried(fake: FakeServer, fault: Fault) -> None:
    fake.inject("PUT", UPLOAD, fault, fault)
    assert submit() == 0
    assert has_exact_stems(fake)
    assert len(fake.jobs) == 1
    assert fake.count_requests("PUT", UPLOAD) == 3


def test_busy_server_is_retried_on_first_call(fake: FakeServer) -> None:
    fake.inject("GET", "/options", respond_with(503), respond_with(429))
    assert submit() == 0


def test_retry_after_of_an_hour_ends_the_song(
    fake: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    fake.inject("GET", JOB, respond_with(503, b'{"detail": "S3 is away."}', Retry_After="3600"))
    assert submit() == 3
    error = f"stemdrop: song.mp3: {fake.url} is temporarily unavailable: S3 is away."
    assert error in capsys.readouterr().err.splitlines()
    assert fake.count_requests("GET", JOB) == 1


def test_absurd_retry_after_of_a_poll_can_be_waited_for(fake: FakeServer) -> None:
    fake.inject("GET", JOB, respond_with(304, Retry_After="9" * 400))
    with ApiClient(fake.url, TOKEN) as api:
        assert api.poll_job("0" * 32).retry_after_s == MAX_RETRY_AFTER_S


@pytest.mark.parametrize("status", [200, 400])
def test_deeply_nested_response_is_an_error(fake: FakeServer, status: int) -> None:
    fake.inject("GET", "/options", respond_with(status, b"[" * 100_000))
    with ApiClient(fake.url, TOKEN) as api, pytest.raises(ClientError):
        api.check()


def test_poll_sends_etag(fake: FakeServer) -> None:
    nothing_new = respond_with(304, Retry_After="0", ETag="W/elsewhere")
    fake.inject("GET", JOB, lambda act: act(), nothing_new)
    assert submit() == 0
    calls = zip(fake.requests, fake.headers, strict=True)
    etags = [
        headers.get("if-none-match") for (_, path), headers in calls if path.startswith("/jobs/")
    ]
    assert len(etags) == 3
    assert etags[0] is None
    assert etags[1]
    assert etags[2] == "W/elsewhere"


def test_expired_upload_url_is_replaced(fake: FakeServer) -> None:
    fake.inject(
        "PUT",
        UPLOAD,
        respond_with(503),
        respond_with(403, EXPIRED),
        respond_with(400, TOKEN_EXPIRED),
    )
    assert submit() == 0
    assert fake.count_requests("POST", "/jobs") == 3
    assert len(fake.jobs) == 1
    assert has_exact_stems(fake)


def test_job_that_failed_before_its_upload_url_expired_shows_its_error(
    fake: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    fake.failure = "The file can't be read as audio."
    fake.inject("PUT", UPLOAD, drop_response, respond_with(403, EXPIRED))
    assert submit() == 1
    assert capsys.readouterr().err.splitlines()[-1] == f"stemdrop: song.mp3: {fake.failure}"


def test_lost_response_creates_no_second_job(fake: FakeServer) -> None:
    fake.inject("POST", "/jobs", drop_response, respond_with(503))
    assert submit() == 0
    assert fake.count_requests("POST", "/jobs") == 3
    assert len(fake.jobs) == 1


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (respond_with(403, EXPIRED), "The upload was rejected: Request has expired."),
        (respond_with(403, DENIED), "The upload was rejected: Access Denied."),
        (respond_with(400), "The upload was rejected: 400."),
    ],
)
def test_rejected_upload_is_reported(
    fake: FakeServer, capsys: pytest.CaptureFixture[str], answer: Fault, sentence: str
) -> None:
    fake.inject("PUT", UPLOAD, *[answer] * 20)
    assert submit() == 1
    assert capsys.readouterr().err.splitlines()[-1] == f"stemdrop: song.mp3: {sentence}"
    assert fake.count_requests("PUT", UPLOAD) <= 4


def test_truncated_download_is_resumed(fake: FakeServer) -> None:
    fake.inject(
        "GET",
        RESULT,
        truncate_body(100_000),
        truncate_body(50_000),
        truncate_body(0),
        respond_with(503),
    )
    assert submit() == 0
    assert has_exact_stems(fake)
    ranges = [headers["range"] for headers in fake.headers if "range" in headers]
    assert ranges == ["bytes=100000-", "bytes=150000-", "bytes=150000-", "bytes=150000-"]


def test_download_with_progress_never_gives_up(fake: FakeServer) -> None:
    fake.inject("GET", RESULT, *[truncate_body(30_000)] * 9)
    assert submit("--give_up_after", "0.05") == 0
    assert has_exact_stems(fake)


def test_upload_without_progress_gives_up(fake: FakeServer) -> None:
    fake.inject("PUT", UPLOAD, *[drop_response] * 1000)
    assert submit("--give_up_after", "0.5") == 3


@pytest.mark.parametrize("size_bytes", [len(SONG), 3000])
def test_download_without_ranges_restarts(fake: FakeServer, size_bytes: int) -> None:
    def ignore_range(_: Callable[[], FakeResponse]) -> FakeResponse:
        (job,) = fake.jobs.values()
        return FakeResponse(200, fake.stem(job, "vocals"))

    Path("song.mp3").write_bytes(SONG[:size_bytes])
    fake.inject("GET", ".*/vocals", truncate_body(size_bytes // 3), ignore_range)
    assert submit() == 0
    assert has_exact_stems(fake)


@pytest.mark.parametrize(("status", "body"), [(403, EXPIRED), (400, TOKEN_EXPIRED)])
def test_expired_download_urls_are_renewed(fake: FakeServer, status: int, body: bytes) -> None:
    def expire_url(_: Callable[[], FakeResponse]) -> FakeResponse:
        fake.signature += 1
        return FakeResponse(status, body)

    fake.inject("GET", RESULT, expire_url, truncate_body(1000), expire_url)
    assert submit() == 0
    assert has_exact_stems(fake)


def test_download_that_outlasts_many_urls_succeeds(fake: FakeServer) -> None:
    slow = [truncate_body(30_000), respond_with(403, EXPIRED)]
    fake.inject("GET", ".*/vocals", *slow * 9)
    assert submit() == 0
    assert has_exact_stems(fake)
    assert fake.count_requests("GET", ".*/vocals") == 2 * 9 + 1


def ignore_range_and_break_off(_: Callable[[], FakeResponse]) -> FakeResponse:
    return FakeResponse(200, SONG, truncate_after_bytes=1000)


@pytest.mark.parametrize("before", [[], [ignore_range_and_break_off]])
def test_download_url_renewals_without_progress_are_limited(
    fake: FakeServer, capsys: pytest.CaptureFixture[str], before: list[Fault]
) -> None:
    fake.inject("GET", RESULT, *[*before, respond_with(403, EXPIRED)] * 20)
    assert submit() == 1
    assert fake.count_requests("GET", RESULT) == 4 * (len(before) + 1)
    error = "stemdrop: song.mp3: The stems can't be downloaded: 403 Forbidden."
    assert error in capsys.readouterr().err.splitlines()
    assert not list(Path("stems").rglob("*.wav"))
    assert not list(Path("stems").rglob(".stemdrop*"))


@pytest.mark.parametrize(("size", "status"), [(300_002, 1), (300_000, 3)])
def test_stems_of_wrong_size_are_removed(
    fake: FakeServer, capsys: pytest.CaptureFixture[str], size: int, status: int
) -> None:
    fake.inject("GET", ".*/accompaniment", *[respond_with(200, bytes(size))] * 9)
    assert submit("--give_up_after", "0") == status
    assert f"The stems have {size} bytes instead of 300001." in capsys.readouterr().err
    assert not list(Path("stems").rglob("*.wav"))


def test_missing_result_is_reported(fake: FakeServer, capsys: pytest.CaptureFixture[str]) -> None:
    fake.inject("GET", ".*/accompaniment", respond_with(404, GONE))
    assert submit() == 1
    assert "The stems can't be downloaded: 404 Not Found." in capsys.readouterr().err
    assert not list(Path("stems").rglob("*.wav"))


def test_job_without_stems_is_reported(
    fake: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    def rename_vocals(act: Callable[[], FakeResponse]) -> FakeResponse:
        answer = act()
        answer.body = answer.body.replace(b'"stem": "vocals"', b'"stem": "other"')
        return answer

    fake.inject("GET", JOB, *[rename_vocals] * 9)
    assert submit() == 3
    assert "song.mp3: The server's job has no vocals." in capsys.readouterr().err


def test_job_deleted_meanwhile_is_reported(
    fake: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    def delete_job(act: Callable[[], FakeResponse]) -> FakeResponse:
        fake.jobs.clear()
        return act()

    fake.inject("GET", JOB, respond_with(304, Retry_After="0"), delete_job)
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
    fake.inject(method, path, *[close_connection] * 1000)
    assert submit("--give_up_after", "0.5", "-o", "my stems") == 3
    error, last = capsys.readouterr().err.splitlines()[-2:]
    assert error.startswith("stemdrop: song.mp3: ")
    resume = f"To resume: stemdrop submit --url {fake.url} -o 'my stems' "
    (job_id, *_) = fake.jobs or [""]
    assert last == f"stemdrop: {(resume + left if 'ID' in left else left).replace('ID', job_id)}"
    assert not list(Path().rglob("*.wav"))


def test_exit_status_is_that_of_the_worst_failure(fake: FakeServer) -> None:
    Path("other.mp3").write_bytes(b"other")
    fake.inject("POST", "/jobs", respond_with(401))
    assert submit("missing.mp3", "other.mp3", "--parallel", "1") == 4
    assert Path("stems/other/vocals.wav").is_file()


def test_server_error_message_is_shown(
    fake: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    too_large = b'{"title": "Too large", "detail": "At most 1000 MB are taken.", "status": 413}'
    for body, said in [(too_large, "At most 1000 MB are taken."), (b"<html>", "returned 413")]:
        fake.inject("POST", "/jobs", respond_with(413, body))
        assert submit() == 1
        assert said in capsys.readouterr().err
    fake.inject("POST", "/jobs", respond_with(201, b"[]"), respond_with(201, b'{"id": 3}'))
    for _ in range(2):
        assert submit() == 3


def test_song_growing_during_upload_is_reported(
    fake: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    def append_to_song(_: Callable[[], FakeResponse]) -> FakeResponse:
        with Path("song.mp3").open("ab") as song:
            song.write(b"more")
        return FakeResponse(503)

    fake.inject("PUT", UPLOAD, append_to_song)
    assert submit() == 1
    assert "song.mp3: The file has changed: submit it again." in capsys.readouterr().err


def test_song_changed_during_upload_is_rejected(
    fake: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    def replace_song(_: Callable[[], FakeResponse]) -> FakeResponse:
        Path("song.mp3").write_bytes(bytes(len(SONG)))
        return FakeResponse(503)

    fake.inject("PUT", UPLOAD, replace_song)
    assert submit() == 1
    assert "The upload was rejected: The checksum doesn't match." in capsys.readouterr().err


def test_redirected_upload_is_sent_again_in_full(fake: FakeServer) -> None:
    def redirect(_: Callable[[], FakeResponse]) -> FakeResponse:
        (job,) = fake.jobs.values()
        return FakeResponse(307, b"", {"Location": f"{fake.url}/uploads/{job.id}?signature=put"})

    fake.inject("PUT", UPLOAD, redirect)
    assert submit() == 0
    assert has_exact_stems(fake)


def test_output_contains_no_secrets(fake: FakeServer, capsys: pytest.CaptureFixture[str]) -> None:
    fake.inject(
        "GET",
        RESULT,
        close_connection,
        respond_with(503),
        truncate_body(10),
        *[respond_with(403, EXPIRED)] * 9,
    )
    fake.inject("PUT", UPLOAD, close_connection, respond_with(503), respond_with(403, EXPIRED))
    assert submit() == 1
    printed = capsys.readouterr()
    for secret in (TOKEN, "signature"):
        assert secret not in printed.out + printed.err
