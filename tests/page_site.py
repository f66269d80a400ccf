"""The stack that the page's tests use."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from stemdrop_local.services import LocalServices
from stemdrop_local.settings import LocalSettings

# Writes a song, given its file name, its seed and its duration in seconds.
SongFactory = Callable[..., Path]


@dataclass
class Site:
    """A running stack.

    Attributes
    ----------
    holds : Folder of the files that hold separations; see `patient_handler`.
    """

    services: LocalServices
    settings: LocalSettings
    holds: Path

    @property
    def url(self) -> str:
        """Return the page's URL."""
        return f"http://localhost:{self.services.port}/"

    def hold(self, name: str) -> None:
        """Make separations wait at a point."""
        (self.holds / name).touch()

    def release(self, name: str) -> None:
        """Let separations continue from a point."""
        (self.holds / name).unlink(missing_ok=True)
