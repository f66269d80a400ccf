"""`make deploy`: the real `sam deploy`, to moto. What is built is given: it takes containers."""

import json
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from cloud_server import TIMEOUT_S, CloudServer, packaged_template, variables
from stemdrop_local.deployment import ROOT

TESTS = Path(__file__).resolve().parents[1]
TOKEN_FILE = "tokens/stemdrop.123456789012.eu-central-1.token"  # noqa: S105


class Deployer:
    """Runs `make deploy` for the stack `stemdrop`.

    Attributes
    ----------
    folder : with tokens, and what `sam` was told.
    """

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        folder.mkdir(exist_ok=True)
        sam = folder / "sam"
        sam.write_text(f"#!{sys.executable}\n{(TESTS / 'cloud_sam.py').read_text()}")
        sam.chmod(0o755)
        (folder / "template.yaml").write_text(local_template())
        checked = folder / ".aws-sam" / "metadata.json"  # or SAM would look for a newer one of it
        checked.parent.mkdir(exist_ok=True)
        checked.write_text(json.dumps({"lastVersionCheck": time.time()}))
        self.variables = variables(
            url,
            DEPLOY_FOLDER=str(folder),
            DOCKER_HOST="unix:///nowhere",
            SAM_CLI_POLL_DELAY="0.1",
            SAM_DEBUG="1",
            HOME=str(folder),
        )

    def words(self, *arguments: str) -> list[str]:
        script = str(TESTS / "cloud_deploy.py")
        return [sys.executable, script, "--stack", "stemdrop", *arguments]

    def run(self, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.words(*arguments),
            env={**self.variables, **more},
            cwd=ROOT,
            check=False,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
        )

    def calls(self) -> list[dict[str, Any]]:
        path = self.folder / "calls.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    @property
    def token_file(self) -> Path:
        return self.folder / TOKEN_FILE


def local_template() -> str:
    """Return template.yaml with an image, and with folders that only need to be packed."""
    template = packaged_template()
    for name in ("functions/api", "layers/core"):
        template = template.replace("s3://code/package.zip", str(ROOT / name), 1)
    return template


def token_of(cloud: CloudServer) -> str:
    found = cloud.client("lambda").get_function_configuration(FunctionName="stemdrop-api")
    token: str = found["Environment"]["Variables"]["ACCESS_TOKEN"]
    return token


def parameters_of(cloud: CloudServer) -> dict[str, str]:
    stacks = cloud.client("cloudformation").describe_stacks(StackName="stemdrop")["Stacks"]
    return {each["ParameterKey"]: each["ParameterValue"] for each in stacks[0]["Parameters"]}


@pytest.fixture(scope="module")
def first_run(
    cloud: CloudServer, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Deployer, subprocess.CompletedProcess[str]]:
    """Deploy a stack into an empty account."""
    cloud.reset()
    deployer = Deployer(tmp_path_factory.mktemp("deploy"), cloud.url)
    return deployer, deployer.run("--parameters", "MaxDurationS=1200 Models='2stems 4stems'")


@pytest.fixture
def deployer(first_run: tuple[Deployer, subprocess.CompletedProcess[str]]) -> Deployer:
    return first_run[0]


@pytest.fixture
def fresh(cloud: CloudServer, tmp_path: Path) -> Deployer:
    """Return a deployer of which nothing is known, beside the stack that is there."""
    return Deployer(tmp_path / "fresh", cloud.url)


def test_the_first_deployment_makes_a_stack_and_a_token(
    cloud: CloudServer, first_run: tuple[Deployer, subprocess.CompletedProcess[str]]
) -> None:
    deployer, done = first_run
    assert done.returncode == 0, done.stdout + done.stderr
    token = deployer.token_file.read_text().strip()
    assert len(token) >= 32
    assert token == token_of(cloud)
    assert list((deployer.folder / "built" / "ApiFunction").rglob("*.pyc"))
    assert parameters_of(cloud)["MaxDurationS"] == "1200"
    outputs = cloud.outputs("stemdrop")
    for line in (
        f"page and API   {outputs['ApiUrl']}",
        f"drop folder    s3://{outputs['UploadsBucket']}/drop/",
        f"cat {deployer.token_file}",
        ".venv/bin/stemdrop submit song.mp3 --url",
        "aws s3 cp song.mp3 s3://",
        "make logs STACK=stemdrop",
    ):
        assert line in done.stdout


def test_the_token_is_nowhere_else(
    first_run: tuple[Deployer, subprocess.CompletedProcess[str]],
) -> None:
    deployer, done = first_run
    token = deployer.token_file.read_text().strip()
    assert token not in done.stdout + done.stderr
    assert stat.S_IMODE(deployer.token_file.stat().st_mode) == 0o600
    assert stat.S_IMODE(deployer.token_file.parent.stat().st_mode) == 0o700
    assert [path.name for path in deployer.token_file.parent.iterdir()] == [
        deployer.token_file.name
    ]
    build, deploy = deployer.calls()[:2]
    for call in (build, deploy):
        assert token not in json.dumps(call["arguments"]) + json.dumps(call["environment"])
        assert "SAM_DEBUG" not in call["environment"]  # SAM would log it
        assert call["mode"] == "0o600"
    assert deploy["parameters"]["AccessToken"] == token
    assert "AccessToken" not in build["parameters"]


