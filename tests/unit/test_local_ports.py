"""Ports of the local stack."""

import errno
import re
import socket

import pytest

from stemdrop_local.ports import LOOPBACK, PortTakenError, listen


@pytest.mark.parametrize(("port", "other"), [(5000, 5001), (65_535, 65_534)])
def test_neighbor_of_a_taken_port_is_proposed(
    port: int, other: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: object) -> None:
        raise OSError(errno.EADDRINUSE, "Address already in use")

    monkeypatch.setattr(socket, "create_server", refuse)
    with pytest.raises(PortTakenError, match=re.escape(f"PORT={other}.")):
        listen(LOOPBACK, port)
