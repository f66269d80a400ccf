"""Webhooks are sent to the checked address of the right host only, and each failure is an error."""

import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event, Thread, Timer
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from clock import Clock
from stemdrop.callback_url import CallbackUrl
from stemdrop_webhook.delivery import DeliveryError, deliver, find_address
from webhook_receiver import receive_webhooks

HOST = "hooks.example.org"
HEADERS = {"webhook-id": "evt_1"}


def url_of(port: int, host: str = "127.0.0.1", *, is_encrypted: bool = False) -> CallbackUrl:
    return CallbackUrl(is_encrypted, host, port, "/hook?a=b")


def send(url: CallbackUrl, timeout_s: float = 30.0) -> None:
    deliver(url, HEADERS, b"{}", is_local=True, timeout_s=timeout_s)


@pytest.fixture
def resolve(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return a function that sets the addresses of all names."""

    known = socket.getaddrinfo

    def set_addresses(*addresses: str) -> None:
        def look_up(host: str, port: int, *more: Any) -> list[Any]:
            if host != HOST:
                return known(host, port, *more)
            return [found for each in addresses for found in known(each, port, *more)]

        monkeypatch.setattr(socket, "getaddrinfo", look_up)

    return set_addresses


@pytest.fixture
def certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Return a function that makes a certificate of a host, which the function then trusts."""

    def make(host: str) -> Path:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
        now = datetime.now(UTC)
        made = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(1)
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
            .sign(key, hashes.SHA256())
        )
        public = made.public_bytes(serialization.Encoding.PEM)
        secret = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        path = tmp_path / f"{host}.pem"
        path.write_bytes(public + secret)
        monkeypatch.setenv("SSL_CERT_FILE", str(path))
        return path

    return make


def test_webhook_is_posted_over_verified_tls(
    certificate: Callable[[str], Path], resolve: Callable[..., None]
) -> None:
    resolve("127.0.0.1")
    with receive_webhooks(204, certificate=certificate(HOST)) as receiver:
        send(url_of(receiver.port, HOST, is_encrypted=True))
        webhook = receiver.take()
    assert (webhook.path, webhook.body) == ("/hook?a=b", b"{}")
    assert webhook.headers["host"] == f"{HOST}:{receiver.port}"
    assert webhook.headers["webhook-id"] == "evt_1"


@pytest.mark.parametrize("name", ["evil.example", "unknown"])
def test_server_with_another_certificate_gets_nothing(
    certificate: Callable[[str], Path], resolve: Callable[..., None], name: str
) -> None:
    resolve("127.0.0.1")
    path = certificate(HOST if name == "unknown" else name)
    if name == "unknown":
        certificate("another.example")  # the only one that is trusted now
    with receive_webhooks(204, certificate=path) as receiver:
        with pytest.raises(DeliveryError, match="did not answer: SSLCertVerificationError"):
            send(url_of(receiver.port, HOST, is_encrypted=True))
        assert receiver.requests.empty()


@pytest.mark.parametrize("status", [199 + 101, 301, 302, 307, 308, 400, 404, 410, 429, 500, 503])
def test_any_other_status_is_an_error_and_no_redirect_is_followed(status: int) -> None:
    with receive_webhooks(status) as receiver:
        with pytest.raises(DeliveryError, match=rf"127\.0\.0\.1 answered with the status {status}"):
            send(url_of(receiver.port))
        assert receiver.take().path == "/hook?a=b"
        assert receiver.requests.empty()


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_any_2xx_status_accepts_the_webhook(status: int) -> None:
    with receive_webhooks(status) as receiver:
        send(url_of(receiver.port))


# --- addresses


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.1.2.3", "0.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1",
        "169.254.169.254", "169.254.100.1", "224.0.0.1", "239.255.255.250", "255.255.255.255",
        "240.0.0.1", "192.0.2.1", "198.18.0.1",
    ],
)  # fmt: skip
def test_name_with_a_private_address_is_refused(resolve: Callable[..., None], address: str) -> None:
    resolve(address)
    with pytest.raises(DeliveryError, match=f"{HOST} has no public address"):
        find_address(url_of(443, HOST), is_local=False)


def test_public_address_is_preferred_to_a_private_one(resolve: Callable[..., None]) -> None:
    resolve("10.0.0.1", "93.184.215.14")
    assert find_address(url_of(443, HOST), is_local=False) == "93.184.215.14"


