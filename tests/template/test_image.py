"""The Dockerfile matches template.yaml, the local stack and the repository."""

import fnmatch
import json
import os
import re
import subprocess
import tomllib
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest

from stemdrop.lyrics import LyricsEngine
from stemdrop_containers.image import BASE_IMAGE, Target

Instruction = tuple[str, str]
HANDLER = "stemdrop_separate.handler.handler"


@pytest.fixture(scope="module")
def instructions(root: Path) -> list[Instruction]:
    lines = (root / "Dockerfile").read_text().replace("\\\n", " ").splitlines()
    written = [line for line in lines if line and not line.startswith("#")]
    return [(line.partition(" ")[0], line.partition(" ")[2]) for line in written]


@pytest.fixture(scope="module")
def defaults(instructions: list[Instruction]) -> dict[str, str]:
    first = takewhile(lambda instruction: instruction[0] == "ARG", instructions)
    return {value.partition("=")[0]: value.partition("=")[2] for _, value in first}


@pytest.fixture(scope="module")
def stages(instructions: list[Instruction]) -> dict[str, str]:
    """Return the base of each stage by name."""
    return {
        stage: base
        for base, stage in (value.split(" AS ") for name, value in instructions if name == "FROM")
    }


def test_every_stage_builds_on_the_base_image(
    defaults: dict[str, str], stages: dict[str, str]
) -> None:
    assert f"docker.io/library/{defaults['BASE']}" == BASE_IMAGE
    names = list(stages)
    for number, base in enumerate(stages.values()):
        assert base in names[:number] or (number, base) == (0, "${BASE}")
    assert {"model", *Target} <= stages.keys()
    # The image for Lambda is part of the other one, which is built if no stage is named.
    assert stages[Target.LOCAL] == Target.FUNCTION
    assert names[-1] == Target.LOCAL


def test_build_arguments_equal_those_of_the_template(
    defaults: dict[str, str], template: dict[str, Any]
) -> None:
    metadata = template["Resources"]["SeparateFunction"]["Metadata"]
    parameters = template["Parameters"]
    assert metadata["DockerBuildArgs"] == {
        "MODELS": {"Ref": "Models"},
        "BACKEND": {"Ref": "Backend"},
        "LYRICS": {"Ref": "Lyrics"},
    }
    assert defaults["MODELS"] == parameters["Models"]["Default"]
    assert defaults["BACKEND"] == parameters["Backend"]["Default"]
    assert defaults["LYRICS"] == LyricsEngine.NONE
    assert (metadata["Dockerfile"], metadata["DockerContext"]) == ("Dockerfile", ".")
    assert metadata["DockerTag"]
    assert metadata["DockerBuildTarget"] == Target.FUNCTION


def test_what_is_copied_exists_and_is_not_ignored(
    instructions: list[Instruction], root: Path
) -> None:
    rules = (root / ".dockerignore").read_text().splitlines()
    allowed = [rule[1:] for rule in rules if rule.startswith("!")]
    assert "*" in rules
    copies = [value.split() for name, value in instructions if name == "COPY"]
    sources = [path for words in copies if not words[0].startswith("--") for path in words[:-1]]
    assert sources
    for source in sources:
        assert (root / source).exists(), source
        assert any(source == path or fnmatch.fnmatch(source, f"{path}/*") for path in allowed), (
            source
        )


def test_every_package_is_locked(instructions: list[Instruction], stages: dict[str, str]) -> None:
    stage, installs, demanding = "", [], set()
    for name, value in instructions:
        if name == "FROM":
            stage = value.split(" AS ")[1]
        if name == "ENV" and "PIP_REQUIRE_HASHES=1" in value:
            demanding.add(stage)
        if name == "RUN" and re.search(r"pip.* (install|download) ", value):
            installs.append(stage)
    assert {"build", "model", "packages", "stack", "emulator"} <= set(installs)
    for stage in installs:
        line = [stage]
        while line[-1] in stages:
            line.append(stages[line[-1]])
        assert demanding & set(line), stage


