"""Alarms and the dashboard use metrics that the separator emits."""

import json
from collections import defaultdict
from typing import Any

import pytest

from api_events import Handler
from fault_proxy import FaultProxy, unavailable
from lambda_context import Context, event_of
from stemdrop.errors import TransientError
from stemdrop.keys import UploadKey
from stemdrop.store import Store
from stemdrop_local.deployment import ROOT, Stack
from stemdrop_local.template_file import load_template
from templates import Resolver
from uploads import put, song

# Namespace, name and dimensions.
Metric = tuple[str, str, tuple[tuple[str, str], ...]]
GOOD, OTHER, BAD = "drop/good.wav", "drop/other.wav", "drop/bad.wav"


@pytest.fixture
def sent(
    handler: Handler,
    buckets: Stack,
    store: Store,
    faults: FaultProxy,
    capsys: pytest.CaptureFixture[str],
) -> dict[Metric, list[float]]:
    """Return the emitted metrics and values for all outcomes of jobs."""
    assert store.uploads
    put(buckets, b"no song", UploadKey.parse(BAD))
    for key, seed in ((GOOD, 1), (OTHER, 2)):
        put(buckets, song(0.5, seed), UploadKey.parse(key))
    capsys.readouterr()
    handler(event_of(GOOD, BAD), Context())
    handler(event_of(GOOD), Context())
    faults.inject(unavailable, "GET", OTHER, times=100)
    with pytest.raises(TransientError):
        handler(event_of(OTHER), Context())
    return _measured(capsys.readouterr().out)


def _measured(printed: str) -> dict[Metric, list[float]]:
    found: defaultdict[Metric, list[float]] = defaultdict(list)
    for line in printed.splitlines():
        entry: dict[str, Any] = json.loads(line) if '"_aws"' in line else {}
        for directive in entry.get("_aws", {}).get("CloudWatchMetrics", []):
            for names in directive["Dimensions"]:
                dimensions = tuple((name, entry[name]) for name in names)
                for metric in directive["Metrics"]:
                    value = entry[metric["Name"]]
                    values = value if isinstance(value, list) else [value]
                    found[directive["Namespace"], metric["Name"], dimensions] += values
    return found


@pytest.fixture(scope="module")
def watched() -> set[Metric]:
    """Return the application's metrics in alarms and the dashboard."""
    template = load_template(ROOT / "template.yaml")
    resolver = Resolver(template, {"AlarmAddress": "you@example.org"})
    found: set[Metric] = set()
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::CloudWatch::Alarm":
            found |= _of_alarm(resolver.resolve(resource["Properties"]))
        elif resource["Type"] == "AWS::CloudWatch::Dashboard":
            found |= _of_dashboard(resolver.resolve(resource["Properties"])["DashboardBody"])
    return {metric for metric in found if not metric[0].startswith("AWS/")}


def _of_alarm(alarm: dict[str, Any]) -> set[Metric]:
    metrics = [alarm] if "MetricName" in alarm else []
    metrics += [entry["MetricStat"]["Metric"] for entry in alarm.get("Metrics", [])
                if "MetricStat" in entry]  # fmt: skip
    return {
        (
            metric["Namespace"],
            metric["MetricName"],
            tuple((entry["Name"], entry["Value"]) for entry in metric["Dimensions"]),
        )
        for metric in metrics
    }


def _of_dashboard(body: str) -> set[Metric]:
    lines = [
        line
        for widget in json.loads(body)["widgets"]
        for line in widget["properties"].get("metrics", [])
    ]
    return {(line[0], line[1], ((line[2], line[3]),)) for line in lines if isinstance(line[0], str)}


def test_every_watched_metric_is_emitted(
    sent: dict[Metric, list[float]], watched: set[Metric]
) -> None:
    assert {name for _, name, _ in watched} >= {"JobsDone", "JobsRejected", "JobsFailed", "CostUsd"}
    assert watched <= sent.keys()


def test_average_of_rejected_songs_is_their_share(sent: dict[Metric, list[float]]) -> None:
    values = {name: found for (_, name, _), found in sent.items()}
    assert sorted(values["JobsRejected"]) == [0.0, 1.0]  # one done, one rejected
    assert values["JobsSkipped"] == values["JobsFailed"] == [1.0]
