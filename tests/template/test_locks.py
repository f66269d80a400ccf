"""The lock files match the groups of pyproject.toml, after `make lock`."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
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
    "librosa": "infra/librosa/requirements.txt",
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


def test_actions_of_workflows_are_pinned_by_hash(root: Path) -> None:
    """Whoever owns an action can move its tags, and some workflows may deploy."""
    used = [
        action
        for workflow in (root / ".github" / "workflows").glob("*.yml")
        for action in re.findall(r"^ *(?:- )?uses: (.+)$", workflow.read_text(), re.MULTILINE)
        if not action.startswith("./")
    ]
    assert used
    unpinned = [
        action for action in used if not re.fullmatch(r"\S+@[0-9a-f]{40} # v[\d.]+", action)
    ]
    assert not unpinned


def test_variables_of_the_release_are_documented(root: Path) -> None:
    workflow = (root / ".github" / "workflows" / "release.yml").read_text()
    page = (root / "docs" / "operations" / "github.md").read_text()
    assert set(re.findall(r"vars\.(\w+)", workflow)) == set(
        re.findall(r"^\| `(\w+)` \|", page, re.M)
    )


def test_every_package_of_javascript_is_updated(root: Path) -> None:
    document = yaml.safe_load((root / ".github" / "dependabot.yml").read_text())
    (npm,) = [each for each in document["updates"] if each["package-ecosystem"] == "npm"]
    locks = [
        path for path in root.glob("*/*/package-lock.json") if "node_modules" not in path.parts
    ]
    assert sorted(npm["directories"]) == sorted(
        f"/{path.parent.relative_to(root).as_posix()}" for path in locks
    )
