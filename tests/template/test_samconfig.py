"""The stages of samconfig.toml match the template, and each other.

`tests/integration/test_deploy.py` deploys with those of dev.
"""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

Section = dict[str, dict[str, dict[str, Any]]]
STAGES = {"dev": "stemdrop-dev", "prod": "stemdrop"}
OF_SAM = {"resolve_s3", "resolve_image_repos"}
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


def test_stages_are_deployed_in_the_same_way(sections: dict[str, Section]) -> None:
    dev, prod = (sections[stage]["deploy"]["parameters"] for stage in STAGES)
    assert prod == dev | {"s3_prefix": STAGES["prod"]}
    assert dev["s3_prefix"] == STAGES["dev"]


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
