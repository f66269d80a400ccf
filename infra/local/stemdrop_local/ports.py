"""The port that the stack is reached at."""

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
