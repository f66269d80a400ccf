"""Checkov's policies: kept, or excused by an exception that has a reason and is needed."""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from stemdrop_lint import policies
from stemdrop_lint.policies import Place, command, exceptions_of, files_of, findings_of, problems_of
from stemdrop_lint.tools import environment
from stemdrop_local.intrinsics import load_template

# Fails at the first connection to another machine, and at the first question for its address.
GUARD = """
import socket
def refuse(*given, **named):
    open({path!r}, "a").write(f"{{given}}\\n")
    raise OSError("no network here")
socket.socket.connect = socket.socket.connect_ex = refuse
socket.getaddrinfo = socket.create_connection = refuse
"""


@pytest.fixture
def files(root: Path, tmp_path: Path) -> list[Path]:
    """Return copies of the template and the Dockerfile, for tests to break."""
    copies = [tmp_path / "template.yaml", tmp_path / "Dockerfile"]
    for path in copies:
        shutil.copy(root / path.name, path)
    return copies


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert text.count(old) >= 1
    path.write_text(text.replace(old, new, 1))


def test_what_is_wrong_is_found_and_every_exception_is_needed(files: list[Path]) -> None:
    template, dockerfile = files
    replace(template, "BlockPublicAcls: true", "BlockPublicAcls: false")
    replace(template, "id: CKV_AWS_21\n", "id: CKV_AWS_19\n")
    replace(dockerfile, "FROM python AS build", "FROM python AS build\nADD a /b")
    found = problems_of(findings_of(files), exceptions_of(files))
    places = {line.split(": ")[0] + ": " + line.split(": ")[1] for line in found}
    assert places == {
        "template.yaml UploadsBucket: CKV_AWS_53",
        "template.yaml UploadsBucket: CKV_AWS_21",
        "template.yaml UploadsBucket: CKV_AWS_19",
        "Dockerfile: CKV_DOCKER_4",
    }
    assert [line for line in found if "excuses nothing" in line] == [
        "template.yaml UploadsBucket: CKV_AWS_19: this exception excuses nothing, remove it"
    ]


def test_all_templates_and_the_dockerfile_are_checked(root: Path) -> None:
    templates = set(root.glob("infra/*.yaml")) | {root / "template.yaml"}
    assert set(files_of(root)) == templates | {root / "Dockerfile"}
    assert all("Resources" in load_template(path) for path in templates)


def test_every_exception_has_a_reason(root: Path) -> None:
    exceptions = exceptions_of(files_of(root))
    assert exceptions
    for place, reason in exceptions.items():
        assert re.fullmatch(r"[A-Z].{20,}\.", reason), place


@pytest.mark.parametrize("comment", ["", "no"])
def test_an_exception_without_a_reason_is_none(comment: str) -> None:
    place = Place("template.yaml", "Api", "CKV_AWS_1")
    (problem,) = problems_of({place: "A policy"}, {place: comment})
    assert problem == "template.yaml Api: CKV_AWS_1: this exception has no reason beside it"


def test_a_template_that_can_not_be_read_is_told(tmp_path: Path) -> None:
    path = tmp_path / "template.yaml"
    path.write_text("Resources: {A: {Type: AWS::S3::Bucket\n")
    with pytest.raises(policies.PolicyError, match=r"nothing to say of template\.yaml"):
        findings_of([path])


def test_nothing_is_sent_anywhere(files: list[Path], tmp_path: Path) -> None:
    guard, log = tmp_path / "guard", tmp_path / "connections.log"
    guard.mkdir()
    (guard / "sitecustomize.py").write_text(GUARD.format(path=str(log)))
    home = {"HOME": str(tmp_path / "home"), "PYTHONPATH": str(guard)}
    ours: dict[str, Any] = {**environment(), **policies.VARIABLES, **home}
    run = subprocess.run(
        command(files[0].parent),
        env=ours,
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert "failed_checks" in run.stdout, run.stderr
    assert not log.exists(), log.read_text()
    ask = [sys.executable, "-c", "import socket; socket.create_connection(('127.0.0.1', 9))"]
    subprocess.run(ask, env=ours, capture_output=True, check=False)
    assert log.exists()  # the guard works
