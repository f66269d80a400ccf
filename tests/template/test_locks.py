"""The lock files match the groups of pyproject.toml, after `make lock`."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

LOCKS = {
    "test": "tests/requirements.txt",
    "local": "infra/local/requirements.txt",
    "stack": "infra/local/image.txt",
    "api": "functions/api/requirements.txt",
    "separate": "functions/separate/requirements.txt",
    "model": "functions/separate/model/requirements.txt",
    "tensorflow": "functions/separate/model/tensorflow.txt",
    "sam": "infra/sam/requirements.txt",
    "security": "infra/lint/requirements.txt",
    "runtime": "infra/sam/runtime.txt",
}
ARM = {("tensorflow-cpu-aws", "2.15.1")}  # no package for the processors that tests run on
PIN = re.compile(r"([\w.-]+)(?:\[[\w,]+\])?==([\w.]+)")


def pins(groups: dict[str, Any], name: str) -> Iterator[tuple[str, str]]:
    for entry in groups[name]:
        if isinstance(entry, dict):
            yield from pins(groups, entry["include-group"])
        else:
            package, version = PIN.match(entry).groups()  # type: ignore[union-attr]
            yield re.sub(r"[-_.]+", "-", package).lower(), version


@pytest.mark.parametrize("group", LOCKS)
def test_lock_file_has_the_pins_of_its_group(group: str, root: Path) -> None:
    groups = tomllib.loads((root / "pyproject.toml").read_text())["dependency-groups"]
    assert groups.keys() == LOCKS.keys()
    text = (root / LOCKS[group]).read_text()
    locked = set(re.findall(r"^([a-z0-9-]+)==(\S+)", text, re.MULTILINE))
    assert set(pins(groups, group)) - locked - ARM == set()
