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
    pauses : Folder of the files that pause separations; see `pausing_handler`.
    """

    services: LocalServices
    settings: LocalSettings
    pauses: Path

    @property
    def url(self) -> str:
        """Return the page's URL."""
        return f"http://localhost:{self.services.port}/"

    def pause(self, name: str) -> None:
        """Make separations wait at a point."""
        (self.pauses / name).touch()

    def resume(self, name: str) -> None:
        """Let separations continue from a point."""
        (self.pauses / name).unlink(missing_ok=True)
