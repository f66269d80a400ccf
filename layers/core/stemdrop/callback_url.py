"""Callback URLs: their form, and the hosts that webhooks are sent to."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from stemdrop.errors import CallbackUrlError, SetupError

MAX_LETTERS = 2048
LOOPBACK = "127.0.0.1"
# Our own grammar: parsers that disagree about a URL are how requests get to other hosts.
_HOST = r"(?P<host>[a-z0-9.-]{1,253})(?::(?P<port>[0-9]{1,5}))?"
_URL = re.compile(rf'(?P<scheme>https?)://{_HOST}(?P<target>[/?][!"$-~]*)?')


@dataclass(frozen=True, slots=True)
class CallbackUrl:
    """A URL that the API has accepted.

    Attributes
    ----------
    host : Name or IPv4 address of the host.
    target : Path and query, as in the first line of a request.
    """

    is_encrypted: bool
    host: str
    port: int
    target: str


@dataclass(frozen=True, slots=True)
class WebhookHosts:
    """The hosts that webhooks may be sent to, with their ports.

    Attributes
    ----------
    is_local : Whether this is the local stack, where a host may be loopback, and needs no TLS.
    """

    hosts: frozenset[tuple[str, int]] = frozenset()
    is_local: bool = False

    @classmethod
    def from_env(cls, environment: Mapping[str, str]) -> Self:
        """Read a list such as ``hooks.example.org,example.com:8443``; an empty one allows no host.

        Raises
        ------
        SetupError : The list is malformed.
        """
        text = environment.get("WEBHOOK_HOSTS", "")
        entries = [re.fullmatch(_HOST, entry) for entry in text.split(",") if text]
        if not all(entries):
            raise SetupError(f"WEBHOOK_HOSTS can't be {text!r}: use host names in lower case.")
        hosts = {(entry["host"], int(entry["port"] or 443)) for entry in entries if entry}
        return cls(frozenset(hosts), bool(environment.get("WEBHOOK_LOOPBACK")))

    def require(self, url: str) -> CallbackUrl:
        """Return a URL that a webhook may be sent to.

        Raises
        ------
        CallbackUrlError : It is malformed, not encrypted, or of another host or port.
        """
        if not self.hosts:
            raise CallbackUrlError(
                "This installation sends no webhooks: leave out callback_url, or have its host "
                "added to the parameter WebhookHosts."
            )
        match = _URL.fullmatch(url) if len(url) <= MAX_LETTERS else None
        if match is None or not (match["scheme"] == "https" or self._is_loopback(match["host"])):
            raise CallbackUrlError(
                "callback_url is invalid: use an https URL of at most 2,048 ASCII characters, with "
                "its host in lower case, without a user or a fragment."
            )
        is_encrypted = match["scheme"] == "https"
        port = int(match["port"] or (443 if is_encrypted else 80))
        if (match["host"], port) not in self.hosts:
            raise CallbackUrlError(
                f"No webhooks are sent to {match['host']}, port {port}: use an allowed host, or "
                "have this one added to the parameter WebhookHosts."
            )
        target = match["target"] or "/"
        return CallbackUrl(
            is_encrypted, match["host"], port, target if target.startswith("/") else f"/{target}"
        )

    def _is_loopback(self, host: str) -> bool:
        return self.is_local and host == LOOPBACK
