"""The access token of a stack, on this machine: in a file that only its owner can read.

The stack has the token; the file is a copy, which each deployment brings up to date.
"""

import os
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from stemdrop_cloud.account import Account
from stemdrop_cloud.configuration import ROOT
from stemdrop_cloud.errors import UnpreparedError

VARIABLE = "STEMDROP_TOKEN"
FOLDER = ROOT / ".stemdrop" / "aws"
# As template.yaml wants it.
TOKEN = re.compile(r"[A-Za-z0-9._~+/=-]{32,256}")


@dataclass(frozen=True, slots=True)
class TokenFile:
    """The file of one stack's token."""

    path: Path

    @classmethod
    def of(cls, account: Account, stack: str, folder: Path | None = None) -> Self:
        """Return the file for a stack of an account and region."""
        name = f"{stack}.{account.id}.{account.region}.token"
        return cls((folder or FOLDER) / name)

    def keep(self, token: str) -> None:
        """Write the token."""
        write_secret(self.path, f"{token}\n")

    def delete(self) -> None:
        """Forget the token."""
        self.path.unlink(missing_ok=True)


def write_secret(path: Path, text: str) -> None:
    """Write a file that nobody else can read at any moment."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.parent.chmod(0o700)
    path.unlink(missing_ok=True)
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(fd, "w") as file:
        file.write(text)


def given_token(environment: Mapping[str, str]) -> str | None:
    """Return the token of the environment.

    Raises
    ------
    UnpreparedError : it can't be one.
    """
    token = environment.get(VARIABLE, "").strip()
    if not token:
        return None
    if not TOKEN.fullmatch(token):
        raise UnpreparedError(
            f"{VARIABLE} is no token: use at least 32 letters, digits and signs of ._~+/=-"
        )
    return token


def make_token() -> str:
    """Return a token that nobody can guess."""
    return secrets.token_urlsafe(32)
