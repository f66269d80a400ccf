"""Fixtures of the tests with containers: one engine, both images and one S3 for all of them."""

import os
import platform
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.local_s3 import LocalS3, run_local_s3
from stemdrop_containers.engine import ContainerEngine, find_engine
from stemdrop_containers.image import Target, build
from stemdrop_local.deployment import ROOT
from stemdrop_separate.models.catalog import BackendName


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the tests that come first build the images."""
    for item in items:
        item.add_marker(pytest.mark.timeout(1800))


@pytest.fixture(scope="session")
def engine() -> ContainerEngine:
    """Return the container engine; with OFFLINE=1 the one that needs no image registry."""
    return find_engine(is_offline=os.environ.get("OFFLINE") == "1")


@pytest.fixture(scope="session")
def image(engine: ContainerEngine) -> str:
    """Build the image that runs in production, and return its name."""
    return build(engine)


@pytest.fixture(scope="session")
def image_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the model files that the image has.

    On x86_64, these aren't the ones for AVX-512, which round differently.
    """
    folder = tmp_path_factory.mktemp("models")
    is_x86_64 = platform.machine() == "x86_64"
    left_out = BackendName.ONNX.optional_suffixes if is_x86_64 else ()
    for path in (ROOT / "build" / "models").glob("2stems.*"):
        if not path.name.endswith(left_out):
            (folder / path.name).symlink_to(path)
    return folder


@pytest.fixture(scope="session")
def local_image(engine: ContainerEngine) -> str:
    """Build the image with the local stack, and return its name."""
    return build(engine, Target.LOCAL)


@pytest.fixture(scope="session")
def s3() -> Iterator[LocalS3]:
    """Run an S3 with two buckets."""
    with run_local_s3() as running:
        yield running
