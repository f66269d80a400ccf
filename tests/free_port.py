"""Ports of the loopback interface that nobody else uses."""

import socket

from stemdrop_local.ports import LOOPBACK


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
