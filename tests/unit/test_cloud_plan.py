"""What a deployment needs is looked at, and each thing that is missing has its sentence."""

import re
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

import boto3
import pytest
from botocore.exceptions import (
    ClientError,
    EndpointConnectionError,
    NoCredentialsError,
    ProfileNotFound,
)

from stemdrop_cloud import (
    conditions,
    deploy,
    destroy,
    logs,
    parameters,
    prerequisites,
    redrive,
)
from stemdrop_cloud.access_token import TokenFile, given_token, make_token
from stemdrop_cloud.account import Account, Stack
from stemdrop_cloud.bootstrap import adopt, arguments
from stemdrop_cloud.configuration import Environment, load_environment, parse_overrides
from stemdrop_cloud.deploy import _token_to_set
from stemdrop_cloud.errors import UnpreparedError, translated
from stemdrop_cloud.plan import Plan, Site
from stemdrop_cloud.sam import Sam
from stemdrop_containers.engine import Engine

SAMCONFIG = """
version = 0.1
[dev.global.parameters]
stack_name = "stemdrop-dev"
parameter_overrides = ["RetentionDays=1", "Models='2stems 4stems'"]
[prod.global.parameters]
stack_name = "stemdrop"
region = "eu-west-1"
[prod.deploy.parameters]
parameter_overrides = { RetentionDays = 30, AllowedOrigin = "" }
"""
ACCOUNT = Account(cast(boto3.Session, None), "eu-central-1", "123456789012", "arn:me")


def stack(
    status: str = "CREATE_COMPLETE", description: str = "stemdrop: x", **values: str
) -> Stack:
    return Stack("id", "stemdrop", status, description, values, {}, is_protected=False)


@pytest.mark.parametrize("name", ["stemdrop", "s", "a" * 27, "my-songs-2"])
def test_names_of_stacks(name: str) -> None:
    assert not list(prerequisites.stack_problems(name))


@pytest.mark.parametrize("name", ["", "Stemdrop", "2stems", "a" * 28, "a_b", "a b", "-a"])
def test_names_that_no_bucket_can_begin_with(name: str) -> None:
    (sentence,) = prerequisites.stack_problems(name)
    assert "at most 27" in sentence


def test_sam_is_missing(tmp_path: Path) -> None:
    found = list(prerequisites.sam_problems(Environment("dev"), tmp_path / "sam", tmp_path))
    assert len(found) == 2
    assert all("make setup" in sentence for sentence in found)


def test_sam_of_a_folder_that_was_moved_does_not_start(tmp_path: Path) -> None:
    sam = tmp_path / "sam"
    sam.write_text("#!/nowhere/python\n")
    sam.chmod(0o755)
    (tmp_path / "python").touch()
    (sentence,) = prerequisites.sam_problems(Environment("dev"), sam, tmp_path)
    assert "doesn't start" in sentence


def test_a_debugging_sam_would_log_the_token(tmp_path: Path) -> None:
    environment = Environment("dev", {"debug": True})
    *_, sentence = prerequisites.sam_problems(environment, tmp_path / "sam", tmp_path)
    assert "token into its log" in sentence


def test_another_processor_needs_an_emulator(tmp_path: Path) -> None:
    def problems(architecture: str, **variables: str) -> list[str]:
        return list(prerequisites.processor_problems(architecture, variables, tmp_path, "x86_64"))

    (sentence,) = problems("arm64")
    assert "qemu-user-static" in sentence
    assert not problems("x86_64")
    assert not problems("arm64", DOCKER_HOST="tcp://builder:2375")
    assert problems("arm64", DOCKER_HOST="unix:///run/docker.sock")
    (tmp_path / "qemu-aarch64").touch()
    assert not problems("arm64")


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
def test_stacks_that_cannot_be_updated(status: str, words: str) -> None:
    (sentence,) = conditions.stack_problems(stack(status), "stemdrop")
    assert status in sentence
    assert words in sentence


