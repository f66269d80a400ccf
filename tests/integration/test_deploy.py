"""`make deploy` and related tasks, with SAM and the AWS CLI against MiniStack."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import boto3
import pytest

from cloud_account import CloudAccount, cloud_account
from stemdrop_cloud.deploy import main as run_deployment
from stemdrop_cloud.preflight import ROOT

TESTS = ROOT / "tests"
NAME = "stemdrop-dev"
BUCKETS = [f"{NAME}-{use}-123456789012-eu-central-1" for use in ("stems", "uploads")]
BOOTSTRAP = {
    "Resources": {"Bucket": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "zips"}}},
    "Outputs": {
        "ArtifactsBucket": {"Value": "zips"},
        "ImageRepositoryUri": {"Value": "123456789012.dkr.ecr.eu-central-1.amazonaws.com/songs"},
    },
}


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CloudAccount]:
    with cloud_account(tmp_path_factory.mktemp("account")) as account:
        yield account


class Deployer:
    """Runs the deployment with a `sam` that builds nothing.

    Parameters
    ----------
    folder : for that program, and for what it is given.
    """

    def __init__(self, folder: Path, account: CloudAccount, sam: str = "") -> None:
        self.folder = folder
        self.account = account
        self.program = folder / "sam"
        real = f'exec {sys.executable} {TESTS / "sam_without_build.py"} {folder} "$@"'
        self.program.write_text(f"#!/bin/sh\n{sam or real}\n")
        self.program.chmod(0o755)

    def command(self, *arguments: str) -> list[str]:
        module = [sys.executable, "-m", "stemdrop_cloud.deploy", "--stack", NAME]
        own = ["--sam", str(self.program), "--build-dir", str(self.folder / "built")]
        return [*module, *own, *arguments]

    def variables(self, **more: str) -> dict[str, str]:
        host = {"DOCKER_HOST": "tcp://127.0.0.1:9", "SAM_DEBUG": "1"}
        return {**self.account.variables, **host, "TMPDIR": str(self.folder), **more}

    def run(self, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*arguments),
            env=self.variables(**more),
            check=False,
            capture_output=True,
            text=True,
        )

    def run_here(self, *arguments: str, **more: str) -> "subprocess.CompletedProcess[str]":
        """Run in this process, which has loaded boto3; what SAM prints is not returned."""
        handler = signal.getsignal(signal.SIGTERM)
        with (
            pytest.MonkeyPatch.context() as patch,
            redirect_stdout(StringIO()) as output,
            redirect_stderr(StringIO()) as errors,
        ):
            patch.setattr(os, "environ", self.variables(**more))
            patch.setattr(boto3, "DEFAULT_SESSION", None)  # it remembers the first credentials
            status = run_deployment(self.command(*arguments)[3:])
        signal.signal(signal.SIGTERM, handler)
        return subprocess.CompletedProcess([], status, output.getvalue(), errors.getvalue())

    def calls(self) -> list[dict[str, Any]]:
        path = self.folder / "calls.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def token_of(account: CloudAccount) -> str:
    found = account.client("lambda").get_function_configuration(FunctionName=f"{NAME}-api")
    token: str = found["Environment"]["Variables"]["ACCESS_TOKEN"]
    return token


def make_command(task: str, stack: str = NAME, aws: str = ".venv-sam/bin/aws") -> list[str]:
    # The environment must not be created while tests use it.
    made = ["--assume-old", ".venv/.ready", "--assume-old", ".venv-sam/.ready"]
    return ["make", "-s", *made, task, f"STACK={stack}", f"AWS={aws}"]


def make(account: CloudAccount, *words: str, typed: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        make_command(*words),
        cwd=ROOT,
        env=account.variables,
        input=typed,
        check=False,
        capture_output=True,
        text=True,
    )


@pytest.fixture(scope="module")
def first(
    account: CloudAccount, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Deployer, subprocess.CompletedProcess[str]]:
    """Deploy into an empty account."""
    deployer = Deployer(tmp_path_factory.mktemp("deploy"), account)
    return deployer, deployer.run("--parameters", "MaxDurationS=1200 Models='2stems 4stems'")


def test_first_deployment_makes_stack_and_token(
    account: CloudAccount, first: tuple[Deployer, subprocess.CompletedProcess[str]]
) -> None:
    _, done = first
    assert done.returncode == 0, done.stdout + done.stderr
    token = token_of(account)
    assert len(token) >= 32
    assert account.parameters(NAME)["MaxDurationS"] == "1200"
    assert account.parameters(NAME)["RetentionDays"] == "1"  # of samconfig.toml
    assert f"aws s3 cp song.mp3 s3://{BUCKETS[1]}/drop/" in done.stdout
    assert f"make -s token STACK={NAME} REGION=eu-central-1" in done.stdout
    shown = make(account, "token")
    assert (shown.stdout, shown.stderr) == (f"{token}\n", "")


def test_token_is_only_in_a_private_file(
    account: CloudAccount, first: tuple[Deployer, subprocess.CompletedProcess[str]]
) -> None:
    deployer, done = first
    token = token_of(account)
    build, deploy = deployer.calls()
    assert deploy["parameters"]["AccessToken"] == token
    assert "AccessToken" not in build["parameters"]
    assert token not in done.stdout + done.stderr
    for call in (build, deploy):
        assert token not in json.dumps(call["arguments"]) + json.dumps(call["environment"])
        assert "SAM_DEBUG" not in call["environment"]  # SAM would log the parameters
        assert call["mode"] == 0o600
        assert not Path(call["file"]).exists()


def test_update_keeps_token_and_parameters(
    account: CloudAccount, first: tuple[Deployer, subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    assert first[1].returncode == 0
    token = token_of(account)
    cloudformation = account.client("cloudformation")
    name = f"{NAME}-bootstrap"
    cloudformation.create_stack(StackName=name, TemplateBody=json.dumps(BOOTSTRAP))
    cloudformation.get_waiter("stack_create_complete").wait(
        StackName=name, WaiterConfig={"Delay": 0.1}
    )
    deployer = Deployer(tmp_path, account)
    secret = f"whsec_{'a' * 32}"
    wanted = "RetentionDays=3 WebhookHosts=hooks.example.org"
    done = deployer.run("--parameters", wanted, WEBHOOK_SECRET=secret)
    assert done.returncode == 0, done.stdout + done.stderr
    found = account.parameters(NAME)
    assert (found["RetentionDays"], found["MaxDurationS"]) == ("3", "1200")
    assert found["WebhookHosts"] == "hooks.example.org"
    assert secret not in done.stdout + done.stderr
    assert token_of(account) == token
    build, deploy = deployer.calls()
    assert build["parameters"]["Models"] == "2stems 4stems"
    assert "AccessToken" not in deploy["parameters"]
    assert deploy["parameters"]["WebhookSecret"] == secret
    for call in (build, deploy):
        assert secret not in json.dumps(call["arguments"]) + json.dumps(call["environment"])
    assert "--config-env dev-bootstrap" in " ".join(deploy["arguments"])
    assert "--s3-bucket zips" in " ".join(deploy["arguments"])


def test_check_changes_nothing(account: CloudAccount, tmp_path: Path) -> None:
    deployer = Deployer(tmp_path, account)
    done = deployer.run_here("--check")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"{NAME}: ")
    assert not deployer.calls()


def test_all_problems_are_reported_together(account: CloudAccount, tmp_path: Path) -> None:
    deployer = Deployer(tmp_path, account, sam="exit 1")
    wrong = ["--stack", "Not_A_Name", "--environment", "test", "--parameters"]
    done = deployer.run_here(
        *wrong,
        "Models=3stems Architecture=riscv Tpyo=1 AccessToken=secret",
        AWS_DEFAULT_REGION="",
        DOCKER_HOST=f"unix://{tmp_path}/none.sock",
    )
    assert done.returncode == 2
    assert not done.stdout
    lines = done.stderr.splitlines()
    for words in (
        "samconfig.toml has no 'test': use dev, dev-bootstrap, prod, prod-bootstrap.",
        "There is no AWS region",
        "The SAM command line doesn't start: delete .venv-sam and run `make deploy` again.",
        "No container engine answers",
        "A stack can't be called 'Not_A_Name'",
        "Models can't be '3stems'",
        "Architecture can't be 'riscv': use x86_64, arm64.",
        "template.yaml has no parameter Tpyo.",
        "AccessToken can't be given",
    ):
        assert len([line for line in lines if line.startswith(f"stemdrop: {words}")]) == 1, words
    assert len(lines) == 9


def test_missing_credentials_are_reported_in_one_sentence(
    account: CloudAccount, tmp_path: Path
) -> None:
    deployer = Deployer(tmp_path, account)
    done = deployer.run_here(AWS_ACCESS_KEY_ID="", AWS_SECRET_ACCESS_KEY="")
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert "Unable to locate credentials" in line


def test_failure_of_sam_is_reported_in_one_sentence(account: CloudAccount, tmp_path: Path) -> None:
    deployer = Deployer(tmp_path, account, sam='[ "$1" = --version ] || exit 3')
    done = deployer.run_here()
    assert done.returncode == 1
    assert done.stderr == "stemdrop: `sam build` failed with exit status 3.\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interruption_removes_the_file(
    account: CloudAccount, tmp_path: Path, number: signal.Signals
) -> None:
    sam = '[ "$1" = --version ] && exit; echo "$@"; exec cat'
    deployer = Deployer(tmp_path, account, sam=sam)
    with subprocess.Popen(
        deployer.command(),
        env=deployer.variables(),
        stdin=subprocess.PIPE,  # SAM ends with its input, whatever becomes of it
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        assert process.stdout.readline().startswith(NAME)
        file = Path(process.stdout.readline().split("file://")[1].strip())
        assert file.exists()
        process.send_signal(number)
        assert process.wait() == 130
    assert not file.exists()


def test_logs_are_followed(
    account: CloudAccount, first: tuple[Deployer, subprocess.CompletedProcess[str]]
) -> None:
    assert first[1].returncode == 0
    logs = account.client("logs")
    stream = {"logGroupName": f"/aws/lambda/{NAME}-separate", "logStreamName": "a"}
    event = {"timestamp": int(time.time() * 1000), "message": "song_separated"}
    logs.create_log_stream(**stream)
    logs.put_log_events(**stream, logEvents=[event])
    with subprocess.Popen(
        make_command("logs"),
        cwd=ROOT,
        env=account.variables,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as following:
        assert following.stdout
        try:
            assert any("song_separated" in line for line in following.stdout)
        finally:
            os.killpg(following.pid, signal.SIGTERM)


def test_destroy_deletes_songs_and_stack_after_asking(
    account: CloudAccount, first: tuple[Deployer, subprocess.CompletedProcess[str]]
) -> None:
    assert first[1].returncode == 0
    s3 = account.client("s3")
    for bucket in BUCKETS:
        s3.put_object(Bucket=bucket, Key="drop/song.mp3", Body=b"song")
    refused = make(account, "destroy", typed="yes\n")
    assert refused.returncode != 0
    assert "Nothing was deleted." in refused.stderr
    assert set(BUCKETS) <= set(refused.stdout.split())
    assert s3.list_objects_v2(Bucket=BUCKETS[0])["KeyCount"] == 1
    done = make(account, "destroy", typed=f"{NAME}\n")
    assert done.returncode == 0, done.stdout + done.stderr
    assert not set(BUCKETS) & {bucket["Name"] for bucket in s3.list_buckets()["Buckets"]}


def test_destroy_rejects_other_stacks(account: CloudAccount, tmp_path: Path) -> None:
    cloudformation = account.client("cloudformation")
    template = {"Resources": {"Queue": {"Type": "AWS::SQS::Queue"}}}
    cloudformation.create_stack(StackName="payroll", TemplateBody=json.dumps(template))
    done = Deployer(tmp_path, account).run_here("--stack", "payroll")
    assert (done.returncode, done.stdout) == (2, "")
    assert "The stack payroll exists and isn't stemdrop's" in done.stderr
    done = make(account, "destroy", "payroll", typed="payroll\n")
    assert "isn't stemdrop's: nothing was deleted" in done.stderr
    cloudformation.describe_stacks(StackName="payroll")
