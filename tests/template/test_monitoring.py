"""Alarms and the dashboard use existing resources and metrics.

tests/integration/test_monitoring.py tests the metrics that the separator emits.
"""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from templates import Resolver, Template

DAY_S = 24 * 3600
# AWS metrics, with their dimension. Sources: the lists of metrics in the guides of SQS, Lambda and
# API Gateway (HTTP APIs).
KNOWN = {
    "AWS/SQS": (
        {"ApproximateAgeOfOldestMessage", "ApproximateNumberOfMessagesVisible"},
        "QueueName",
    ),
    "AWS/Lambda": (
        {"ConcurrentExecutions", "Duration", "Throttles"},
        "FunctionName",
    ),
    "AWS/ApiGateway": ({"4xx", "5xx", "Count", "Latency"}, "ApiId"),
}
# Alarm to its metrics.
ALARMS = {
    "FailuresAlarm": {"ApproximateNumberOfMessagesVisible"},
    "OldestSongAlarm": {"ApproximateAgeOfOldestMessage"},
    "ApiErrorsAlarm": {"5xx"},
    "RejectedAlarm": {"JobsRejected"},
    "DurationAlarm": {"Duration"},
    "SeparateThrottlesAlarm": {"Throttles"},
    "ApiThrottlesAlarm": {"Throttles"},
    "DailyCostAlarm": {"CostUsd"},
    "WebhookFailuresAlarm": {"ApproximateNumberOfMessagesVisible"},
    "LyricsFailuresAlarm": {"ApproximateNumberOfMessagesVisible"},
}
ADDRESS = {"AlarmAddress": "you@example.org"}
EVERYTHING = {"WebhookHosts": "hooks.example.org", "Lyrics": "transcribe"}


@pytest.fixture
def alarms(template: Template) -> dict[str, dict[str, Any]]:
    """Return the properties of all alarms, resolved."""
    return resolved(template, "AWS::CloudWatch::Alarm")


@pytest.fixture
def names(resolver: Resolver) -> dict[str, set[str]]:
    """Return resource names by the dimension of their metrics."""
    return {
        "QueueName": set(resolver.names("AWS::SQS::Queue").values()),
        "FunctionName": set(resolver.names("AWS::Serverless::Function").values()),
        "ApiId": {"Api"},
    }


def resolved(template: Template, kind: str, **parameters: str) -> dict[str, dict[str, Any]]:
    resolver = Resolver(template, ADDRESS | EVERYTHING | parameters)
    return {
        name: resolver.properties(name)
        for name, resource in template["Resources"].items()
        if resource["Type"] == kind
    }