@pytest.mark.parametrize(
    "status",
    ["CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "REVIEW_IN_PROGRESS"],
)
def test_stacks_that_can(status: str) -> None:
    assert not list(conditions.stack_problems(stack(status), "stemdrop"))
    assert not list(conditions.stack_problems(None, "stemdrop"))


def test_a_stack_of_others_is_left_alone() -> None:
    (sentence,) = conditions.stack_problems(stack(description="payroll"), "stemdrop")
    assert "not stemdrop's" in sentence


@pytest.mark.parametrize(
    ("limit", "free", "held", "wanted", "is_fine"),
    [
        (1000, 1000, "-1", "900", True),
        (1000, 1000, "-1", "901", False),
        (1000, 100, "900", "900", True),
        (10, 10, "-1", "1", False),
        (10, 10, "-1", "0", True),
        (10, 10, "-1", "-1", True),
    ],
)
def test_concurrency_that_can_be_reserved(
    monkeypatch: pytest.MonkeyPatch, limit: int, free: int, held: str, wanted: str, is_fine: bool
) -> None:
    limits = {"ConcurrentExecutions": limit, "UnreservedConcurrentExecutions": free}
    monkeypatch.setattr(conditions, "_limits", lambda _: limits)
    values = {"SeparateConcurrency": wanted}
    there = stack(SeparateConcurrency=held)
    assert (not list(conditions.limit_problems(ACCOUNT, values, there))) == is_fine


def test_samconfig_says_what_is_not_given(tmp_path: Path) -> None:
    path = tmp_path / "samconfig.toml"
    assert load_environment(None, path) == Environment("dev")
    path.write_text(SAMCONFIG)
    dev, prod = load_environment(None, path), load_environment("prod", path)
    assert (dev.stack, dev.region) == ("stemdrop-dev", None)
    assert dev.parameters == {"RetentionDays": "1", "Models": "2stems 4stems"}
    assert (prod.stack, prod.region) == ("stemdrop", "eu-west-1")
    assert prod.parameters == {"RetentionDays": "30", "AllowedOrigin": ""}
    with pytest.raises(UnpreparedError, match="no environment test: use dev or prod"):
        load_environment("test", path)
    path.write_text("[dev")
    with pytest.raises(UnpreparedError, match="can't be read"):
        load_environment(None, path)


@pytest.mark.parametrize("text", ["RetentionDays", "Retention-Days=1", "=1"])
def test_parameters_are_written_with_a_sign(text: str) -> None:
    with pytest.raises(UnpreparedError, match="Name=value"):
        parse_overrides(text)


def test_what_is_set_counts_for_more_than_what_there_is() -> None:
    declared = parameters.load_declared()
    there = stack(Models="4stems", RetentionDays="9", AccessToken="****", Gone="1")
    found = parameters.in_force(declared, {"RetentionDays": "1"}, there)
    assert (found["Models"], found["RetentionDays"]) == ("4stems", "1")
    assert found["MaxDurationS"] == "3600"
    assert not {"AccessToken", "Gone"} & found.keys()


def test_the_templates_own_values_are_allowed() -> None:
    declared = parameters.load_declared()
    found = parameters.in_force(declared, {}, None)
    assert not list(parameters.problems(declared, found))


def plan(there: Stack | None, given: str | None = None, jwt_issuer: str = "") -> Plan:
    return Plan(
        Environment("dev"),
        ACCOUNT,
        Engine("docker"),
        "stemdrop",
        Site(there),
        {},
        {"JwtIssuer": jwt_issuer},
        given,
        (),
    )


def test_a_token_is_made_only_if_there_is_none() -> None:
    with_token, with_jwt = stack(JwtIssuer=""), stack(JwtIssuer="https://x")
    assert _token_to_set(plan(with_token), is_new_wanted=False) is None
    assert _token_to_set(plan(with_token, "given"), is_new_wanted=False) == "given"
    assert _token_to_set(plan(with_jwt, jwt_issuer="https://x"), is_new_wanted=False) == ""
    for there in (None, with_jwt):
        assert len(_token_to_set(plan(there), is_new_wanted=False) or "") >= 32
    assert len(_token_to_set(plan(with_token, "given"), is_new_wanted=True) or "") >= 32


def test_tokens_are_as_the_template_wants_them() -> None:
    pattern = parameters.load_declared()["AccessToken"]["AllowedPattern"]
    for token in (make_token(), given_token({"STEMDROP_TOKEN": f" {'x' * 32}\n"})):
        assert token
        assert re.fullmatch(pattern, token)
    assert given_token({"STEMDROP_TOKEN": ""}) is None
    with pytest.raises(UnpreparedError, match="STEMDROP_TOKEN is no token") as raised:
        given_token({"STEMDROP_TOKEN": "too short, and secret"})
    assert "secret" not in raised.value.message


def test_only_the_owner_reads_the_token(tmp_path: Path) -> None:
    file = TokenFile.of(ACCOUNT, "stemdrop", tmp_path / "aws")
    file.path.parent.mkdir(mode=0o755)
    file.path.touch(mode=0o644)  # as somebody may have left it
    file.keep("secret")
    assert file.path.read_text() == "secret\n"
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.path.parent.stat().st_mode) == 0o700
    file.delete()
    file.delete()
    assert not file.path.exists()


