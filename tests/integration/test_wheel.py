"""The wheel, in an environment with only its declared dependencies."""

import json
import os
import shutil
import subprocess
import sys
import tomllib
import venv
from collections.abc import Iterator
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from benchmarks.songs.song import generate
from benchmarks.songs.wav import write_wav
from fake_server import TOKEN, FakeServer
from stemdrop_local.deployment import ROOT
from stemdrop_model.weights import pinned

NOT_COPIED = shutil.ignore_patterns("__pycache__", "version.txt")
STEMS = {"accompaniment.wav", "vocals.wav"}


def needed(requirements: list[str]) -> Iterator[str]:
    """Yield the names of distributions and their dependencies."""
    for text in requirements:
        requirement = Requirement(text)
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            yield requirement.name
            yield from needed(distribution(requirement.name).requires or [])


def link(name: str, site: Path) -> None:
    """Install a distribution from the tests' environment with links to its files."""
    found = distribution(name)
    roots = {file.parts[0] for file in found.files or [] if file.parts[0] not in ("..", "bin")}
    for root in roots - {"__pycache__"}:
        if not (site / root).exists():
            (site / root).symlink_to(Path(str(found.locate_file(root))))


@pytest.fixture(scope="module")
def command(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build and install the wheel of a copy without git, and return the path of its command."""
    folder = tmp_path_factory.mktemp("wheel")
    sources = folder / "sources"
    for name in ("layers", "functions", "cli"):
        shutil.copytree(ROOT / name, sources / name, ignore=NOT_COPIED)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, sources)
    options = ["--quiet", "--no-deps", "--no-index"]
    pip = [sys.executable, "-m", "pip"]
    build = [*pip, "wheel", *options, "--no-build-isolation", "--wheel-dir", str(folder)]
    subprocess.run([*build, str(sources)], check=True)
    (wheel,) = folder.glob("*.whl")
    environment = folder / "environment"
    venv.create(environment, symlinks=True)
    (site,) = environment.glob("lib/python*/site-packages")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for name in set(needed(project["dependencies"])):
        link(name, site)
    python = str(environment / "bin" / "python")
    subprocess.run([*pip, "--python", python, "install", *options, str(wheel)], check=True)
    return environment / "bin" / "stemdrop"


@pytest.fixture(scope="module")
def song(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("song") / "song.wav"
    write_wav(path, [generate(2.5, seed=3).mix])
    return path


def run(command: Path, *arguments: object, **variables: str) -> str:
    """Run the command without other variables in a separate folder, and return its output."""
    environment = {"PATH": os.defpath, "HOME": str(command.parent), **variables}
    ran = subprocess.run(
        [command, *map(str, arguments)],
        env=environment,
        cwd=command.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_version_without_git_is_zero(command: Path) -> None:
    assert run(command, "--version") == "stemdrop 0.0.0\n"


def test_separate_writes_stems_with_copied_weights(command: Path, tmp_path: Path) -> None:
    cache = tmp_path / "stemdrop"
    for name in pinned("2stems").files:
        copy = cache / "weights" / "2stems" / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / "build" / "weights" / "2stems" / name, copy)
    offline = {"XDG_CACHE_HOME": str(tmp_path), "PIP_NO_INDEX": "1"}
    run(command.with_name("python"), ROOT / "tests" / "installed_command.py", **offline)
    card = json.loads((cache / "models" / "2stems.json").read_text())
    assert card["network"] == pinned("2stems").network
    assert run(command, "models", **offline).startswith("2stems  158 MB ")
    assert run(command, "models", "remove", "2stems", **offline).startswith("2stems: removed")
    assert run(command, "models", **offline).startswith("2stems  not installed ")


def test_submit_downloads_stems(command: Path, song: Path, tmp_path: Path) -> None:
    with FakeServer() as fake:
        variables = {"STEMDROP_URL": fake.url, "STEMDROP_TOKEN": TOKEN}
        run(command, "submit", song, "-o", tmp_path, **variables)
    assert {path.name for path in (tmp_path / "song").iterdir()} == STEMS


def test_lyrics_need_the_packages_of_their_extra(command: Path, song: Path, tmp_path: Path) -> None:
    (metadata,) = command.parent.parent.glob("lib/python*/site-packages/stemdrop-*/METADATA")
    wanted = "Requires-Dist: faster-whisper>=1.2.1; extra == 'lyrics'"
    assert wanted in metadata.read_text().splitlines()
    ran = subprocess.run(
        [command, "separate", song, "-o", tmp_path, "--lyrics"],
        env={"PATH": os.defpath, "HOME": str(tmp_path), "PIP_NO_INDEX": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr == (
        "stemdrop: Lyrics need faster-whisper: install it with `pip install"
        ' "stemdrop[lyrics]"`, or in a checkout with `make setup LYRICS=tiny.en`.\n'
    )
    assert not list(tmp_path.iterdir())
