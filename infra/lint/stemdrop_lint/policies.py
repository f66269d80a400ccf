"""Checkov's policies over the templates and the Dockerfile, with the exceptions written in these.

An exception has a reason, stands beside what it excuses, and excuses something: each of them is
checked. Nothing is sent anywhere.

    Metadata:                                   # checkov:skip=CKV_DOCKER_3:Why not, in a sentence.
      checkov:
        skip:
          - id: CKV_AWS_18
            comment: Why not, in a sentence.
"""

import json
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stemdrop.errors import SetupError
from stemdrop_lint.tools import ROOT, environment, program
from stemdrop_local.intrinsics import load_template

DOCKERFILE = "Dockerfile"
WITHIN_S = 300
# Without them checkov asks a package registry for a newer version of itself.
VARIABLES = {"CKV_SKIP_PACKAGE_UPDATE_CHECK": "true", "LOG_LEVEL": "ERROR"}
SHORTEST_REASON = 20
_SKIP = re.compile(r"^# checkov:skip=(\w+):?(.*)$", re.MULTILINE)


class PolicyError(SetupError):
    """Checkov did not come to an end that says anything."""

    code = "policy"


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where a policy is not kept: a resource of a file; all of a Dockerfile."""

    file: str
    resource: str
    policy: str

    def __str__(self) -> str:
        return f"{self.file} {self.resource}".strip() + f": {self.policy}"


def files_of(root: Path) -> list[Path]:
    """Return what is checked: all templates, and the Dockerfile."""
    return [root / "template.yaml", *sorted(root.glob("infra/*.yaml")), root / DOCKERFILE]


def exceptions_of(files: list[Path]) -> dict[Place, str]:
    """Return all exceptions, with their reasons."""
    found: dict[Place, str] = {}
    for path in files:
        if path.name == DOCKERFILE:
            for policy, reason in _SKIP.findall(path.read_text()):
                found[Place(path.name, "", policy)] = reason.strip()
            continue
        for name, resource in load_template(path).get("Resources", {}).items():
            for skip in resource.get("Metadata", {}).get("checkov", {}).get("skip", ()):
                found[Place(path.name, name, skip["id"])] = str(skip.get("comment", "")).strip()
    return found


def findings_of(files: list[Path]) -> dict[Place, str]:
    """Return every place where a policy isn't kept, excused or not, with the policy's title.

    Raises
    ------
    PolicyError : a file can't be read, or checkov failed.
    """
    with tempfile.TemporaryDirectory() as folder:
        for path in files:
            # Copies without exceptions show which of them excuse nothing.
            text = re.sub(r"^( +)checkov:$", r"\1excused:", path.read_text(), flags=re.MULTILINE)
            Path(folder, path.name).write_text(_SKIP.sub("#", text))
        return _findings(_ask(Path(folder)), {path.name for path in files})


def command(folder: Path) -> list[str]:
    """Return the command that checks all files of a folder."""
    kinds = ("--framework", "cloudformation", "dockerfile")
    quietly = ("--output", "json", "--compact", "--soft-fail", "--skip-download")
    return [str(program("checkov")), "--directory", str(folder), *kinds, *quietly]


def _ask(folder: Path) -> list[dict[str, Any]]:
    run = subprocess.run(
        command(folder),
        cwd=folder,
        env={**environment(), **VARIABLES},
        capture_output=True,
        text=True,
        timeout=WITHIN_S,
        check=False,
    )
    try:
        reports = json.loads(run.stdout)
    except ValueError as error:
        raise PolicyError(f"checkov failed: {(run.stderr or run.stdout).strip()}.") from error
    return reports if isinstance(reports, list) else [reports]


def _findings(reports: list[dict[str, Any]], names: set[str]) -> dict[Place, str]:
    results = [report.get("results", {}) for report in reports]
    failed = [check for result in results for check in result.get("failed_checks", ())]
    passed = [check for result in results for check in result.get("passed_checks", ())]
    # What it can't read it passes over without a word.
    unread = names - {Path(check["file_path"]).name for check in failed + passed}
    if unread:
        raise PolicyError(f"checkov has nothing to say of {', '.join(sorted(unread))}.")
    return {_place(check): check["check_name"] for check in failed}


def _place(check: dict[str, Any]) -> Place:
    name = Path(check["file_path"]).name
    resource = "" if name == DOCKERFILE else check["resource"].rpartition(".")[2]
    return Place(name, resource, check["check_id"])


def problems_of(findings: dict[Place, str], exceptions: dict[Place, str]) -> list[str]:
    """Return a line for each policy that is broken, and for each exception that is no good."""
    lines = [f"{place}: {findings[place]}" for place in findings.keys() - exceptions.keys()]
    for place, reason in exceptions.items():
        if place not in findings:
            lines.append(f"{place}: this exception excuses nothing, remove it")
        elif len(reason) < SHORTEST_REASON:
            lines.append(f"{place}: this exception has no reason beside it")
    return sorted(lines)


def main() -> int:
    """Check the repository; return how the program ends."""
    files = files_of(ROOT)
    try:
        exceptions = exceptions_of(files)
        problems = problems_of(findings_of(files), exceptions)
    except (SetupError, subprocess.TimeoutExpired) as error:
        print(error, file=sys.stderr)
        return 1
    for line in problems:
        print(line, file=sys.stderr)
    if not problems:
        names = ", ".join(path.name for path in files)
        print(f"checkov: {names} keep all policies, with {len(exceptions)} exceptions")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
