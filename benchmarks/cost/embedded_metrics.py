"""Custom metrics in the embedded metric format of logs."""

import json
from collections.abc import Iterable
from typing import Any


def custom_metrics(lines: Iterable[str]) -> frozenset[tuple[str, ...]]:
    """Return the metrics that CloudWatch extracts from log lines: namespace, name, dimensions.

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
