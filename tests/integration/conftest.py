"""Fixtures of the tests of store, record, job and handler; see also tests/conftest.py."""

import math
import os
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from api_events import TOKEN, Api, ExecutionEnvironment, Handler
from fault_proxy import FaultProxy
from lambda_environment import function_variables
from s3_clients import S3Clients, create_clients
from stemdrop.s3 import CLIENT_CONFIG
from stemdrop.store import Store
from stemdrop_local.deployment import Stack
from stemdrop_local.emulator import ACCESS_KEY_ID, REGION
from stemdrop_local.emulator_process import EmulatorProcess
from stemdrop_separate.audio.ffmpeg import find_ffmpeg
from stemdrop_separate.job.context import JobContext
from stemdrop_separate.models.catalog import BackendName, Models
from stemdrop_separate.settings import Settings
from tiny_models import install

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@pytest.fixture
def buckets(deployed: Stack) -> Stack:
    """Return the deployed template, its buckets and its queue empty."""
    for name in (deployed.uploads_bucket, deployed.stems_bucket):
        found = deployed.s3.list_objects_v2(Bucket=name).get("Contents", [])
        keys = {entry["Key"] for entry in found}
        plain = {key for key in keys if key.isprintable()}  # XML has no control characters
        if plain:
            deleted: Any = [{"Key": key} for key in plain]
            deployed.s3.delete_objects(Bucket=name, Delete={"Objects": deleted})
        for key in keys - plain:
            deployed.s3.delete_object(Bucket=name, Key=key)
    deployed.sqs.purge_queue(QueueUrl=deployed.song_queue_url)
    return deployed


@pytest.fixture(scope="session")
def proxy(emulator: EmulatorProcess) -> Iterator[FaultProxy]:
    with FaultProxy(emulator.endpoint_url) as proxy:
        yield proxy


@pytest.fixture
def faults(proxy: FaultProxy) -> FaultProxy:
    """Return the proxy between store and S3, without faults so far."""
    proxy.reset()
    return proxy


@pytest.fixture(scope="session")
def client(proxy: FaultProxy, emulator: EmulatorProcess) -> "S3Client":
    """Return a client as the function has it, which goes through the proxy."""
    return boto3.client(
        "s3",
        config=CLIENT_CONFIG,
        endpoint_url=proxy.url,
        region_name=REGION,
        aws_access_key_id=ACCESS_KEY_ID,
        aws_secret_access_key=emulator.credentials["AWS_SECRET_ACCESS_KEY"],
    )


@pytest.fixture
def store(
    buckets: Stack, faults: FaultProxy, client: "S3Client", monkeypatch: pytest.MonkeyPatch
) -> Store:
    """Return a store that doesn't wait between its tries."""
    backoff = "botocore.retries.standard.ExponentialBackoff.delay_amount"
    monkeypatch.setattr(backoff, lambda *_: 0.0)
    assert not faults.requests
    return Store(buckets.uploads_bucket, buckets.stems_bucket, client)


@pytest.fixture
def clients(tmp_path: Path, emulator: EmulatorProcess) -> S3Clients:
    """Return S3 clients of others, which `make clients` installs."""
    return create_clients(tmp_path, emulator)


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Models:
    """Return a model that takes no time; files of tests that are about stems have the real one."""
    folder = tmp_path_factory.mktemp("models")
    install(folder)
    return Models(folder)


@pytest.fixture
def job_context(buckets: Stack, store: Store, models: Models, tmp_path: Path) -> JobContext:
    """Return what the function has loaded when an event comes."""
    settings = Settings(
        uploads_bucket=buckets.uploads_bucket,
        stems_bucket=buckets.stems_bucket,
        model_dir=models.folder,
        backend=BackendName.ONNX,
        max_upload_bytes=20_000_000,
        max_duration_s=60,
        architecture="x86_64",
        ffmpeg=None,
        work_dir=tmp_path / "work",
    )
    return JobContext(settings, store, models, find_ffmpeg(None))


@pytest.fixture(scope="module")
def environment(
    emulator: EmulatorProcess, deployed: Stack, proxy: FaultProxy, models: Models
) -> dict[str, str]:
    """Return the variables of the function, with AWS behind the proxy and the code under test."""
    assert deployed
    variables = function_variables(emulator, "separate", proxy.url)
    ours = {"MODEL_DIR": str(models.folder), "PYTHONPATH": os.pathsep.join(sys.path)}
    return {**variables, **ours}


@pytest.fixture(scope="module")
def handler(
    environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Handler]:
    """Return the separator's handler, which is loaded once, as in an execution environment."""
    with pytest.MonkeyPatch.context() as patch:
        for name in environment.keys() - {"PATH", "TZ", "LANG"}:
            patch.setenv(name, environment[name])
        patch.setattr("tempfile.tempdir", str(tmp_path_factory.mktemp("tmp")))
        patch.setattr(boto3, "DEFAULT_SESSION", None)  # it remembers the first credentials
        yield import_module("stemdrop_separate.handler").handler


@pytest.fixture(scope="session")
def api_environment(
    emulator: EmulatorProcess, deployed: Stack, proxy: FaultProxy
) -> dict[str, str]:
    """Return the variables of the API function, with AWS behind the proxy."""
    assert deployed
    variables = function_variables(emulator, "api", proxy.url)
    return {**variables, "ACCESS_TOKEN": TOKEN, "MODELS": "2stems 4stems", "LYRICS": "test"}


@pytest.fixture(scope="session")
def api_handler(api_environment: dict[str, str]) -> Iterator[Handler]:
    """Return the API's handler, which is loaded once, as in an execution environment."""
    with pytest.MonkeyPatch.context() as patch:
        for name in api_environment.keys() - {"PATH", "TZ", "LANG"}:
            patch.setenv(name, api_environment[name])
        patch.setattr(boto3, "DEFAULT_SESSION", None)  # it remembers the first credentials
        handler: Handler = import_module("stemdrop_api.handler").handler
    with ExecutionEnvironment(handler) as environment:
        yield environment.handle


@pytest.fixture
def api(api_handler: Handler, store: Store, monkeypatch: pytest.MonkeyPatch) -> Api:
    """Return the API, with empty buckets, no faults, and no waiting between tries.

    Its ETags don't change with the time, which tests/unit/test_api_etag.py examines.
    """
    assert store.uploads
    monkeypatch.setattr("stemdrop_api.etag.SHARE_OF_LIFETIME", math.inf)
    return Api(api_handler)
