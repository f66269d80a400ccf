"""URL and token of the server, from arguments, the environment, or this checkout's `make local`."""

import argparse
import os
from pathlib import Path

import httpx

from stemdrop.errors import OptionError

DEFAULT_URL = "http://localhost:5000"
# `make local` keeps its token here.
CHECKOUT_TOKEN = Path(__file__).resolve().parents[2] / ".stemdrop" / "token"
LOOPBACK = {"localhost", "127.0.0.1", "::1"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that name a server."""
    parser.add_argument(
        "--url", help=f"URL of the server (default: STEMDROP_URL, else {DEFAULT_URL})"
    )
    parser.add_argument(
        "--token",
        help="access token (default: STEMDROP_TOKEN, else the token of this checkout's "
        "`make local`)",
    )


def find_url(given: str | None) -> str:
    """Return the server's URL.

    Raises
    ------
    OptionError : It isn't a URL.
    """
    url = given or os.environ.get("STEMDROP_URL") or DEFAULT_URL
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise OptionError(f"url can't be {url!r}: {error}.") from error
    if parsed.scheme not in {"http", "https"} or not parsed.host:
        raise OptionError(f"url can't be {url!r}: write it as {DEFAULT_URL}.")
    return url.rstrip("/")


def find_token(given: str | None, url: str) -> str | None:
    """Return the server's token, or None if there is none.

    Raises
    ------
    OptionError : It isn't a token.
    """
    token = (given or os.environ.get("STEMDROP_TOKEN") or "").strip()
    if not token and httpx.URL(url).host in LOOPBACK and CHECKOUT_TOKEN.is_file():
        token = CHECKOUT_TOKEN.read_text(errors="replace").strip()
    if not (token.isascii() and token.isprintable()) or " " in token:
        raise OptionError("The token is invalid: use printable ASCII characters without spaces.")
    return token or None
