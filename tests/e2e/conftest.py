"""Fixtures of the tests with containers: one engine and one image for all of them."""

import os

import pytest

from stemdrop_containers.engine import Engine, find_engine
from stemdrop_containers.image import build


@pytest.fixture(scope="session")
def engine() -> Engine:
    """Return the container engine; with OFFLINE=1 the one that needs no image registry."""
    return find_engine(is_offline=os.environ.get("OFFLINE") == "1")


@pytest.fixture(scope="session")
def image(engine: Engine) -> str:
    """Build the image that runs in production, and return its name."""
    return build(engine)
