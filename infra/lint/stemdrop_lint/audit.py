"""Known vulnerabilities of the packages that ship, as pip-audit finds them in advisories.

An audit that could not be made is never taken for one that found nothing: it says so and ends
with 3. With --tolerant, for a laptop without a network, it says so and ends with 0.
"""

import argparse
import json
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stemdrop.errors import SetupError
from stemdrop_lint.tools import CACHE, NETWORK, ROOT, environment, program

SHIPPED = (
    "functions/api/requirements.txt",
    "functions/separate/requirements.txt",
    # These two run when the image is built, and in the image of BACKEND=tensorflow.
    "functions/separate/model/requirements.txt",
    "functions/separate/model/spleeter.txt",
    # The embedded stack's, in the image.
    "infra/local/image.txt",
)
IGNORED = ROOT / "infra" / "lint" / "ignored.txt"
ENTRY = re.compile(
    r"(?P<id>\S+) +(?P<package>\S+) +(?P<date>\d{4}-\d\d-\d\d) +(?P<reason>\S.{19,})"
)
SOCKET_S, WITHIN_S = 15, 180
CLEAN, VULNERABLE, WRONG, NOT_AUDITED = 0, 1, 2, 3


class UnreachableError(SetupError):
    """The advisories can't be had, or don't know the packages."""

    code = "unreachable"


@dataclass(frozen=True, slots=True, order=True)
class Vulnerability:
    """An advisory for a package that ships."""

    package: str
    version: str
    names: tuple[str, ...]
    fixed_in: tuple[str, ...]

    def __str__(self) -> str:
        cure = f"fixed in {', '.join(self.fixed_in)}" if self.fixed_in else "no version fixes it"
        return f"{self.package} {self.version}: {' '.join(self.names)}: {cure}"


def read_ignored(text: str) -> dict[str, str]:
    """Return the advisories that are not looked at, each with its package.

    Raises
    ------
    SetupError : an entry has no package, no date or no reason.
    """
    entries: dict[str, str] = {}
    for line in text.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        match = ENTRY.fullmatch(line.strip())
        if not match:
            raise SetupError(f"{line!r} should be: advisory, package, date, reason.")
        entries[match["id"]] = match["package"]
    return entries


def read_report(text: str) -> tuple[int, list[Vulnerability]]:
    """Return how many packages pip-audit has looked up, and what is known of them.

    Raises
    ------
    UnreachableError : it could not look up all of them.
    """
    try:
        packages: list[dict[str, Any]] = list(json.loads(text)["dependencies"])
    except (ValueError, KeyError, TypeError) as error:
        raise UnreachableError("pip-audit gave no answer") from error
    unknown = [package["name"] for package in packages if "skip_reason" in package]
    if unknown or not packages:
        raise UnreachableError(
            f"the advisories don't know {len(unknown)} of {len(packages)} packages"
        )
    found = {
        Vulnerability(
            package["name"],
            package["version"],
            (entry["id"], *sorted(entry.get("aliases", ()))),
            tuple(entry.get("fix_versions", ())),
        )
        for package in packages
        for entry in package["vulns"]
    }
    return len({(package["name"], package["version"]) for package in packages}), sorted(found)


def command(paths: Sequence[Path]) -> list[str]:
    """Return the command that looks up locked packages; nothing is installed or resolved."""
    given = [word for path in paths for word in ("--requirement", str(path))]
    quietly = ("--format", "json", "--progress-spinner", "off", "--timeout", str(SOCKET_S))
    locked = ("--require-hashes", "--disable-pip", "--cache-dir", str(CACHE / "pip-audit"))
    return [str(program("pip-audit")), *given, *locked, *quietly]


def ask(words: list[str]) -> tuple[int, list[Vulnerability]]:
    """Run pip-audit and read what it says.

    Raises
    ------
    UnreachableError : it says nothing, or not of all packages.
    """
    try:
        run = subprocess.run(
            words,
            cwd=ROOT,
            env=environment(*NETWORK),
            capture_output=True,
            text=True,
            timeout=WITHIN_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise UnreachableError(f"pip-audit gave no answer within {WITHIN_S} s") from error
    try:
        return read_report(run.stdout)
    except UnreachableError as error:
        last = run.stderr.strip().splitlines()[-1:] if not run.stdout.strip() else []
        raise UnreachableError(": ".join([str(error), *last])) from error


def judge(count: int, found: list[Vulnerability], ignored: dict[str, str]) -> int:
    """Tell what was found, but for what is ignored, and return how the program ends."""
    matched = {
        name for entry in found for name in entry.names if ignored.get(name) == entry.package
    }
    left = [entry for entry in found if not matched.intersection(entry.names)]
    for entry in left:
        print(entry, file=sys.stderr)
    for name in sorted(ignored.keys() - matched):
        print(f"pip-audit: {name} no longer needs to be in {IGNORED.name}")
    if not left:
        print(f"pip-audit: {count} packages ship, nothing is known but {len(matched)} ignored")
    return VULNERABLE if left else CLEAN


def main(arguments: list[str] | None = None) -> int:
    """Audit what ships; return how the program ends."""
    parser = argparse.ArgumentParser(prog="stemdrop_lint.audit", description=__doc__)
    parser.add_argument("--tolerant", action="store_true", help="end with 0 without an answer")
    tolerant = parser.parse_args(arguments).tolerant
    try:
        ignored = read_ignored(IGNORED.read_text())
        return judge(*ask(command([ROOT / name for name in SHIPPED])), ignored)
    except UnreachableError as error:
        print(f"NOT AUDITED: {error}. Known vulnerabilities may ship.", file=sys.stderr)
        return CLEAN if tolerant else NOT_AUDITED
    except SetupError as error:
        print(error, file=sys.stderr)
        return WRONG


if __name__ == "__main__":
    sys.exit(main())
