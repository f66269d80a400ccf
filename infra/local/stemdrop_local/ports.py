"""Ports of this machine that servers listen at."""

import errno
import socket

from stemdrop.errors import SetupError

LOOPBACK = "127.0.0.1"


class PortTakenError(SetupError):
    """Something else listens at the port."""

    code = "port_taken"


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that accepts connections from now on, although nobody answers them yet.

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
                f"PORT={port + 1}."
            ) from error
        raise PortTakenError(f"Port {port} of {host} can't be used: {error.strerror}.") from error


def reserve_port() -> int:
    """Return a port that a server may listen at, and that the system gives to nobody else for now.

    A connection through it is closed by the server's side, which leaves the port in TIME_WAIT for
    a minute: the system then doesn't choose it for others, but a server may still ask for it.
    """
    with socket.create_server((LOOPBACK, 0)) as server:
        port: int = server.getsockname()[1]
        with socket.create_connection((LOOPBACK, port)) as client:
            accepted, _ = server.accept()
            accepted.close()
            client.recv(1)
    return port