def test_what_is_not_given_stays_as_it_is(cloud: CloudServer, deployer: Deployer) -> None:
    token = token_of(cloud)
    deployer.token_file.unlink()
    done = deployer.run("--parameters", "RetentionDays=3")
    assert done.returncode == 0, done.stdout + done.stderr
    assert token_of(cloud) == token == deployer.token_file.read_text().strip()
    found = parameters_of(cloud)
    assert (found["RetentionDays"], found["MaxDurationS"]) == ("3", "1200")
    build, deploy = deployer.calls()[-2:]
    assert build["parameters"]["Models"] == "2stems 4stems"  # though nobody names them again
    assert deploy["parameters"]["RetentionDays"] == "3"
    assert "AccessToken" not in deploy["parameters"]


def test_a_token_can_be_replaced(cloud: CloudServer, fresh: Deployer) -> None:
    given = "a.token.of-my-own~0123456789/+=xyz"
    done = fresh.run(STEMDROP_TOKEN=given)
    assert done.returncode == 0, done.stdout + done.stderr
    assert token_of(cloud) == given == fresh.token_file.read_text().strip()
    assert given not in done.stdout + done.stderr
    assert given not in json.dumps([call["environment"] for call in fresh.calls()])


def test_ctrl_c_ends_sam_and_leaves_no_file(fresh: Deployer, deployer: Deployer) -> None:
    assert deployer.token_file.exists()
    (fresh.folder / "hold").touch()
    process = subprocess.Popen(
        fresh.words("--new-token"),
        env=fresh.variables,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    pause = threading.Event()
    for _ in range(600):
        if fresh.calls():
            break
        pause.wait(0.1)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 130
    assert said.endswith(b"stemdrop: Interrupted.\n")
    with pytest.raises(ProcessLookupError):
        os.kill(fresh.calls()[0]["pid"], 0)
    assert not list((fresh.folder / "tokens").iterdir())


def test_a_failure_of_sam_is_one_sentence(fresh: Deployer, deployer: Deployer) -> None:
    assert deployer.token_file.exists()
    (fresh.folder / "fail").touch()
    done = fresh.run("--new-token")
    assert done.returncode == 1
    assert done.stderr.endswith("stemdrop: `sam build` ended with 1; what is wrong is above.\n")
    assert not list((fresh.folder / "tokens").iterdir())


def test_a_new_account_is_told_its_limits(fresh: Deployer, deployer: Deployer) -> None:
    assert deployer.token_file.exists()
    done = fresh.run("--check", "--parameters", "SeparateMemoryMb=10240")
    assert done.returncode == 0, done.stderr
    assert "Lambda may allow it 3,008 MB at most" in done.stdout
    assert "This account may run 10 functions at a time" in done.stdout
    done = fresh.run("--check", "--parameters", "SeparateConcurrency=5")
    assert done.returncode == 2
    assert "SeparateConcurrency can't be 5" in done.stderr
    assert not fresh.calls()


def test_a_bucket_in_the_way_is_found_before_anything_is_built(
    cloud: CloudServer, fresh: Deployer
) -> None:
    cloud.client("s3").create_bucket(
        Bucket="another-stems-123456789012-eu-central-1",
        CreateBucketConfiguration={"LocationConstraint": "eu-central-1"},
    )
    done = fresh.run("--stack", "another")
    assert done.returncode == 2
    assert "There is a bucket another-stems-123456789012-eu-central-1 already" in done.stderr
    assert not fresh.calls()


def test_all_that_is_missing_is_told_at_once(tmp_path: Path) -> None:
    kept = variables("http://127.0.0.1:9", DEPLOY_FOLDER=str(tmp_path), PATH="/nowhere")
    for name in ("AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "DOCKER_HOST"):
        kept.pop(name, None)
    wrong = ["--stack", "Not_A_Name", "--parameters", "RetentionDays=0 Tpyo=1 AccessToken=x"]
    wrong += ["--models", "3stems", "--architecture", "riscv"]
    done = subprocess.run(
        [sys.executable, str(TESTS / "cloud_deploy.py"), *wrong],
        env={**kept, "STEMDROP_TOKEN": "short"},
        check=False,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
    )
    assert done.returncode == 2
    assert not done.stdout
    for words in (
        "STEMDROP_TOKEN is no token",
        "A stack can't be called 'Not_A_Name'",
        "No container engine answers",
        "No AWS region is set",
        "There are no AWS credentials here",
        "RetentionDays can't be '0': use a number from 1 to 365.",
        "The template has no parameter Tpyo",
        "The token can't be given as a parameter",
        "Models can't be '3stems'",
        "Architecture can't be 'riscv': use x86_64, arm64.",
    ):
        assert words in done.stderr
    assert all(line.startswith("stemdrop: ") for line in done.stderr.splitlines())
