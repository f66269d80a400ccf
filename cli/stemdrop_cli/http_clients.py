"""HTTP clients of the command line."""

import ssl
from collections.abc import Mapping
from functools import cache
from typing import Any

import httpx

# The environment's proxy is not for this machine.
NO_PROXY: Mapping[str, httpx.BaseTransport | None] = {
    "all://localhost": None,
    "all://127.0.0.1": None,
    "all://[::1]": None,
}


def open_client(**options: Any) -> httpx.Client:
    """Return a client that uses the environment's proxy, except for this machine."""
    return httpx.Client(mounts=NO_PROXY, verify=_tls_context(), **options)


@cache
def _tls_context() -> ssl.SSLContext:
    """Read the certificate authorities, which takes longer than a request to this machine."""
    return httpx.create_ssl_context()
