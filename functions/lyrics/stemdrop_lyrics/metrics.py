"""Metrics of lyrics, which CloudWatch takes from the log."""

import json

from stemdrop.lyrics import Lyrics

# That of the separator's metrics, so that the alarm on the daily cost adds up both.
SERVICE = "separate"


def embedded_metrics(lyrics: Lyrics, namespace: str, at_ms: int) -> str:
    """Return a line of the log about lyrics that have ended.

    Source: "Specification: Embedded metric format" in the CloudWatch guide.

    Parameters
    ----------
    at_ms : Time in milliseconds since 1970.
    """
    count = f"Lyrics{lyrics.status.capitalize()}"
    metrics = [{"Name": count, "Unit": "Count"}, {"Name": "CostUsd", "Unit": "None"}]
    described = {"Namespace": namespace, "Dimensions": [["service"]], "Metrics": metrics}
    directive = {"Timestamp": at_ms, "CloudWatchMetrics": [described]}
    values = {"service": SERVICE, count: 1, "CostUsd": lyrics.cost_usd}
    return json.dumps({"_aws": directive, **values})
