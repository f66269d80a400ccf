"""The stack that the page's tests visit."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from stemdrop_local.services import LocalServices
from stemdrop_local.settings import LocalSettings

# Makes a song of a name, a seed, and seconds.
Compose = Callable[..., Path]


@dataclass
class Site:
    """The stack at work.

    Attributes
    ----------
    holds : a folder; see `patient_handler`.
    """

    services: LocalServices
    settings: LocalSettings
    holds: Path

    @property
    def url(self) -> str:
        """Return the page's address."""
        return f"http://localhost:{self.services.port}/"

    def hold(self, name: str) -> None:
        """Have separations wait at a place."""
        (self.holds / name).touch()

    def release(self, name: str) -> None:
        """Let them go on."""
        (self.holds / name).unlink(missing_ok=True)
