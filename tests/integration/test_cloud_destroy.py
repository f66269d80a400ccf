"""A stack is deleted with everything in it, and nothing else; by real HTTP, to moto."""

import json
import os
import pty
import signal
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from cloud_server import CloudServer, run, variables, words
from faults import Faults, first
from stemdrop_cloud.belongings import COMPANION_DESCRIPTION

UPLOADS = "stemdrop-uploads-123456789012-eu-central-1"
STEMS = "stemdrop-stems-123456789012-eu-central-1"
OTHER = "stemdrop-2-uploads-123456789012-eu-central-1"
# SAM's own name for the stack of `stemdrop`: samcli.lib.bootstrap.companion_stack.
COMPANION = "stemdrop-f35597b5-CompanionStack"


@pytest.fixture
def faulty(deployed: CloudServer) -> Iterator[Faults]:
    with Faults(deployed.url) as proxy:
        yield proxy


def destroy(url: str, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    words = ("--stack", "stemdrop", *arguments)
    return run("destroy", *words, environment=variables(url), **options)


def buckets(cloud: CloudServer) -> set[str]:
    return {bucket["Name"] for bucket in cloud.client("s3").list_buckets()["Buckets"]}


def stacks(cloud: CloudServer) -> set[str]:
    found = cloud.client("cloudformation").describe_stacks()["Stacks"]
    return {stack["StackName"] for stack in found}


def fill(s3: Any, bucket: str, count: int) -> None:
    with ThreadPoolExecutor(8) as putting:
        for number in range(count):
            putting.submit(s3.put_object, Bucket=bucket, Key=f"drop/{number}", Body=b"12345")


def test_everything_of_the_stack_goes_and_nothing_else(
    deployed: CloudServer, transformed: str
) -> None:
    deployed.create_stack("stemdrop-2", transformed)
    s3 = deployed.client("s3")
    fill(s3, UPLOADS, 1010)
    s3.create_multipart_upload(Bucket=UPLOADS, Key="drop/unfinished.wav")
    s3.put_bucket_versioning(Bucket=STEMS, VersioningConfiguration={"Status": "Enabled"})
    for _ in range(3):
        s3.put_object(Bucket=STEMS, Key="drop/a/job.json", Body=b"{}")
    s3.delete_object(Bucket=STEMS, Key="drop/a/job.json")
    s3.put_object(Bucket=OTHER, Key="drop/keep", Body=b"")
    done = destroy(deployed.url, "--yes", "stemdrop")
    assert done.returncode == 0, done.stderr
    assert f"{UPLOADS}: 1,010 objects, 5.0 kB, 1 unfinished upload" in done.stdout
    assert f"{STEMS}: 4 objects, 6 bytes" in done.stdout
    assert "the failure queue: 0 messages" in done.stdout
    assert "stemdrop" not in stacks(deployed)
    assert not {UPLOADS, STEMS} & buckets(deployed)
    assert "stemdrop-2" in stacks(deployed)
    assert s3.list_objects_v2(Bucket=OTHER)["KeyCount"] == 1
    again = destroy(deployed.url, "--yes", "stemdrop")
    assert again.returncode == 3
    assert again.stderr.startswith("stemdrop: There is no stack stemdrop")


@pytest.mark.parametrize("arguments", [[], ["--yes", "stemdrop-2"], ["--yes", ""]])
def test_nothing_goes_without_the_name(deployed: CloudServer, arguments: list[str]) -> None:
    deployed.client("s3").put_object(Bucket=UPLOADS, Key="drop/a", Body=b"1")
    done = destroy(deployed.url, *arguments)
    assert done.returncode == 2
    assert "Nothing was deleted" in done.stderr
    assert deployed.client("s3").list_objects_v2(Bucket=UPLOADS)["KeyCount"] == 1


@pytest.mark.parametrize(("typed", "status"), [("stemdrop", 0), ("yes", 2), ("", 2)])
def test_it_asks_people(deployed: CloudServer, typed: str, status: int) -> None:
    ours, theirs = pty.openpty()
    try:
        os.write(ours, f"{typed}\n".encode())
        done = destroy(deployed.url, stdin=theirs)
    finally:
        os.close(ours)
        os.close(theirs)
    assert done.returncode == status, done.stderr
    assert "Type the stack's name" in done.stdout
    assert ("stemdrop" in stacks(deployed)) == (status != 0)


def test_it_goes_on_after_it_was_interrupted(deployed: CloudServer, faulty: Faults) -> None:
    fill(deployed.client("s3"), UPLOADS, 10)
    process = subprocess.Popen(
        words("destroy", "--stack", "stemdrop", "--yes", "stemdrop"),
        env=variables(faulty.endpoint_url),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    # Both buckets are listed twice to be shown, then the first one to be emptied, and once again.
    faulty.on(first(lambda: os.kill(process.pid, signal.SIGTERM)), "GET", "", after=6)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert b"Traceback" not in said
    assert "stemdrop" in stacks(deployed)
    assert deployed.client("s3").list_objects_v2(Bucket=UPLOADS)["KeyCount"] == 0
    assert destroy(deployed.url, "--yes", "stemdrop").returncode == 0
    assert not {UPLOADS, STEMS} & buckets(deployed)


def test_a_song_that_comes_meanwhile_goes_too(deployed: CloudServer, faulty: Faults) -> None:
    s3 = deployed.client("s3")
    s3.put_object(Bucket=STEMS, Key="drop/a/vocals.wav", Body=b"1")
    late = first(lambda: s3.put_object(Bucket=UPLOADS, Key="drop/late", Body=b"1"))
    # Both buckets are listed twice to be shown, then the first one to be emptied: now it comes.
    faulty.on(late, "GET", "", after=6)
    done = destroy(faulty.endpoint_url, "--yes", "stemdrop")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(f"Emptying {UPLOADS}") == 2
    assert not {UPLOADS, STEMS} & buckets(deployed)


def test_a_protected_stack_stays(cloud: CloudServer, transformed: str) -> None:
    cloud.reset()
    cloud.put_packages()
    cloud.create_stack("stemdrop", transformed, EnableTerminationProtection=True)
    done = destroy(cloud.url, "--yes", "stemdrop")
    assert done.returncode == 2
    assert "update-termination-protection" in done.stderr
    assert "stemdrop" in stacks(cloud)


def test_a_stack_of_others_stays(cloud: CloudServer) -> None:
    cloud.reset()
    template = {"Description": "payroll", "Resources": {"B": {"Type": "AWS::S3::Bucket"}}}
    cloud.client("cloudformation").create_stack(
        StackName="stemdrop", TemplateBody=json.dumps(template)
    )
    done = destroy(cloud.url, "--yes", "stemdrop")
    assert done.returncode == 1
    assert "not stemdrop's" in done.stderr
    assert "stemdrop" in stacks(cloud)
    assert buckets(cloud)


def test_images_of_sams_own_repositories_go(deployed: CloudServer) -> None:
    repository = {"Type": "AWS::ECR::Repository", "Properties": {"RepositoryName": "stemdrop/x"}}
    template = {"Description": COMPANION_DESCRIPTION, "Resources": {"Repo": repository}}
    deployed.client("cloudformation").create_stack(
        StackName=COMPANION, TemplateBody=json.dumps(template)
    )
    kind = "application/vnd.docker.distribution.manifest.v2+json"
    manifest = json.dumps({"schemaVersion": 2, "mediaType": kind, "config": {}, "layers": []})
    ecr = deployed.client("ecr")
    ecr.put_image(repositoryName="stemdrop/x", imageManifest=manifest, imageTag="a")
    done = destroy(deployed.url, "--yes", "stemdrop")
    assert done.returncode == 0, done.stderr
    assert "the image repository stemdrop/x" in done.stdout
    assert not ecr.describe_repositories()["repositories"]
    assert not stacks(deployed)
