"""Fixtures of the page's tests: Chromium, a stack, songs and users."""

import os
import shutil
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from benchmarks.songs.instruments import SAMPLE_RATE_HZ, Waveform
from benchmarks.songs.song import generate
from benchmarks.songs.wav import write_wav
from browser import STILL, PageUser, chromium, new_context
from local_stack import run_stack, stack_settings
from page_site import Site, SongFactory
from stemdrop_local.deployment import ROOT
from stemdrop_local.settings import LocalSettings
from tiny_models import install

SCREENSHOTS = ROOT / "out" / "page"
REAL_MODEL = "2stems"
TINY_MODEL = "4stems"
LONGEST_S = 31.0
# No test of the page drops a song into the folder. At short intervals, scans of it would take a
# tenth of a processor.
SCAN_INTERVAL_S = 600.0


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Run Chromium. Its event loop blocks all others of this thread while it runs."""
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="package")
def context(browser: Browser) -> Iterator[BrowserContext]:
    """Return a browser profile whose cache is shared, so that each test needn't load the page.

    It shows no animations, each frame of which takes as long as any other.
    """
    with closing(new_context(browser, **STILL)) as context:
        yield context


@pytest.fixture(scope="session")
def settings(tmp_path_factory: pytest.TempPathFactory) -> LocalSettings:
    """Return the settings of a stack with the real 2stems model and a tiny 4stems model."""
    folder = tmp_path_factory.mktemp("site")
    models, pauses = folder / "models", folder / "pauses"
    for path in (models, pauses):
        path.mkdir()
    for path in (ROOT / "build" / "models").glob(f"{REAL_MODEL}.*"):
        if path.suffix != ".pb":
            shutil.copy(path, models)
    install(models, TINY_MODEL)
    roots = [str(ROOT / "tests"), os.environ.get("PYTHONPATH", "")]
    environment = {"PAUSES": str(pauses), "PYTHONPATH": os.pathsep.join(roots)}
    handler = "pausing_handler.handler"
    return replace(
        stack_settings(folder),
        scan_interval_s=SCAN_INTERVAL_S,
        handler=handler,
        environment=environment,
    )


@pytest.fixture(scope="session")
def site(settings: LocalSettings) -> Iterator[Site]:
    """Run one stack for all tests that don't stop it."""
    with run_stack(settings) as (services, _):
        yield Site(services, settings, Path(settings.environment["PAUSES"]))


@pytest.fixture(autouse=True)
def release_holds(request: pytest.FixtureRequest) -> Iterator[None]:
    """Release all separations, however a test ends."""
    yield
    if "settings" in request.fixturenames:
        settings: LocalSettings = request.getfixturevalue("settings")
        for pause in Path(settings.environment["PAUSES"]).iterdir():
            pause.unlink()


@pytest.fixture
def signed_out_user(context: BrowserContext, site: Site) -> Iterator[PageUser]:
    """Return a user who hasn't opened the page yet."""
    with PageUser(context, site.url, SCREENSHOTS) as user:
        yield user


@pytest.fixture
def user(signed_out_user: PageUser) -> PageUser:
    """Return a user who has entered the token."""
    signed_out_user.sign_in()
    return signed_out_user


@pytest.fixture(scope="package")
def module_user(browser: Browser, site: Site) -> Iterator[PageUser]:
    """Return a user whose tab shows nothing, but can import the page's modules."""
    with (
        closing(new_context(browser)) as context,
        PageUser(context, site.url, SCREENSHOTS) as user,
    ):
        user.page.goto(f"{site.url}healthz")
        yield user


@pytest.fixture
def module_page(module_user: PageUser) -> Iterator[Page]:
    """Return a tab for tests of single modules."""
    module_user.messages.clear()
    yield module_user.page
    assert not module_user.unexpected, module_user.unexpected


@pytest.fixture(scope="session")
def longest_song() -> Waveform:
    """Return the song whose parts the tests use: to compose one for each takes longer."""
    return generate(LONGEST_S).mix


@pytest.fixture
def make_song(tmp_path: Path, longest_song: Waveform) -> SongFactory:
    """Return a function that writes songs. Songs with different seeds differ."""

    def make_song(name: str, seed: int, duration_s: float = 3.0) -> Path:
        path = tmp_path / name
        part = longest_song[seed : seed + round(duration_s * SAMPLE_RATE_HZ)]
        write_wav(path, [part])
        return path

    return make_song
