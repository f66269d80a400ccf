"""What functions write: lines of their logs, and the metrics that CloudWatch makes of them."""

import json
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

# The emulator tells of the end of a call after it has answered.
SETTLED_S = 0.3


class LogReader:
    """Returns the new lines of files every time."""

    def __init__(self, *paths: Path) -> None:
        self._positions = dict.fromkeys(paths, 0)

    def read(self) -> tuple[str, ...]:
        """Return what was written since the last time, once nothing more comes."""
        lines: list[str] = []
        time.sleep(SETTLED_S)
        for path, position in self._positions.items():
            if path.exists():
                with path.open(errors="replace") as file:
                    file.seek(position)
                    lines += file.read().splitlines()
                    self._positions[path] = file.tell()
        return tuple(lines)


def custom_metrics(lines: Iterable[str]) -> frozenset[tuple[str, ...]]:
    """Return the metrics that CloudWatch makes of log lines: namespace, name, dimensions.

    Source: "Embedded metric format specification" in the CloudWatch user guide.
    """
    found = set()
    for record in filter(None, map(_parse, lines)):
        for group in record.get("_aws", {}).get("CloudWatchMetrics", []):
            for dimensions in group["Dimensions"]:
                values = [f"{name}={record.get(name)}" for name in sorted(dimensions)]
                for metric in group["Metrics"]:
                    found.add((group["Namespace"], metric["Name"], *values))
    return frozenset(found)


def _parse(line: str) -> dict[str, Any] | None:
    try:
        record = json.loads(line)
    except ValueError:
        return None
    return record if isinstance(record, dict) else None