def test_the_image_starts_the_handler(instructions: list[Instruction], root: Path) -> None:
    assert _commands(instructions, Target.FUNCTION) == {
        "ENTRYPOINT": ["/opt/entrypoint.sh"],
        "CMD": [HANDLER],
    }
    module = HANDLER.rpartition(".")[0].replace(".", "/")
    assert (root / "functions/separate" / f"{module}.py").is_file()


def test_the_local_image_starts_the_stack(instructions: list[Instruction]) -> None:
    commands = _commands(instructions, Target.LOCAL)
    assert (commands["ENTRYPOINT"], commands["CMD"]) == (["/opt/stemdrop/local.sh"], [])


@pytest.mark.parametrize("is_mounted", [True, False])
def test_the_local_image_refuses_a_volume_that_it_cannot_write_to(
    is_mounted: bool, root: Path, tmp_path: Path
) -> None:
    for name, script in (("mountpoint", "exit $((1 - MOUNTED))"), ("python", 'echo "$@"')):
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)
    script = (root / "infra/containers/local.sh").read_text()
    script = script.replace("/opt/local/bin/python", "python").replace("/data", "/nowhere/data")
    path = f"{tmp_path}:{os.environ['PATH']}"
    variables = {"PATH": path, "MODEL_DIR": "models", "MOUNTED": str(int(is_mounted))}
    ran = subprocess.run(
        ["sh", "-c", script], env=variables, check=False, capture_output=True, text=True
    )
    assert ran.returncode == is_mounted
    assert ("/tmp/drop" in ran.stdout) == (not is_mounted)  # noqa: S108 - the image's own
    refusal = f"The volume /nowhere/data isn't writable: let user {os.getuid()} write to it.\n"
    assert ran.stderr == (f"stemdrop: {refusal}" if is_mounted else "")


def _commands(instructions: list[Instruction], stage: Target) -> dict[str, list[str]]:
    """Return the commands of a stage."""
    start = next(
        number
        for number, (name, value) in enumerate(instructions, 1)
        if name == "FROM" and value.endswith(f" AS {stage}")
    )
    inside = takewhile(lambda instruction: instruction[0] != "FROM", instructions[start:])
    return {name: json.loads(value) for name, value in inside if name in {"CMD", "ENTRYPOINT"}}


def test_labels_equal_the_project_metadata(instructions: list[Instruction], root: Path) -> None:
    (given,) = [value for name, value in instructions if name == "LABEL"]
    labels = dict(re.findall(r'(\S+)="([^"]*)"', given))
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    prefix = "org.opencontainers.image"
    assert labels[f"{prefix}.title"] == project["name"]
    assert labels[f"{prefix}.description"] == project["description"]
    assert labels[f"{prefix}.licenses"].split(" AND ")[0] == project["license"]
    assert labels["stemdrop.models"] == "$MODELS"
    assert labels["stemdrop.backend"] == "$BACKEND"
    assert labels["stemdrop.lyrics"] == "$LYRICS"


def test_no_processor_is_named(root: Path) -> None:
    for name in ("Dockerfile", "infra/containers/entrypoint.sh", "infra/containers/local.sh"):
        assert not re.search("x86|amd64", (root / name).read_text()), name


def test_the_local_stack_has_the_versions_of_the_functions(root: Path) -> None:
    image = _locked(root / "infra/local/image.txt")
    for path in ("api/requirements.txt", "separate/requirements.txt", "separate/lyrics.txt"):
        lock = _locked(root / "functions" / path)
        assert {name: image.get(name, version) for name, version in lock.items()} == lock
    assert _locked(root / "functions/api/requirements.txt").keys() <= image.keys()


def _locked(path: Path) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9.-]+)==(\S+)", path.read_text(), re.MULTILINE))


def test_image_sets_no_user(instructions: list[Instruction]) -> None:
    assert "USER" not in {name for name, _ in instructions}


def test_separator_imports_no_package_that_the_image_leaves_out(root: Path) -> None:
    """Of scipy, one module is left, which separation/fft.py loads by its path."""
    for path in (root / "functions/separate/stemdrop_separate").rglob("*.py"):
        found = re.findall(r"^\s*(?:import|from) (?:scipy|av)\b.*", path.read_text(), re.MULTILINE)
        assert found == [], path
