"""A fake server of stemdrop's API that separates nothing and can inject faults."""

import base64
import hashlib
import json
import re
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from benchmarks.loopback_server import LoopbackHandler, LoopbackServer
from stemdrop.lyrics import LyricsFormat
from stemdrop.options import Options

TOKEN = "thirty-two-letters-and-some-more-"  # noqa: S105
EXPIRED = b"<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>"


@dataclass(slots=True)
class FakeResponse:
    """A response. A truncated body ends before its announced length."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    truncate_after_bytes: int | None = None


# Takes a function that returns the usual response. Returns the response to send, or None to close
# the connection.
Fault = Callable[[Callable[[], FakeResponse]], FakeResponse | None]


def respond_with(status: int, body: bytes = b"", **headers: str) -> Fault:
    """Respond with a fixed response."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda _: FakeResponse(status, body, named)


def close_connection(_: Callable[[], FakeResponse]) -> None:
    """Close the connection without handling the request."""


def drop_response(act: Callable[[], FakeResponse]) -> None:
    """Handle the request, and close the connection without a response."""
    act()


def truncate_body(after_bytes: int) -> Fault:
    """Close the connection in the middle of a body."""

    def fault(act: Callable[[], FakeResponse]) -> FakeResponse:
        answer = act()
        answer.truncate_after_bytes = after_bytes
        return answer

    return fault


@dataclass(slots=True)
class FakeJob:
    """A job, with its request and the number of polls so far."""

    id: str
    filename: str
    size_bytes: int
    checksum: str
    options: Options
    song: bytes | None = None
    polls: int = 0
    failure: str | None = None
    warnings: tuple[str, ...] = ()


@dataclass(slots=True)
class _FakeServerRule:
    method: str
    path: str
    faults: list[Fault]


class FakeServer(LoopbackServer):
    """A context manager that serves the API, uploads and downloads at one address.

    Attributes
    ----------
    jobs : Jobs by ID.
    keys : Idempotency keys to the IDs of their jobs.
    requests : Method and path of each request.
    polls_until_done : Number of polls until a job is done.
    polls_until_lyrics : Number of polls more until the lyrics have ended.
    lyrics_failure : Why there are no lyrics, if they fail.
    has_lyrics : Whether it is a version that knows lyrics.
    words : Number of words of each song.
    token : Accepted bearer token.
    """

    def __init__(self) -> None:
        super().__init__(_FakeServerHandler)
        self.jobs: dict[str, FakeJob] = {}
        self.keys: dict[str, str] = {}
        self.requests: list[tuple[str, str]] = []
        self.headers: list[dict[str, str]] = []
        self.polls_until_done = 2
        self.polls_until_lyrics = 2
        self.lyrics_failure: str | None = None
        self.has_lyrics = True
        self.words = 123
        self.failure: str | None = None
        self.warnings: tuple[str, ...] = ()
        self.gain_db = 0.0
        self.token = TOKEN
        self.signature = 0
        self.lock = threading.RLock()
        self._rules: list[_FakeServerRule] = []

    def inject(self, method: str, path: str, *faults: Fault) -> None:
        """Inject faults into the next requests that match a path pattern, one fault per request."""
        self._rules.append(_FakeServerRule(method, path, list(faults)))

    def count_requests(self, method: str, path: str) -> int:
        """Return the number of requests that match a path pattern."""
        return sum(m == method and re.fullmatch(path, p) is not None for m, p in self.requests)

    def fault_for(self, method: str, path: str) -> Fault | None:
        """Return the fault of a request, if any."""
        with self.lock:
            for rule in self._rules:
                if rule.method == method and re.fullmatch(rule.path, path) and rule.faults:
                    return rule.faults.pop(0)
        return None

    def stem(self, job: FakeJob, name: str) -> bytes:
        """Return a stem: bytes derived from song and name, of the song's length."""
        assert job.song is not None
        return hashlib.shake_128(name.encode() + job.song).digest(len(job.song))

    def new_job(self, wanted: dict[str, Any], key: str) -> dict[str, Any]:
        """Create a job, which is done if its song is known, or return that of a key."""
        filename, size_bytes = wanted.pop("filename"), wanted.pop("size_bytes")
        sha256 = wanted.pop("sha256")
        checksum = base64.b64encode(bytes.fromhex(sha256)).decode()
        new_id = self.keys.setdefault(key, secrets.token_hex(16))
        job = self.jobs.get(new_id) or FakeJob(
            new_id, filename, size_bytes, checksum, Options.parse(wanted)
        )
        for other in self.jobs.values():
            if other.song and hashlib.sha256(other.song).hexdigest() == sha256:
                job.song, job.polls = other.song, self.polls_until_done
        self.jobs[job.id] = job
        upload = {
            "method": "PUT",
            "url": f"{self.url}/uploads/{job.id}?signature=put",
            "headers": {"x-amz-checksum-sha256": checksum},
            "expires_at": "2026-01-15T10:30:00.000Z",
        }
        return self.to_dict(job) | {"upload": None if job.song else upload}

    def to_dict(self, job: FakeJob) -> dict[str, Any]:
        """Return a job as the API does, with the fields that the client reads."""
        is_finished = job.polls >= self.polls_until_done and job.song is not None
        status = "awaiting_upload" if job.song is None else "processing"
        if is_finished:
            status = "failed" if self.failure else "done"
        stems = job.options.outputs if status == "done" else ()
        error = {"code": "not_audio", "message": self.failure} if status == "failed" else None
        return {
            "id": job.id,
            "filename": job.filename,
            "status": status,
            "progress": min(job.polls / max(self.polls_until_done, 1), 1.0),
            "seconds_left": 12.0 if status == "processing" else None,
            "options": job.options.to_dict(),
            "stems": [self._file(job, stem) for stem in stems],
            "music": None,
            "zip": self._file(job, "stems.zip") if stems and job.options.zip else None,
            "stem_file": self._file(job, "stem_file") if stems and job.options.stem_file else None,
            "error": error,
            "warnings": list(self.warnings),
        } | ({"lyrics": self._lyrics(job) if stems else None} if self.has_lyrics else {})

    def _lyrics(self, job: FakeJob) -> dict[str, Any] | None:
        if not job.options.lyrics:
            return None
        has_ended = job.polls >= self.polls_until_done + self.polls_until_lyrics
        failure = self.lyrics_failure if has_ended else None
        is_done = has_ended and failure is None
        files = LyricsFormat if is_done and self.words else ()
        return {
            "status": ("done" if is_done else "failed") if has_ended else "pending",
            "engine": "transcribe",
            "language": "en" if files else None,
            "words": self.words if is_done else 0,
            "cost_usd": 0.01,
            "code": "lyrics_timed_out" if failure else None,
            "reason": failure,
            "files": [self._file(job, kind.filename) | {"format": kind} for kind in files],
            "finished_at": "2026-01-15T10:30:00.000Z" if has_ended else None,
            "deadline_at": "2026-01-15T10:30:00.000Z",
        }

    def _file(self, job: FakeJob, name: str) -> dict[str, Any]:
        return {
            "stem": name,
            "filename": f"{job.filename} - {name}",
            "size_bytes": len(self.stem(job, name)),
            "duration_s": 1.0,
            "peak_dbfs": 0.5,
            "clipped_samples": 0,
            "gain_db": self.gain_db,
            "url": f"{self.url}/results/{job.id}/{name}?signature={self.signature}",
        }