def test_sam_is_told_all_that_samconfig_does_not_say(monkeypatch: pytest.MonkeyPatch) -> None:
    commands: list[list[str]] = []
    environments: list[Mapping[str, str]] = []

    class Process:
        def __init__(self, command: list[str], env: Mapping[str, str], **_: Any) -> None:
            commands.append(command)
            environments.append(env)

        def wait(self) -> int:
            return 0

    monkeypatch.setattr("stemdrop_cloud.sam.subprocess.Popen", Process)
    monkeypatch.setenv("SAM_DEBUG", "1")
    monkeypatch.setenv("STEMDROP_TOKEN", "secret")
    Sam(Environment("dev"), "songs", "eu-west-1", {"DOCKER_HOST": "unix:///x"}).deploy("file://p")
    known = Environment("prod-bootstrap", is_known=True)
    outputs = {"ArtifactsBucket": "b", "ImageRepositoryUri": "i", "ExecutionRoleArn": "r"}
    bootstrap = Stack("id", "songs-bootstrap", "", "stemdrop", {}, outputs, is_protected=False)
    Sam(known, "songs", "eu-west-1", {}, arguments(bootstrap)).deploy("file://p")
    by_itself, configured = (" ".join(command) for command in commands)
    assert "--stack-name songs" in by_itself
    assert "--resolve-s3 --resolve-image-repos --capabilities CAPABILITY_IAM" in by_itself
    assert "--config-env prod-bootstrap" in configured
    assert "--resolve" not in configured
    assert "--s3-bucket b --image-repository i --role-arn r" in configured
    assert environments[0]["DOCKER_HOST"] == "unix:///x"
    assert environments[0]["SAM_CLI_TELEMETRY"] == "0"
    assert not {"SAM_DEBUG", "STEMDROP_TOKEN"} & environments[0].keys()


def test_what_a_bootstrap_stack_has_is_used() -> None:
    boundary = "arn:aws:iam::123456789012:policy/b"
    outputs = {"PermissionsBoundaryArn": boundary}
    bootstrap = Stack("id", "stemdrop-dev-bootstrap", "", "", {}, outputs, is_protected=False)
    dev = load_environment("dev")
    found = adopt(dev, bootstrap)
    assert found.name == "dev-bootstrap"
    assert "resolve_s3" not in found.deploy
    assert found.parameters == {
        **dev.parameters,
        "PermissionsBoundary": "arn:aws:iam::123456789012:policy/b",
    }
    assert adopt(dev, None) == dev


@pytest.mark.parametrize("main", [deploy.main, logs.main, redrive.main, destroy.main])
def test_help_tells_the_exit_statuses(
    main: Callable[[list[str]], int], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    said = capsys.readouterr().out
    assert "exit status" in said
    assert "--stack" in said
    with pytest.raises(SystemExit) as ended:
        main(["--nonsense"])
    assert ended.value.code == 2


def refused(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "no"}}, "DescribeStacks")


@pytest.mark.parametrize(
    ("error", "status", "words"),
    [
        (NoCredentialsError(), 4, "aws configure"),
        (ProfileNotFound(profile="x"), 4, "AWS_PROFILE"),
        (refused("ExpiredToken"), 4, "renew them"),
        (refused("InvalidClientTokenId"), 4, "renew them"),
        (refused("AccessDenied"), 4, "may not call DescribeStacks"),
        (refused("Throttling"), 1, "AWS refused DescribeStacks (Throttling)"),
        (EndpointConnectionError(endpoint_url="https://x"), 3, "can't be reached"),
    ],
)
def test_errors_of_aws_are_sentences(error: Any, status: int, words: str) -> None:
    found = translated(error)
    assert found.exit_status == status
    assert words in found.message
    assert "\n" not in found.message