@pytest.mark.parametrize(
    ("address", "is_allowed"),
    [("10.1.2.3", True), ("127.0.0.1", False), ("169.254.169.254", False), ("224.0.0.1", False)],
)
def test_address_in_the_list_of_hosts_may_be_private_only(address: str, is_allowed: bool) -> None:
    url = url_of(443, address)
    if is_allowed:
        assert find_address(url, is_local=False) == address
    else:
        with pytest.raises(DeliveryError, match="no public address"):
            find_address(url, is_local=False)


@pytest.mark.parametrize("host", ["2130706433", "0x7f.1", "127.1", "0"])
def test_other_spelling_of_loopback_is_refused(host: str) -> None:
    with pytest.raises(DeliveryError):
        find_address(url_of(443, host), is_local=False)


def test_connection_is_made_to_the_address_that_was_checked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answers = iter(["93.184.215.14", "10.0.0.1"])
    connected: list[tuple[str, int]] = []

    def connect(address: tuple[str, int], *_: object) -> socket.socket:
        connected.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(
        socket, "getaddrinfo", lambda *_: [(socket.AF_INET, 1, 6, "", (next(answers), 443))]
    )
    monkeypatch.setattr(socket, "create_connection", connect)
    with pytest.raises(DeliveryError, match="did not answer: ConnectionRefusedError"):
        deliver(url_of(443, HOST, is_encrypted=True), HEADERS, b"{}", is_local=False)
    assert connected == [("93.184.215.14", 443)]


@pytest.mark.parametrize("error", [socket.gaierror(-2, "unknown"), UnicodeError("label too long")])
def test_name_without_an_address_is_an_error(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    with pytest.raises(DeliveryError, match=f"{HOST} has no address"):
        send(url_of(443, HOST))


# --- strange servers


@contextmanager
def serve(respond: Callable[[socket.socket, Event], None]) -> Iterator[int]:
    """Run a server that does anything with its only connection until the test ends."""
    ended = Event()
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:

        def run() -> None:
            connection, _ = listening.accept()
            with closing(connection), suppress(OSError):
                respond(connection, ended)

        thread = Thread(target=run)
        thread.start()
        yield listening.getsockname()[1]
        ended.set()
        thread.join()


def drip(connection: socket.socket, ended: Event) -> None:
    while not ended.wait(0.02):
        connection.sendall(b"x")


def be_silent(_: socket.socket, ended: Event) -> None:
    ended.wait()


@pytest.mark.parametrize("respond", [drip, be_silent])
@pytest.mark.parametrize("is_encrypted", [False, True])
def test_response_that_never_ends_is_an_error(
    respond: Callable[[socket.socket, Event], None], is_encrypted: bool
) -> None:
    with serve(respond) as port, pytest.raises(DeliveryError, match="did not answer"):
        send(url_of(port, is_encrypted=is_encrypted), timeout_s=0.3)


def test_time_to_connect_is_taken_off_the_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, connect = Clock(), socket.create_connection
    timeouts_s: list[float] = []

    def connect_slowly(address: tuple[str, int], timeout_s: float) -> socket.socket:
        timeouts_s.append(timeout_s)
        clock.now_s += 8
        return connect(address, timeout_s)

    class RecordingTimer(Timer):
        def __init__(self, interval: float, *more: Any) -> None:
            timeouts_s.append(interval)
            super().__init__(interval, *more)

    with receive_webhooks(204) as receiver:
        monkeypatch.setattr("stemdrop_webhook.delivery.time", clock)
        monkeypatch.setattr("stemdrop_webhook.delivery.Timer", RecordingTimer)
        monkeypatch.setattr(socket, "create_connection", connect_slowly)
        send(url_of(receiver.port), timeout_s=30)
    assert timeouts_s == [30, 22]


@pytest.mark.parametrize(
    "response",
    [
        b"",
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 200\r\n" + b"x: y\r\n" * 200,
        b"HTTP/1.1 200 " + b"x" * 70_000,
    ],
    ids=["none", "nonsense", "headers", "line"],
)
def test_malformed_response_is_an_error(response: bytes) -> None:
    def respond(connection: socket.socket, _: Event) -> None:
        connection.recv(1 << 16)
        connection.sendall(response)

    with serve(respond) as port, pytest.raises(DeliveryError, match="did not answer"):
        send(url_of(port))


def test_body_of_the_response_is_not_read() -> None:
    def respond(connection: socket.socket, ended: Event) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n")
        ended.wait()

    with serve(respond) as port:
        send(url_of(port))


def test_server_without_tls_is_an_error() -> None:
    with receive_webhooks(204) as receiver:
        with pytest.raises(DeliveryError, match="did not answer"):
            send(url_of(receiver.port, is_encrypted=True))
        assert receiver.requests.empty()
    assert ssl.create_default_context().verify_mode is ssl.CERT_REQUIRED