class _FakeServerHandler(LoopbackHandler):
    owner: FakeServer

    def _serve(self) -> None:
        fake = self.owner
        path = self.path.partition("?")[0]
        with fake.lock:
            fake.requests.append((self.command, path))
            fake.headers.append({name.lower(): value for name, value in self.headers.items()})
        fault = fake.fault_for(self.command, path)
        if fault is close_connection:
            self.close_connection = True
            return
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))

        def act() -> FakeResponse:
            with fake.lock:
                return self._respond(path, body)

        answer = fault(act) if fault else act()
        if answer is None:
            self.close_connection = True
        else:
            self._send(answer)

    do_GET = do_POST = do_PUT = _serve

    def _respond(self, path: str, body: bytes) -> FakeResponse:
        first, *rest = path.strip("/").split("/")
        if first == "uploads":
            return self._put_upload(rest[0], body)
        if first == "results":
            return self._get_result(*rest)
        if self.headers.get("Authorization") != f"Bearer {self.owner.token}":
            return FakeResponse(401, b"{}", {"WWW-Authenticate": "Bearer"})
        if first == "options":
            return FakeResponse(200, json.dumps({"limits": {"max_upload_bytes": 10**9}}).encode())
        if self.command == "POST":
            key = self.headers["Idempotency-Key"]
            return FakeResponse(201, json.dumps(self.owner.new_job(json.loads(body), key)).encode())
        return self._get_job(rest[0])

    def _get_job(self, job_id: str) -> FakeResponse:
        job = self.owner.jobs.get(job_id)
        if job is None:
            return FakeResponse(404, json.dumps({"detail": "There is no such job."}).encode())
        job.polls += 1 if job.song is not None else 0
        shown = json.dumps(self.owner.to_dict(job)).encode()
        etag = f'"{hashlib.sha256(shown).hexdigest()}"'
        headers = {"ETag": etag, "Retry-After": "0"}
        if self.headers.get("If-None-Match") == etag:
            return FakeResponse(304, b"", headers)
        return FakeResponse(200, shown, headers)

    def _put_upload(self, job_id: str, body: bytes) -> FakeResponse:
        """Accept an upload as S3 does: it must have the signed headers and no others."""
        job = self.owner.jobs[job_id]
        sent = {name.lower(): value for name, value in self.headers.items()}
        signed = {
            "content-length": str(job.size_bytes),
            "x-amz-checksum-sha256": job.checksum,
        }
        others = {"authorization", "content-type", "transfer-encoding"} & sent.keys()
        is_right = self.command == "PUT" and self.path.endswith("?signature=put")
        if not is_right or others or not signed.items() <= sent.items():
            return FakeResponse(
                403, _error("SignatureDoesNotMatch", "The signature doesn't match.")
            )
        if base64.b64encode(hashlib.sha256(body).digest()).decode() != job.checksum:
            return FakeResponse(400, _error("BadDigest", "The checksum doesn't match."))
        job.song = body
        return FakeResponse(200)

    def _get_result(self, job_id: str, name: str) -> FakeResponse:
        fake = self.owner
        if self.path.partition("=")[2] != str(fake.signature) or self.headers.get("Authorization"):
            return FakeResponse(403, EXPIRED)
        data = fake.stem(fake.jobs[job_id], name)
        begin = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if begin:
            return FakeResponse(206, data[int(begin[1]) :])
        return FakeResponse(200, data)

    def _send(self, answer: FakeResponse) -> None:
        self.send_response_only(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if answer.truncate_after_bytes is not None:
            self.close_connection = True
        self.wfile.write(answer.body[: answer.truncate_after_bytes])


def _error(code: str, message: str) -> bytes:
    return f"<Error><Code>{code}</Code><Message>{message}</Message></Error>".encode()
