"""The Dockerfile builds what template.yaml, the embedded stack and the repository say."""

import fnmatch
import json
from pathlib import Path
from typing import Any

import pytest

from stemdrop_local.runtime.emulator import HANDLER

Instruction = tuple[str, str]


@pytest.fixture(scope="module")
def instructions(root: Path) -> list[Instruction]:
    lines = (root / "Dockerfile").read_text().replace("\\\n", " ").splitlines()
    written = [line for line in lines if line and not line.startswith("#")]
    return [(line.partition(" ")[0], line.partition(" ")[2]) for line in written]


def test_the_base_is_one_that_can_be_built_anywhere(instructions: list[Instruction]) -> None:
    stages = [value.split(" AS ") for name, value in instructions if name == "FROM"]
    known: set[str] = set()
    for base, stage in stages:
        assert base == "debian:bookworm-slim" or base in known
        known.add(stage)
    assert {"model", "runtime"} <= known
    assert stages[-1][1] == "runtime"


def test_build_arguments_are_the_templates(
    instructions: list[Instruction], template: dict[str, Any]
) -> None:
    metadata = template["Resources"]["SeparateFunction"]["Metadata"]
    defaults = [value for name, value in instructions[:2] if name == "ARG"]
    parameters = template["Parameters"]
    assert metadata["DockerBuildArgs"] == {
        "MODELS": {"Ref": "Models"},
        "BACKEND": {"Ref": "Backend"},
    }
    assert defaults == [
        f"MODELS={parameters['Models']['Default']}",
        f"BACKEND={parameters['Backend']['Default']}",
    ]
    assert (metadata["Dockerfile"], metadata["DockerContext"]) == ("Dockerfile", ".")
    assert metadata["DockerTag"]


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


def test_every_package_is_locked(instructions: list[Instruction]) -> None:
    installs = [
        command
        for name, value in instructions
        if name == "RUN"
        for command in value.split("pip install")[1:]
    ]
    assert installs
    assert all("--require-hashes" in command for command in installs)


def test_the_image_starts_the_handler_that_the_emulator_runs(
    instructions: list[Instruction], root: Path
) -> None:
    commands = {
        name: json.loads(value) for name, value in instructions if name in {"CMD", "ENTRYPOINT"}
    }
    assert commands["ENTRYPOINT"][1:] == ["-m", "awslambdaric"]
    assert commands["CMD"] == [HANDLER]
    module = HANDLER.rpartition(".")[0].replace(".", "/")
    assert (root / "functions/separate" / f"{module}.py").is_file()


def test_the_image_leaves_the_user_to_lambda(instructions: list[Instruction]) -> None:
    assert "USER" not in {name for name, _ in instructions}
