"""Songs in the local stack: many, repeated and failing ones."""

import os
import random
import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import boto3
import pytest
from botocore.exceptions import ClientError

from captured_output import CapturedOutput
from integration.process_tree import descendants, wait_until_ended
from local_stack import TOKEN, drop, run_stack, stack_settings
from stemdrop.job_record import Job, Status
from stemdrop_local import services as services_module
from stemdrop_local.console import Console
from stemdrop_local.deployment import ROOT, Deployment, DeploymentError, Stack, deploy
from stemdrop_local.emulator import ACCESS_KEY_ID, REGION
from stemdrop_local.emulator_process import EmulatorProcess
from stemdrop_local.expiry import expire
from stemdrop_local.services import ApiError, LocalServices
from tiny_models import install
from uploads import results

AWS = ".venv-sam/bin/aws"
SONGS = 20
STEMS = ("vocals.wav", "accompaniment.wav")
# The message of a killed function returns after this time. The template allows at least 2 minutes.
VISIBILITY_S = 8


@dataclass(frozen=True)
class RunningStack:
    """A running stack in a folder."""

    folder: Path
    services: LocalServices
    output: CapturedOutput


def record(folder: Path, name: str) -> Job:
    return Job.from_json((folder / "stems" / name / "job.json").read_bytes())


