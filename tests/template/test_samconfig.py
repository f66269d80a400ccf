"""samconfig.toml is valid for `sam`, and its stages match the template."""

import json
import os
import re
import subprocess
import tomllib
from contextlib import closing
from pathlib import Path
from socket import create_server
from typing import Any

import pytest

Section = dict[str, dict[str, dict[str, Any]]]
STAGES = {"dev": "stemdrop-dev", "prod": "stemdrop"}
OF_SAM = {"resolve_s3", "resolve_image_repos"}
REPOSITORY = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/stemdrop"
# Starts SAM once for several commands, because its packages take a second to load.
DEPLOY = """
import json, sys
from click.testing import CliRunner
from samcli.cli.main import cli
def deploy(options):
    command = ["deploy", "--template-file", "template.yaml", *options]
    result = CliRunner().invoke(cli, command, prog_name="sam")
    assert result.exit_code, result.output
    return result.output
answers = [deploy(options) for options in json.loads(sys.argv[1])]
print(json.dumps(answers))
"""
# Characters of a stack's name.
MAX_STACK_LETTERS = 27


@pytest.fixture(scope="module")
def sections(root: Path) -> dict[str, Section]:
    document = tomllib.loads((root / "samconfig.toml").read_text())
    # The default section is for `sam local`.
    return {name: document[name] for name in document.keys() - {"version", "default"}}


def overrides(section: Section) -> dict[str, str]:
    listed: list[str] = section["global"]["parameters"].get("parameter_overrides", [])
    return {name: value for name, _, value in (entry.partition("=") for entry in listed)}


@pytest.fixture(scope="module")
def answers(root: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Run `sam deploy` with an unreachable endpoint, and return its output by configuration."""
    given = ["--s3-bucket", "artifacts", "--image-repository", REPOSITORY]
    runs = {
        **{stage: ["--config-env", stage] for stage in STAGES},
        "prod-bootstrap with both": ["--config-env", "prod-bootstrap", *given],
        "prod with both": ["--config-env", "prod", *given],
    }
    with closing(create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
    environment = {
        "PATH": os.defpath,
        "HOME": str(tmp_path_factory.mktemp("home")),
        "SAM_CLI_TELEMETRY": "0",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
        "AWS_MAX_ATTEMPTS": "1",
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
    }
    run = subprocess.run(
        [str(root / ".venv-sam/bin/python"), "-c", DEPLOY, json.dumps(list(runs.values()))],
        cwd=root, env=environment, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    return dict(zip(runs, json.loads(run.stdout), strict=True))


def test_two_stages_exist_with_and_without_a_bootstrap(sections: dict[str, Section]) -> None:
    assert sections.keys() == {*STAGES, *(f"{name}-bootstrap" for name in STAGES)}
    for name, section in sections.items():
        stack = section["global"]["parameters"]["stack_name"]
        assert stack == STAGES[name.removesuffix("-bootstrap")]
        assert len(stack) <= MAX_STACK_LETTERS
        assert section["deploy"]["parameters"]["capabilities"] == "CAPABILITY_IAM"


@pytest.mark.parametrize("stage", STAGES)
def test_bootstrap_stage_differs_only_in_resources_made_by_sam(
    sections: dict[str, Section], stage: str
) -> None:
    alone, bootstrapped = sections[stage], sections[f"{stage}-bootstrap"]
    assert alone["global"] == bootstrapped["global"]
    ours, theirs = (section["deploy"]["parameters"] for section in (alone, bootstrapped))
    assert ours == theirs | dict.fromkeys(OF_SAM, True)


def test_parameters_exist_in_the_template(
    sections: dict[str, Section], template: dict[str, Any]
) -> None:
    for section in sections.values():
        given = overrides(section)
        assert "AccessToken" not in given
        for name, value in given.items():
            declared = template["Parameters"][name]
            assert value in declared.get("AllowedValues", [value])
            assert re.search(declared.get("AllowedPattern", ""), value)


def test_configuration_names_no_account_or_region(root: Path) -> None:
    text = (root / "samconfig.toml").read_text()
    assert not any(word in text for word in ("region =", "profile =", "arn:"))
    assert not any(word.isdigit() and len(word) == 12 for word in text.replace('"', " ").split())


@pytest.mark.parametrize("stage", STAGES)
def test_stage_deploys_without_other_settings(answers: dict[str, str], stage: str) -> None:
    assert "Could not connect to the endpoint URL" in answers[stage]


def test_bootstrap_stage_uses_its_bucket_and_repository(answers: dict[str, str]) -> None:
    # The upload fails, because nothing is built.
    assert "SeparateFunction" in answers["prod-bootstrap with both"]
    # That is why these sections exist.
    assert "Only one of the following" in answers["prod with both"]
