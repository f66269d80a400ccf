"""The linters' own environment, and what their programs get of ours."""

import os
from pathlib import Path

from stemdrop.errors import SetupError

ROOT = Path(__file__).parents[3]
PROGRAMS = ROOT / ".venv-lint" / "bin"
CACHE = ROOT / "build" / "lint"
# The way to a package registry, if it is not the usual one.
NETWORK = ("HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy", "REQUESTS_CA_BUNDLE")


def program(name: str) -> Path:
    """Return the path of a linter.

    Raises
    ------
    SetupError : it isn't installed.
    """
    path = PROGRAMS / name
    if not path.exists():
        raise SetupError(f"{name} is not installed: run `make setup`.")
    return path


def environment(*names: str) -> dict[str, str]:
    """Return the environment of a linter, which leaves its caches in build/.

    Parameters
    ----------
    names : of our variables that it gets, if they are set.
    """
    CACHE.mkdir(parents=True, exist_ok=True)
    kept = {name: os.environ[name] for name in names if name in os.environ}
    return {"PATH": os.defpath, "HOME": str(CACHE), **kept}
