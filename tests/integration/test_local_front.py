"""The public port: who answers what, and what is told of it."""

import http.client
import socket
import threading
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from queue import SimpleQueue
from typing import TYPE_CHECKING

import pytest
from stemdrop_local.http.front import Call, Front, PortTakenError, PublicServer, listen

from stemdrop_local.ports import LOOPBACK

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

BUCKETS = ("songs", "stems")
WAIT_S = 20.0


def answering(status: str, *parts: bytes) -> "WSGIApplication":
    def application(environ: "WSGIEnvironment", start: "StartResponse") -> Iterable[bytes]:
        environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        start(status, [("X-Path", environ["REQUEST_URI"])])
        return parts

    return application


@contextmanager
def serving(
    api: "WSGIApplication", s3: "WSGIApplication"
) -> Iterator[tuple[int, "SimpleQueue[Call]"]]:
    calls: SimpleQueue[Call] = SimpleQueue()
    front = Front(api, s3, BUCKETS, calls.put)
    with closing(listen(LOOPBACK, 0)) as listening, PublicServer(listening, front):
        yield listening.getsockname()[1], calls


def ask(port: int, method: str, path: str, **details: object) -> tuple[int, bytes, str | None]:
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=WAIT_S)
    with closing(connection):
        connection.request(method, path, **details)  # type: ignore[arg-type]
        answer = connection.getresponse()
        return answer.status, answer.read(), answer.getheader("X-Path")


@pytest.mark.parametrize(
    ("path", "is_for_s3"),
    [
        ("/", False),
        ("/jobs/songs", False),
        ("/songs", True),
        ("/songs/", True),
        ("/stems/drop/a%2Fb//c?X-Amz-Signature=secret", True),
        ("/%73ongs/a", True),
        ("/songsters/a", False),
    ],
)
def test_buckets_are_for_s3_and_everything_else_is_for_the_api(path: str, is_for_s3: bool) -> None:
    with serving(answering("200 OK", b"api"), answering("404 Not Found", b"s", b"3")) as (
        port,
        calls,
    ):
        status, body, seen = ask(port, "GET", path)
    assert (status, body) == ((404, b"s3") if is_for_s3 else (200, b"api"))
    assert seen == path
    call = calls.get(timeout=WAIT_S)
    assert (call.method, call.status, call.is_for_s3) == ("GET", status, is_for_s3)
    assert call.elapsed_s >= 0
    assert "secret" not in repr(call)


@pytest.mark.parametrize(
    ("authorization", "is_signed"),
    [("AWS4-HMAC-SHA256 Credential=a", True), ("Bearer secret", False), ("", False)],
)
def test_calls_of_aws_tools_are_told_apart(authorization: str, is_signed: bool) -> None:
    with serving(answering("200 OK"), answering("200 OK")) as (port, calls):
        ask(port, "PUT", "/songs/a", headers={"Authorization": authorization}, body=b"abc")
    call = calls.get(timeout=WAIT_S)
    assert call.is_signed == is_signed
    assert "secret" not in repr(call)


def test_requests_are_answered_at_the_same_time() -> None:
    both = threading.Barrier(2, timeout=WAIT_S)

    def meet(_: "WSGIEnvironment", start: "StartResponse") -> Iterable[bytes]:
        both.wait()
        start("204 No Content", [])
        return []

    with serving(meet, meet) as (port, calls):
        other = threading.Thread(target=ask, args=(port, "GET", "/"))
        other.start()
        assert ask(port, "GET", "/songs")[0] == 204
        other.join()
    assert {calls.get(timeout=WAIT_S).is_for_s3 for _ in range(2)} == {False, True}


def test_an_answer_is_told_when_it_has_been_sent() -> None:
    may_end = threading.Event()

    def slowly(_: "WSGIEnvironment", start: "StartResponse") -> Iterator[bytes]:
        start("200 OK", [("Content-Length", "2")])
        yield b"a"
        may_end.wait(WAIT_S)
        yield b"b"

    with serving(slowly, slowly) as (port, calls):
        connection = http.client.HTTPConnection(LOOPBACK, port, timeout=WAIT_S)
        with closing(connection):
            connection.request("GET", "/")
            answer = connection.getresponse()
            assert answer.read(1) == b"a"
            assert calls.empty()
            may_end.set()
            assert answer.read() == b"b"
        assert calls.get(timeout=WAIT_S).status == 200


def test_a_port_that_is_listened_at_but_not_served_yet_waits() -> None:
    with closing(listen(LOOPBACK, 0)) as listening:
        port = listening.getsockname()[1]
        answers: SimpleQueue[tuple[int, bytes, str | None]] = SimpleQueue()
        early = threading.Thread(target=lambda: answers.put(ask(port, "GET", "/")))
        early.start()
        front = Front(answering("200 OK", b"api"), answering("200 OK"), BUCKETS, lambda _: None)
        with PublicServer(listening, front):
            assert answers.get(timeout=WAIT_S)[:2] == (200, b"api")
        early.join()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((LOOPBACK, port), timeout=WAIT_S)


@pytest.mark.parametrize(
    ("host", "reason"),
    [(LOOPBACK, r"Port \d+ is taken: .* PORT=\d+\."), ("192.0.2.1", "of 192.0.2.1 can't be had")],
)
def test_a_port_that_cannot_be_had_is_told_in_a_sentence(host: str, reason: str) -> None:
    with socket.create_server((LOOPBACK, 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PortTakenError, match=reason):
            listen(host, port)


def test_a_call_without_an_answer_is_an_error() -> None:
    def never(_: "WSGIEnvironment", __: "StartResponse") -> Iterable[bytes]:
        raise ConnectionResetError("the caller went away")

    with serving(never, never) as (port, _), pytest.raises(http.client.RemoteDisconnected):
        ask(port, "GET", "/")
