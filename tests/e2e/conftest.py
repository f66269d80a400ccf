"""Fixtures of the tests with containers: one engine, both images and one S3 for all of them."""

import os
from collections.abc import Iterator

import pytest

from benchmarks.local_s3 import LocalS3, run_local_s3
from stemdrop_containers.engine import ContainerEngine, find_engine
from stemdrop_containers.image import Target, build


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
def local_image(engine: ContainerEngine) -> str:
    """Build the image with the local stack, and return its name."""
    return build(engine, Target.LOCAL)


@pytest.fixture(scope="session")
def s3() -> Iterator[LocalS3]:
    """Run an S3 with two buckets."""
    with run_local_s3() as running:
        yield running
