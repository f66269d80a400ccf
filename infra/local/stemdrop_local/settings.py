"""What the stack on one machine runs, and where."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from stemdrop_local.events.delivery import BACKOFF_S
from stemdrop_local.ports import LOOPBACK
from stemdrop_local.runtime.emulator import HANDLER


@dataclass(frozen=True, slots=True)
class Settings:
    """Of all services.

    Attributes
    ----------
    data, drop, stems, models : folders.
    token : lets in who sends it to the API.
    host, port : of the public address; with port 0 the system chooses one.
    songs : how many are separated at the same time.
    backoff_s : seconds before an event that failed is delivered again.
    look_s : seconds between two looks into the drop folder.
    handler, environment : of the separator: in place of its own, and in addition to its own.
    """

    data: Path
    drop: Path
    stems: Path
    models: Path
    token: str
    host: str = LOOPBACK
    port: int = 5000
    songs: int = 1
    backoff_s: int = BACKOFF_S
    look_s: float = 1.0
    handler: str = HANDLER
    environment: Mapping[str, str] = field(default_factory=dict)
