"""Many songs at once through all that runs on one machine, while the separator is killed."""

import os
from dataclasses import replace
from functools import partial
from pathlib import Path

import boto3
import numpy as np
import pytest
from stemdrop_local.s3.expiry import Expired

from integration.processes_of import descendants
from local_stack import TOKEN, drop, running, settings_in
from stemdrop.jobs import Job, Status
from stemdrop_local import services as services_module
from stemdrop_local.console import Console
from stemdrop_local.services import ApiError, Services
from stemdrop_local.settings import Settings
from transcript import Transcript
from uploads import results, samples

SONGS = 100
STEMS = ("vocals.wav", "accompaniment.wav")
# Half of a noise lies above what the networks let through; with any other it has nothing in common.
LIKENESS = 0.6


@pytest.fixture
def mortal(tmp_path: Path) -> Settings:
    """Return a stack of two separators that some songs kill."""
    (tmp_path / "marks").mkdir()
    return replace(
        settings_in(tmp_path),
        songs=2,
        handler="local_mortal_handler.handler",
        environment={
            "PYTHONPATH": str(Path(__file__).parent),
            "MARKS": str(tmp_path / "marks"),
        },
    )


def given_up(services: Services) -> int:
    answer = services.stack.sqs.get_queue_attributes(
        QueueUrl=services.stack.failure_queue_url, AttributeNames=["ApproximateNumberOfMessages"]
    )
    return int(answer["Attributes"]["ApproximateNumberOfMessages"])


def record(folder: Path, name: str) -> Job:
    return Job.from_json((folder / "stems" / name / "job.json").read_bytes())


def test_100_songs_survive_a_separator_that_a_fifth_of_them_kills(
    mortal: Settings, tmp_path: Path
) -> None:
    names = [f"{n:03}-{'mortal' if n % 5 == 0 else 'song'}.wav" for n in range(SONGS)]
    for seed, name in enumerate(names):
        drop(tmp_path, name, seed)
    (mortal.drop / "050-poison.mp3").write_bytes(b"no song at all\n" * 100)
    with running(mortal) as (services, transcript):
        transcript.wait("saved ", times=SONGS, timeout_s=240)
        transcript.wait("failed .*050-poison.mp3")
        transcript.wait("retry .*-mortal", times=SONGS // 5)
        assert transcript.count("retry|gave up|problem") == SONGS // 5
        assert transcript.count("dropped") == SONGS + 1
        assert given_up(services) == 0
        kept = {key for key in results(services.stack) if key.startswith("drop/")}
    expected = {f"drop/{name}/{file}" for name in names for file in ("job.json", *STEMS)}
    assert kept == expected | {"drop/050-poison.mp3/job.json"}
    for name in names:
        assert record(tmp_path, name).status is Status.DONE
        mix = samples((mortal.drop / name).read_bytes()).ravel()
        for stem in STEMS:
            sound = samples((mortal.stems / name / stem).read_bytes()).ravel()
            assert np.corrcoef(mix, sound)[0, 1] > LIKENESS
    assert record(tmp_path, "050-poison.mp3").status is Status.FAILED
    assert [path.name for path in (mortal.stems / "050-poison.mp3").iterdir()] == ["job.json"]


def test_a_song_that_always_kills_is_given_up_and_holds_nobody_up(
    mortal: Settings, tmp_path: Path
) -> None:
    for seed, name in enumerate(["a.wav", "deadly.wav", "z.wav"]):
        drop(tmp_path, name, seed)
    with running(replace(mortal, songs=1)) as (services, transcript):
        transcript.wait("gave up .*deadly.wav: .*signal: killed")
        transcript.wait("saved .*/(a|z).wav", times=2)
        assert transcript.count("retry .*deadly.wav") == 2
        assert transcript.count("retry .*deadly.wav") == services.stack.application.function.retries
        assert given_up(services) == 1
    assert {path.name for path in mortal.stems.iterdir()} == {"a.wav", "z.wav"}


def test_the_same_song_is_separated_once_for_each_set_of_options(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    with running(settings) as (_, transcript):
        for number, name in enumerate(["one.wav", "two.wav", "2stems-16kHz/one.wav"], start=1):
            drop(tmp_path, name, seed=0)
            transcript.wait("saved ", times=number)
    first, second, other = (
        record(tmp_path, name) for name in ("one.wav", "two.wav", "2stems-16kHz/one.wav")
    )
    assert first.usage
    assert second.usage
    assert other.usage
    assert "separate" in first.usage.timings_s
    assert "separate" not in second.usage.timings_s
    assert second.usage.timings_s["total"] < 2
    assert "separate" in other.usage.timings_s
    assert other.options["model"] == "2stems-16kHz"


@pytest.mark.parametrize(("secret", "allowed"), [(TOKEN, True), ("local", False), ("x", False)])
def test_only_who_has_the_token_reaches_the_buckets(
    tmp_path: Path, secret: str, allowed: bool
) -> None:
    with running(settings_in(tmp_path)) as (services, _):
        client = boto3.client(
            "s3",
            endpoint_url=f"http://127.0.0.1:{services.port}",
            region_name="eu-central-1",
            aws_access_key_id="local",
            aws_secret_access_key=secret,
        )
        listed = partial(client.list_objects_v2, Bucket=services.stack.uploads_bucket)
        if allowed:
            assert listed()["KeyCount"] == 0
        else:
            with pytest.raises(client.exceptions.ClientError, match="SignatureDoesNotMatch"):
                listed()


def test_old_objects_expire_from_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services_module, "expire", lambda *_: Expired(objects=3, uploads=0))
    with running(settings_in(tmp_path)) as (services, transcript):
        transcript.wait("expired .*3 old objects")
        services.check()


def test_a_stack_whose_api_does_not_start_ends_what_it_has_started(tmp_path: Path) -> None:
    settings = replace(settings_in(tmp_path), token="too short")  # noqa: S106 - to be refused
    before = descendants(os.getpid()).keys()
    with pytest.raises(ApiError, match=r"The API doesn't start: see .*api-2\.log"):
        Services(settings, Console(Transcript())).__enter__()
    assert descendants(os.getpid()).keys() == before
    assert "ACCESS_TOKEN" in (settings.data / "logs" / "api-2.log").read_text()
