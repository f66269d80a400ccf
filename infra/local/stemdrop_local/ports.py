"""Listening sockets and free ports."""

import errno
import socket

from stemdrop.errors import SetupError

LOOPBACK = "127.0.0.1"
ALL_ADDRESSES = "0.0.0.0"  # noqa: S104 - in a container, which publishes chosen ports
MAX_PORT = 65_535


class PortTakenError(SetupError):
    """The port can't be used."""

    code = "port_taken"


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket; connections wait until a server accepts them.

    Raises
    ------
    PortTakenError : The port can't be used.
    """
    try:
        return socket.create_server((host, port))
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise PortTakenError(
                f"Port {port} is taken: stop what listens there, or choose another one with "
                f"PORT={port + 1 if port < MAX_PORT else port - 1}."
            ) from error
        raise PortTakenError(f"Port {port} of {host} can't be used: {error.strerror}.") from error


def reserve_port() -> int:
    """Return a free port that the system doesn't assign to other programs for a minute.

    The server closes a connection first, which leaves the port in TIME_WAIT: the system no longer
    chooses it, but a server can still listen on it.
    """
    with socket.create_server((LOOPBACK, 0)) as server:
        port: int = server.getsockname()[1]
        with socket.create_connection((LOOPBACK, port)) as client:
            accepted, _ = server.accept()
            accepted.close()
            client.recv(1)
    return port