def metrics_of(alarm: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the metrics of an alarm."""
    if "MetricName" in alarm:
        return [alarm]
    return [entry["MetricStat"]["Metric"] for entry in alarm["Metrics"] if "MetricStat" in entry]


def test_every_failure_has_an_alarm(alarms: dict[str, dict[str, Any]]) -> None:
    found = {
        name: {metric["MetricName"] for metric in metrics_of(alarm)}
        for name, alarm in alarms.items()
    }
    assert found == ALARMS


def test_aws_metrics_exist(alarms: dict[str, dict[str, Any]], names: dict[str, set[str]]) -> None:
    for metric in [metric for alarm in alarms.values() for metric in metrics_of(alarm)]:
        if metric["Namespace"] in KNOWN:
            known, dimension = KNOWN[metric["Namespace"]]
            (found,) = metric["Dimensions"]
            assert metric["MetricName"] in known
            assert found["Name"] == dimension
            assert found["Value"] in names[dimension]


def test_functions_that_users_wait_for_are_watched_for_throttles(
    alarms: dict[str, dict[str, Any]], names: dict[str, set[str]]
) -> None:
    watched = [alarms[name] for name in ("SeparateThrottlesAlarm", "ApiThrottlesAlarm")]
    assert {alarm["Dimensions"][0]["Value"] for alarm in watched} == (
        names["FunctionName"] - {"stemdrop-lyrics", "stemdrop-webhook"}
    )


def test_each_queue_is_watched(alarms: dict[str, dict[str, Any]], resolver: Resolver) -> None:
    queues = {
        "OldestSongAlarm": "SongQueue",
        "FailuresAlarm": "FailureQueue",
        "WebhookFailuresAlarm": "WebhookFailureQueue",
        "LyricsFailuresAlarm": "LyricsFailureQueue",
    }
    for alarm, queue in queues.items():
        (dimension,) = alarms[alarm]["Dimensions"]
        assert dimension["Value"] == resolver.names("AWS::SQS::Queue")[queue]


@pytest.mark.parametrize("name", ALARMS)
def test_alarms_are_valid(alarms: dict[str, dict[str, Any]], resolver: Resolver, name: str) -> None:
    alarm = alarms[name]
    periods = [
        entry["MetricStat"]["Period"] for entry in alarm.get("Metrics", []) if "MetricStat" in entry
    ]
    period_s = max([*periods, alarm.get("Period", 0)])
    assert period_s in {60, 300, 3600, DAY_S}
    assert period_s * alarm["EvaluationPeriods"] <= DAY_S
    assert alarm["TreatMissingData"] in {"breaching", "notBreaching", "ignore", "missing"}
    assert alarm["AlarmDescription"].strip().endswith(".")
    assert alarm["AlarmActions"] == [resolver.resolve({"Ref": "AlarmTopic"})]
    returned = [entry for entry in alarm.get("Metrics", []) if entry["ReturnData"]]
    assert len(returned) == ("Metrics" in alarm)


@pytest.mark.parametrize(
    "name", [name for name in ALARMS if name in {"RejectedAlarm", "DurationAlarm"}]
)
def test_expressions_refer_to_metrics_of_their_alarm(
    alarms: dict[str, dict[str, Any]], name: str
) -> None:
    entries = alarms[name]["Metrics"]
    ids = {entry["Id"] for entry in entries if "MetricStat" in entry}
    (expression,) = [entry["Expression"] for entry in entries if "Expression" in entry]
    assert set(re.findall(r"\b[a-z]\w*", expression)) == ids


@pytest.mark.parametrize(("duration_ms", "percent"), [(300_000, 100), (150_000, 50)])
def test_duration_alarm_depends_on_the_timeout(
    alarms: dict[str, dict[str, Any]], duration_ms: int, percent: int
) -> None:
    expression = alarms["DurationAlarm"]["Metrics"][0]["Expression"]
    match = re.fullmatch(r"duration / \(10 \* (\d+)\)", expression)
    assert match is not None
    assert duration_ms / (10 * int(match[1])) == percent
    assert alarms["DurationAlarm"]["Threshold"] < 100


def test_limits_are_parameters(template: Template) -> None:
    given = {"DailyCostUsd": "3.5", "SeparateTimeoutS": "60"}
    found = resolved(template, "AWS::CloudWatch::Alarm", **given)
    assert found["DailyCostAlarm"]["Threshold"] == "3.5"
    assert found["DailyCostAlarm"]["Period"] == DAY_S
    assert "60" in found["DurationAlarm"]["Metrics"][0]["Expression"]


def test_no_alarms_exist_without_an_address(template: Template) -> None:
    without, with_address = Resolver(template, EVERYTHING), Resolver(template, ADDRESS | EVERYTHING)
    for name in (*ALARMS, "AlarmTopic", "AlarmTopicPolicy", "Dashboard"):
        assert (without.exists(name), with_address.exists(name)) == (False, True), name
    for name in ("DashboardUrl", "AlarmTopicArn"):
        assert template["Outputs"][name]["Condition"] == "HasAlarmAddress"


def test_alarms_may_use_their_topic(template: Template, alarms: dict[str, Any]) -> None:
    topic = resolved(template, "AWS::SNS::Topic")["AlarmTopic"]
    policy = resolved(template, "AWS::SNS::TopicPolicy")["AlarmTopicPolicy"]
    only_tls, take = policy["PolicyDocument"]["Statement"]
    assert topic["Subscription"] == [{"Protocol": "email", "Endpoint": ADDRESS["AlarmAddress"]}]
    assert "KmsMasterKeyId" not in topic  # alarms can't use the AWS managed key for SNS
    assert only_tls["Effect"] == "Deny"
    assert only_tls["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert take["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert take["Condition"]["StringEquals"] == {"aws:SourceAccount": "123456789012"}
    prefix = take["Condition"]["ArnLike"]["aws:SourceArn"].rpartition(":")[2].removesuffix("*")
    assert all(alarm["AlarmName"].startswith(prefix) for alarm in alarms.values())


# --- the dashboard


@pytest.fixture
def widgets(template: Template) -> list[dict[str, Any]]:
    (dashboard,) = resolved(template, "AWS::CloudWatch::Dashboard").values()
    found: list[dict[str, Any]] = json.loads(dashboard["DashboardBody"])["widgets"]
    return found


def test_the_dashboard_has_all_alarms(
    widgets: list[dict[str, Any]], alarms: dict[str, dict[str, Any]]
) -> None:
    (shown,) = [widget["properties"]["alarms"] for widget in widgets if widget["type"] == "alarm"]
    assert [arn.rpartition(":")[2] for arn in shown] == [
        alarm["AlarmName"] for alarm in alarms.values()
    ]


def test_dashboard_metrics_exist(widgets: list[dict[str, Any]], names: dict[str, set[str]]) -> None:
    lines = [line for widget in widgets for line in widget["properties"].get("metrics", [])]
    of_aws = [line for line in lines if str(line[0]).startswith("AWS/")]
    assert of_aws
    for namespace, metric, dimension, value, *_ in of_aws:
        assert metric in KNOWN[namespace][0]
        assert dimension == KNOWN[namespace][1]
        assert value in names[dimension]


def test_widgets_do_not_overlap(widgets: list[dict[str, Any]]) -> None:
    taken: set[tuple[int, int]] = set()
    for widget in widgets:
        cells = {
            (x, y)
            for x in range(widget["x"], widget["x"] + widget["width"])
            for y in range(widget["y"], widget["y"] + widget["height"])
        }
        assert not cells & taken
        assert max(x for x, _ in cells) < 24
        taken |= cells


def test_the_dashboard_reads_the_separators_log(
    widgets: list[dict[str, Any]], resolver: Resolver, root: Path
) -> None:
    (query,) = [widget["properties"]["query"] for widget in widgets if widget["type"] == "log"]
    group = resolver.resolve({"Ref": "SeparateLogGroup"})
    assert f"SOURCE '{group}'" in query
    message = re.search(r"message = '(\w+)'", query)
    assert message is not None
    handler = root / "functions" / "separate" / "stemdrop_separate" / "handler.py"
    assert f'logger.exception("{message[1]}"' in handler.read_text()
