"""The lock files match the groups of pyproject.toml, after `make lock`."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

LOCKS = {
    "test": "tests/requirements.txt",
    "local": "infra/local/requirements.txt",
    "stack": "infra/local/image.txt",
    "api": "functions/api/requirements.txt",
    "separate": "functions/separate/requirements.txt",
    "lyrics": "functions/separate/lyrics.txt",
    "model": "functions/separate/stemdrop_model/requirements.txt",
    "tensorflow": "functions/separate/stemdrop_model/tensorflow.txt",
    "sam": "infra/sam/requirements.txt",
    "security": "infra/lint/requirements.txt",
    "node": "infra/node/requirements.txt",
    "sherpa": "infra/sherpa/requirements.txt",
    "runtime": "infra/sam/runtime.txt",
}
# The Python of the tests and of the image, and their processor.
MACHINE = {"python_version": "3.11", "python_full_version": "3.11.0", "platform_machine": "x86_64"}


def pins(groups: dict[str, Any], name: str) -> Iterator[tuple[str, str]]:
    for entry in groups[name]:
        if isinstance(entry, dict):
            yield from pins(groups, entry["include-group"])
        else:
            pin = Requirement(entry)
            if pin.marker is None or pin.marker.evaluate(MACHINE):
                yield canonicalize_name(pin.name), str(pin.specifier).removeprefix("==")


@pytest.mark.parametrize("group", LOCKS)
def test_lock_file_has_the_pins_of_its_group(group: str, root: Path) -> None:
    groups = tomllib.loads((root / "pyproject.toml").read_text())["dependency-groups"]
    assert groups.keys() == LOCKS.keys()
    text = (root / LOCKS[group]).read_text()
    locked = set(re.findall(r"^([a-z0-9-]+)==(\S+)", text, re.MULTILINE))
    assert set(pins(groups, group)) - locked == set()
