"""Delivery of webhooks: one request to an address that was checked, and nothing else.

The names of allowed hosts are resolved here, so a name can't lead to an address inside of a network
by an entry in the DNS that changes between the check and the connection.
"""

import socket
import ssl
import time
from collections.abc import Mapping
from contextlib import suppress
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from ipaddress import IPv4Address
from threading import Timer

from stemdrop.callback_url import CallbackUrl
from stemdrop.errors import TransientError

TIMEOUT_S = 10.0


class DeliveryError(TransientError):
    """A webhook was not accepted."""

    code = "delivery"


def deliver(
    url: CallbackUrl,
    headers: Mapping[str, str],
    body: bytes,
    *,
    is_local: bool,
    timeout_s: float = TIMEOUT_S,
) -> None:
    """Send a webhook. Redirects aren't followed, and the body of the response isn't read.

    Parameters
    ----------
    is_local : Whether the host may be loopback.
    timeout_s : Seconds for the connection and the request, after the host's name is resolved.

    Raises
    ------
    DeliveryError : There is no response, or its status isn't between 200 and 299.
    """
    address = find_address(url, is_local=is_local)
    kind = HTTPSConnection if url.is_encrypted else HTTPConnection
    connection = kind(url.host, url.port, timeout=timeout_s)
    ends_s = time.monotonic() + timeout_s
    try:
        connection.sock = _connect(url, address, timeout_s)
        status = _send(connection, url.target, headers, body, ends_s - time.monotonic())
    except (OSError, HTTPException) as error:
        raise DeliveryError(f"{url.host} did not answer: {error!r}.") from error
    finally:
        connection.close()
    if not 200 <= status < 300:
        raise DeliveryError(f"{url.host} answered with the status {status}.")


def find_address(url: CallbackUrl, *, is_local: bool) -> str:
    """Return an address of the host that a request may be sent to.

    Only IPv4 addresses are: Lambda has no others outside of a VPC.

    Raises
    ------
    DeliveryError : The host has none.
    """
    try:
        found = socket.getaddrinfo(url.host, url.port, socket.AF_INET, socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise DeliveryError(f"{url.host} has no address: {error!r}.") from error
    for *_, (address, *_) in found:
        if _is_allowed(IPv4Address(address), url.host, is_local=is_local):
            return str(address)
    raise DeliveryError(f"{url.host} has no public address.")


def _is_allowed(address: IPv4Address, host: str, *, is_local: bool) -> bool:
    if address.is_loopback:
        return is_local
    if address.is_multicast or address.is_link_local or address.is_unspecified:
        return False
    return address.is_global or str(address) == host  # the list of hosts names it


def _connect(url: CallbackUrl, address: str, timeout_s: float) -> socket.socket:
    """Connect to an address; the handshake of TLS verifies that it is the URL's host."""
    plain = socket.create_connection((address, url.port), timeout_s)
    if not url.is_encrypted:
        return plain
    context = ssl.create_default_context()
    return context.wrap_socket(plain, server_hostname=url.host, do_handshake_on_connect=False)


def _send(
    connection: HTTPConnection,
    target: str,
    headers: Mapping[str, str],
    body: bytes,
    timeout_s: float,
) -> int:
    """Send a request, and return the status of its response."""
    # The socket's own timeout starts again with every byte.
    end = Timer(timeout_s, _shut_down, (connection.sock,))
    end.start()
    try:
        if isinstance(connection.sock, ssl.SSLSocket):
            connection.sock.do_handshake()
        connection.request("POST", target, body, dict(headers))
        return connection.getresponse().status
    finally:
        end.cancel()


def _shut_down(connected: socket.socket) -> None:
    """End a connection below TLS, which another thread is waiting at."""
    with suppress(OSError):
        socket.socket.shutdown(connected, socket.SHUT_RDWR)
