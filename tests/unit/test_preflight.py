"""Each missing or invalid prerequisite of a deployment is reported in a sentence."""

import stat
from pathlib import Path

import pytest

from stemdrop.errors import SetupError
from stemdrop_cloud import parameters
from stemdrop_cloud.deploy import choose_token
from stemdrop_cloud.preflight import ROOT, DeploymentPlan, StackState, stack_problems

OURS = {"SeparateMemoryMb": "3008", "JwtIssuer": ""}
JWT = {**OURS, "JwtIssuer": "https://issuer"}


@pytest.mark.parametrize("name", ["stemdrop", "s", "a" * 27, "my-songs-2"])
def test_valid_stack_name_is_accepted(name: str) -> None:
    assert not list(stack_problems(name, StackState()))


@pytest.mark.parametrize("name", ["", "Stemdrop", "2stems", "a" * 28, "a_b", "a b", "-a"])
def test_invalid_stack_name_is_rejected(name: str) -> None:
    (sentence,) = stack_problems(name, StackState())
    assert "at most 27" in sentence


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("ROLLBACK_COMPLETE", "make destroy"),
        ("CREATE_FAILED", "make destroy"),
        ("DELETE_FAILED", "make destroy"),
        ("UPDATE_ROLLBACK_FAILED", "continue-update-rollback"),
        ("UPDATE_IN_PROGRESS", "wait"),
        ("DELETE_IN_PROGRESS", "wait"),
    ],
)
def test_unusable_stack_is_reported(status: str, words: str) -> None:
    (sentence,) = stack_problems("stemdrop", StackState(status, OURS))
    assert status in sentence
    assert words in sentence


@pytest.mark.parametrize(
    "status", ["CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"]
)
def test_usable_stack_is_accepted(status: str) -> None:
    assert not list(stack_problems("stemdrop", StackState(status, OURS)))


@pytest.mark.parametrize("text", ["RetentionDays", "Retention-Days=1", "=1", "Models='2stems"])
def test_parameter_without_name_and_value_is_rejected(text: str) -> None:
    with pytest.raises(SetupError, match=r"write Name=value|can't be read"):
        parameters.parse([text])


def test_quoted_parameters_are_parsed() -> None:
    found = parameters.parse(["RetentionDays=1", "Models='2stems 4stems' AllowedOrigin="])
    assert found == {"RetentionDays": "1", "Models": "2stems 4stems", "AllowedOrigin": ""}


def test_override_beats_deployed_value_and_default() -> None:
    declared = parameters.load_declared(ROOT / "template.yaml")
    deployed = {"Models": "4stems", "RetentionDays": "9", "AccessToken": "****", "Gone": "1"}
    found = parameters.in_force(declared, deployed, {"RetentionDays": "1"})
    assert (found["Models"], found["RetentionDays"]) == ("4stems", "1")
    assert found["MaxDurationS"] == "3600"
    assert not {"AccessToken", "Gone"} & found.keys()
    assert not list(parameters.find_problems(declared, found))


@pytest.mark.parametrize(
    "wrong",
    [
        *("RetentionDays=0", "MaxUploadMb=1.5", "DailyCostUsd=ten", "Models=3stems"),
        *("Tpyo=1", "AccessToken=x", "JwtIssuer=https://issuer"),
    ],
)
def test_disallowed_parameter_is_reported(wrong: str) -> None:
    declared = parameters.load_declared(ROOT / "template.yaml")
    values = parameters.in_force(declared, {}, parameters.parse([wrong]))
    (sentence,) = parameters.find_problems(declared, values)
    assert wrong.partition("=")[0] in sentence
    assert sentence.endswith(".")


def test_parameter_file_is_private() -> None:
    with parameters.written({"AccessToken": "secret"}) as url:
        file = Path(url.removeprefix("file://"))
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert not file.exists()


def test_token_is_created_only_for_stack_without_token() -> None:
    def chosen(deployed: dict[str, str], wanted: dict[str, str], *, is_new: bool = False) -> str:
        stack = StackState("UPDATE_COMPLETE", deployed) if deployed else StackState()
        deployment = DeploymentPlan("stemdrop", stack=stack, values=wanted)
        return choose_token(deployment, is_new_wanted=is_new).get("AccessToken", "kept")

    assert chosen(OURS, OURS) == "kept"
    assert chosen(OURS, JWT) == chosen({}, JWT) == chosen(JWT, JWT, is_new=True) == ""
    made = {chosen({}, OURS), chosen(JWT, OURS), chosen(OURS, OURS, is_new=True)}
    assert len(made) == 3
    assert all(len(token) == 43 for token in made)
