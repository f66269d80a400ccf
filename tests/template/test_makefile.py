"""The Makefile passes values with spaces on as they are, and removes what it says."""

import re
import subprocess
from pathlib import Path

import pytest

from stemdrop_cloud import parameters
from stemdrop_local.deployment import ROOT

LIBRARIES = "functions/api/stemdrop_api/web/libraries"
PREREQUISITES = (
    "setup",
    "version",
    ".venv/.ready",
    ".venv-sam/.ready",
    *(
        f"{LIBRARIES}/{name}"
        for name in ("signalsmith-stretch.mjs", "wasm-media-encoders.mjs", "mp3.wasm")
    ),
)


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """Return a folder with a `python` that prints its arguments."""
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\nprintf '%s\\n' \"$@\"\n")
    python.chmod(0o755)
    return tmp_path


def arguments(programs: Path, *words: str) -> list[str]:
    """Run a task without its prerequisites, and return the arguments of its program."""
    old = [f"--old-file={name}" for name in PREREQUISITES]
    ran = subprocess.run(
        ["make", "--silent", *old, *words, f"BIN={programs}"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    return ran.stdout.splitlines()


def commands(*words: str) -> str:
    """Return the commands that `make` would run."""
    return subprocess.run(
        ["make", "-n", *words], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout


def test_npm_may_be_in_a_folder_with_spaces() -> None:
    ran = commands("-W", "functions/api/package-lock.json", "page-libraries", "NPM=/a b/npm")
    assert 'cd functions/api && "/a b/npm" ci ' in ran


def test_folder_of_the_demo_may_have_spaces(programs: Path) -> None:
    words = ("demo", "OUT=my stems", "SONG=my song.mp3")
    given = arguments(programs, *words)
    assert given == ["-m", "benchmarks.demo", "--out", "my stems", "--song", "my song.mp3"]


def test_parameters_are_quoted_as_in_a_shell(programs: Path) -> None:
    given = arguments(
        programs,
        "deploy",
        """PARAMETERS=Models="2stems 4stems" AlarmAddress='a b' RetentionDays=7""",
        "LYRICS=tiny.en",
    )
    assert parameters.parse([given[given.index("--parameters") + 1]]) == {
        "Models": "2stems 4stems",
        "AlarmAddress": "a b",
        "RetentionDays": "7",
        "Lyrics": "tiny.en",
    }
    assert parameters.parse([arguments(programs, "deploy", "MODELS=2stems 4stems")[-1]]) == {
        "Models": "2stems 4stems"
    }


def test_folders_that_clean_removes_are_named() -> None:
    listed = subprocess.run(["make", "help"], cwd=ROOT, check=True, capture_output=True, text=True)
    (removed,) = re.findall(r"^rm -rf (.*)", commands("clean"), re.MULTILINE)
    (text,) = re.findall(r"^clean +Remove (.*) and the caches", listed.stdout, re.MULTILINE)
    caches = {name for name in removed.split() if name.endswith("_cache") or name == ".hypothesis"}
    assert set(removed.split()) - caches == set(text.split(", "))
