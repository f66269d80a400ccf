"""Settings of the local stack."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from stemdrop_local.ports import LOOPBACK


@dataclass(frozen=True, slots=True)
class LocalSettings:
    """Settings of all services.

    Attributes
    ----------
    data, drop, stems, models : Folders.
    token : Access token of the API, and secret access key of the user `local`.
    host, port : Public address; for port 0, the system chooses a port.
    songs : Number of songs to separate at a time.
    parameters : Parameters of the template that override its defaults.
    scan_interval_s : Time between two scans of the drop folder.
    handler : Handler of the separator that replaces its own.
    environment : Environment variables of the separator in addition to its own.
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