def test_20_songs_are_separated_although_a_fifth_crash_the_function(tmp_path: Path) -> None:
    (tmp_path / "marks").mkdir()
    settings = stack_settings(tmp_path)
    environment = {
        **settings.environment,
        "PYTHONPATH": str(Path(__file__).parent),
        "MARKS": str(tmp_path / "marks"),
    }
    settings = replace(
        settings, songs=2, handler="crashing_handler.handler", environment=environment
    )
    mortal = random.Random(0).sample(range(SONGS), SONGS // 5)
    names = [f"{n:02}-{'mortal' if n in mortal else 'song'}.wav" for n in range(SONGS)]
    with run_stack(settings) as (services, output):
        services.stack.sqs.set_queue_attributes(
            QueueUrl=services.stack.song_queue_url,
            Attributes={"VisibilityTimeout": str(VISIBILITY_S)},
        )
        for seed, name in enumerate(names):
            drop(tmp_path, name, seed, duration_s=0.1)
        output.wait("saved ", times=SONGS, timeout_s=240)
        services.check()
        assert services.stack.count_failures() == 0
        kept = [key for key in results(services.stack) if key.startswith("drop/")]
        log = services.emulator.log.read_text()
    assert output.count("saved ") == output.count("dropped ") == SONGS
    assert output.count("gave up|failed|problem") == 0
    assert len([*(tmp_path / "marks").iterdir()]) == SONGS // 5
    found = sorted(re.sub("/results-[0-9a-f]{16}/", "/", key) for key in kept)
    files = ("job.json", "peaks.dat", *STEMS)
    assert found == sorted(f"drop/{name}/{file}" for name in names for file in files)
    assert all(record(tmp_path, name).status is Status.DONE for name in names)
    done = re.findall(r'"key":"([^"]+)","outcome":"done"', log)
    assert len(done) == len(set(done)), Counter(done).most_common(3)


def test_rejected_template_is_reported_and_stops_services(
    tmp_path: Path,
) -> None:
    settings = replace(stack_settings(tmp_path), parameters={"RetentionDays": "0"})
    before = descendants(os.getpid()).keys()
    with pytest.raises(DeploymentError) as refused:
        LocalServices(settings, Console(CapturedOutput())).__enter__()
    assert refused.value.message.startswith("template.yaml can't be deployed into the local AWS: ")
    assert "RetentionDays" in refused.value.message
    assert "\n" not in refused.value.message
    assert all(wait_until_ended(pid) for pid in descendants(os.getpid()).keys() - before)


def test_failed_api_start_stops_services(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def deploy_broken(emulator: EmulatorProcess, deployment: Deployment) -> Stack:
        variables = {**deployment.environment, "ApiFunction": {"MAX_UPLOAD_BYTES": "many"}}
        return deploy(emulator, replace(deployment, environment=variables))

    monkeypatch.setattr(services_module, "deploy", deploy_broken)
    before = descendants(os.getpid()).keys()
    with pytest.raises(ApiError, match=r"The API failed to start: see .*emulator\.log\.$"):
        LocalServices(stack_settings(tmp_path), Console(CapturedOutput())).__enter__()
    assert all(wait_until_ended(pid) for pid in descendants(os.getpid()).keys() - before)


def test_waiting_song_whose_upload_has_expired_is_uploaded_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = stack_settings(tmp_path)
    with run_stack(replace(settings, handler="no_such_module.handler")) as (_, output):
        drop(tmp_path, "waiting.wav", seed=0)
        output.wait("dropped .*waiting.wav")
    days = iter([30])  # the stack was stopped for

    def expire_later(stack: Stack, now: datetime) -> int:
        return expire(stack, now + timedelta(days=next(days, 0)))

    monkeypatch.setattr(services_module, "expire", expire_later)
    with run_stack(settings) as (_, output):
        output.wait("saved .*waiting.wav")
    assert output.count("expired .*1 old objects") == 1
    assert output.count("failed|problem") == 0


def test_stems_that_cannot_be_saved_are_retried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services_module, "RETRY_S", 0.2)
    blocking = tmp_path / "stems" / "song.wav"
    blocking.parent.mkdir()
    blocking.touch()
    with run_stack(stack_settings(tmp_path)) as (_, output):
        drop(tmp_path, "song.wav", seed=0)
        output.wait("problem .*song.wav: The stems can't be saved")
        blocking.unlink()
        output.wait("saved .*song.wav")
    assert output.count("problem ") == 1


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    """Run a stack whose first expiry run deletes three objects."""
    folder = tmp_path_factory.mktemp("shared")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(services_module, "expire", lambda *_: 3)
        with run_stack(stack_settings(folder)) as (services, output):
            yield RunningStack(folder, services, output)


def test_song_failing_three_times_is_redriven(shared: RunningStack) -> None:
    """The commands that the console shows redrive it. Until then, other songs are separated."""
    network = install(shared.folder / "models", "4stems")
    network.rename(network.with_suffix(".away"))
    drop(shared.folder, "4stems/bad.wav", seed=1)
    shared.output.wait("dropped .*bad.wav")
    drop(shared.folder, "good.wav", seed=2)
    shared.output.wait("saved .*good.wav")
    shared.output.wait("gave up .*1 in the failure queue: ")
    assert shared.services.stack.count_failures() == 1
    shared.output.wait("failed .*bad.wav: All attempts failed")
    assert record(shared.folder, "4stems/bad.wav").status is Status.FAILED
    network.with_suffix(".away").rename(network)
    shown = " && ".join(re.findall("`(.+?)`", shared.output.text.split("gave up")[1]))
    subprocess.run(
        ["bash", "-c", f"{shown} AWS={AWS}"],
        cwd=ROOT,
        env={**os.environ, "AWS_SESSION_TOKEN": "of another account"},
        check=True,
        capture_output=True,
    )
    shared.output.wait("saved .*4stems/bad.wav")
    assert shared.services.stack.count_failures() == 0
    assert record(shared.folder, "4stems/bad.wav").status is Status.DONE


def test_the_same_song_is_separated_once_for_each_set_of_options(shared: RunningStack) -> None:
    names = ["one.wav", "again/one.wav", "2stems-16kHz/one.wav"]
    jobs = []
    for name in names:
        drop(shared.folder, name, seed=0)
        shared.output.wait(f"saved .*/stems/{name}:")
        jobs.append(record(shared.folder, name))
    assert ["separate" in job.usage.timings_s for job in jobs if job.usage] == [True, False, True]
    assert jobs[2].options["model"] == "2stems-16kHz"
    shared.output.wait("done .*drop/again/one.wav: .*copied")


def test_invalid_song_fails_at_once(shared: RunningStack) -> None:
    (shared.folder / "drop" / "poison.mp3").write_bytes(b"no song at all\n" * 100)
    shared.output.wait("failed .*poison.mp3: The file can't be read as audio")
    shared.output.wait("dropped .*poison.mp3")
    assert shared.services.stack.count_failures() == 0


def test_old_objects_expire_from_the_start(shared: RunningStack) -> None:
    shared.output.wait("expired .*3 old objects")
    shared.services.check()


@pytest.mark.parametrize(("secret", "is_allowed"), [(TOKEN, True), ("local", False)])
def test_buckets_require_the_token(shared: RunningStack, secret: str, *, is_allowed: bool) -> None:
    client = boto3.client(
        "s3",
        endpoint_url=f"http://localhost:{shared.services.port}",
        region_name=REGION,
        aws_access_key_id=ACCESS_KEY_ID,
        aws_secret_access_key=secret,
    )
    if is_allowed:
        assert len(client.list_buckets()["Buckets"]) == 3
    else:
        with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
            client.list_buckets()
