"""Fixtures of the tests of the page: Chromium, the whole stack, songs, and a visitor."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from benchmarks.songs.song import generate
from benchmarks.songs.wav import write_wav
from browser import Visitor, chromium
from local_stack import running, settings_in
from page_site import Compose, Site
from stemdrop_local.deployment import ROOT
from stemdrop_local.settings import LocalSettings
from tiny_models import install

PICTURES = ROOT / "out" / "page"
REAL = "2stems"
MADE_UP = "4stems"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Run Chromium; while it runs, its event loop is in the way of all others of this thread."""
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="session")
def settings(tmp_path_factory: pytest.TempPathFactory) -> LocalSettings:
    """Return the settings of a stack with the real 2stems and a made-up 4stems."""
    folder = tmp_path_factory.mktemp("site")
    models, holds = folder / "models", folder / "holds"
    for path in (models, holds):
        path.mkdir()
    for name in (f"{REAL}.json", f"{REAL}.onnx"):
        shutil.copy(ROOT / "build" / "models" / name, models)
    install(models, MADE_UP)
    roots = [str(ROOT / "tests"), os.environ.get("PYTHONPATH", "")]
    environment = {"HOLDS": str(holds), "PYTHONPATH": os.pathsep.join(roots)}
    handler = "patient_handler.handler"
    return replace(settings_in(folder), handler=handler, environment=environment)


@pytest.fixture(scope="session")
def site(settings: LocalSettings) -> Iterator[Site]:
    """Run one stack for all tests that don't end it."""
    with running(settings) as (services, _):
        yield Site(services, settings, Path(settings.environment["HOLDS"]))


@pytest.fixture(autouse=True)
def let_go(request: pytest.FixtureRequest) -> Iterator[None]:
    """Leave no separation waiting for ever, however a test ends."""
    yield
    if "settings" in request.fixturenames:
        settings: LocalSettings = request.getfixturevalue("settings")
        for hold in Path(settings.environment["HOLDS"]).iterdir():
            hold.unlink()


@pytest.fixture
def visitor(browser: Browser, site: Site) -> Iterator[Visitor]:
    """Return somebody who has just come to the page, and has been let in."""
    with Visitor(browser, site.url, PICTURES, viewport={"width": 1100, "height": 800}) as visitor:
        visitor.arrive()
        yield visitor


@pytest.fixture
def compose(tmp_path: Path) -> Compose:
    """Return what makes songs: of any name, and unlike those of any other seed."""

    def compose(name: str, seed: int, duration_s: float = 3.0) -> Path:
        path = tmp_path / name
        write_wav(path, [generate(duration_s, seed=seed).mix])
        return path

    return compose
