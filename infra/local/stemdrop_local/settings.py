"""What the stack on one machine runs, and where."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from stemdrop_local.ports import LOOPBACK


@dataclass(frozen=True, slots=True)
class LocalSettings:
    """Of all services.

    Attributes
    ----------
    data, drop, stems, models : folders.
    token : access token of the API, and secret access key of the user `local`.
    host, port : of the public address; with port 0 the system chooses one.
    songs : separated at the same time.
    parameters : of the template, in place of its defaults.
    scan_interval_s : seconds between two looks into the drop folder.
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
    parameters: Mapping[str, str] = field(default_factory=dict)
    scan_interval_s: float = 1.0
    handler: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
