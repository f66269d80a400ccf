"""What is made of pip-audit's answers: an audit that wasn't made is never a clean one."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from stemdrop.errors import SetupError
from stemdrop_lint import audit
from stemdrop_lint.audit import UnreachableError, main, read_ignored, read_report
from stemdrop_local.template import ROOT

FOUND = {"id": "PYSEC-1", "aliases": ["CVE-1"], "fix_versions": ["2.0"], "description": "bad"}
ENTRY = "CVE-1 flask 2026-11-22 It is only used when the image is built.\n"


def package(name: str, *found: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "version": "1.0", "vulns": list(found)}


def skipped(name: str) -> dict[str, Any]:
    return {"name": name, "skip_reason": "Dependency not found on PyPI"}


def answer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, output: str, ignored: str = "") -> None:
    """Have a program answer in place of pip-audit, and advisories be ignored."""
    fake = tmp_path / "pip-audit"
    given = tmp_path / "given.json"
    given.write_text(output)
    fake.write_text(f"#!/bin/sh\ncat {given}\necho 'ERROR: no route to host' >&2\nexit 1\n")
    fake.chmod(0o755)
    (tmp_path / "ignored.txt").write_text(ignored)
    monkeypatch.setattr(audit, "program", lambda _: fake)
    monkeypatch.setattr(audit, "IGNORED", tmp_path / "ignored.txt")


@pytest.mark.parametrize(
    ("packages", "ignored", "tolerant", "code"),
    [
        ([package("boto3"), package("flask")], "", False, 0),
        ([package("boto3"), package("flask", FOUND)], "", False, 1),
        ([package("boto3"), package("flask", FOUND)], "", True, 1),
        ([package("boto3"), package("flask", FOUND)], ENTRY, False, 0),
        ([package("boto3", FOUND)], ENTRY, False, 1),
        ([package("flask", FOUND, FOUND | {"id": "X", "aliases": []})], ENTRY, True, 1),
        ([package("boto3"), skipped("flask")], "", False, 3),
        ([package("boto3"), skipped("flask")], "", True, 0),
        ([skipped("boto3"), skipped("flask")], "", False, 3),
        ([], "", False, 3),
    ],
)
def test_how_it_ends(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    packages: list[dict[str, Any]],
    ignored: str,
    tolerant: bool,
    code: int,
) -> None:
    answer(monkeypatch, tmp_path, json.dumps({"dependencies": packages, "fixes": []}), ignored)
    assert main(["--tolerant"] if tolerant else []) == code


@pytest.mark.parametrize("output", ["", "Traceback", "[]", '{"dependencies": null}'])
def test_no_answer_is_told_with_its_reason(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    output: str,
) -> None:
    answer(monkeypatch, tmp_path, output)
    assert (main([]), main(["--tolerant"])) == (3, 0)
    told = capsys.readouterr()
    assert told.err.count("NOT AUDITED: ") == 2
    assert ("no route to host" in told.err) == (not output)
    assert not told.out


def test_what_is_found_is_told_with_its_cure(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = {"dependencies": [package("flask", FOUND)]}
    answer(monkeypatch, tmp_path, json.dumps(found), ENTRY.replace("CVE-1", "CVE-2"))
    assert main([]) == 1
    told = capsys.readouterr()
    assert told.err == "flask 1.0: PYSEC-1 CVE-1: fixed in 2.0\n"
    assert "CVE-2 no longer needs to be in ignored.txt" in told.out


def test_a_report_of_unknown_packages_is_none() -> None:
    with pytest.raises(UnreachableError, match="don't know 1 of 2 packages"):
        read_report(json.dumps({"dependencies": [package("a"), skipped("b")]}))


@pytest.mark.parametrize(
    "line",
    ["CVE-1", "CVE-1 flask 2026-11-22", "CVE-1 flask It is only used to build.", ENTRY[:-30]],
)
def test_an_entry_needs_a_package_a_date_and_a_reason(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, line: str
) -> None:
    with pytest.raises(SetupError, match="should be: advisory, package, date, reason"):
        read_ignored(f"# A comment.\n\n{line}\n")
    answer(monkeypatch, tmp_path, "", line)
    assert main(["--tolerant"]) == 2


def test_the_repositorys_own_entries_can_be_read() -> None:
    read_ignored(audit.IGNORED.read_text())


def test_everything_that_ships_is_audited() -> None:
    """Whoever adds a lock file under functions/ has it audited too, as all that the image has."""
    locked = {path.relative_to(ROOT) for path in ROOT.glob("functions/**/*.txt")}
    copied = re.findall(r"^COPY (infra/local/\S+\.txt)", (ROOT / "Dockerfile").read_text(), re.M)
    locked |= set(map(Path, copied))
    assert {Path(name) for name in audit.SHIPPED} == locked
