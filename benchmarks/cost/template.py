"""Billed settings and limits in template.yaml."""

from collections.abc import Mapping
from typing import Any

from benchmarks.cost.bill import BilledDeployment
from benchmarks.cost.figures import Template
from stemdrop_local.deployment import TEMPLATE
from stemdrop_local.template_file import load_template

# Billed metrics per route if the template enables detailed metrics.
# Source: "Monitor CloudWatch metrics for HTTP APIs" in the API Gateway developer guide.
METRICS_PER_ROUTE = 6
# Routes that `stemdrop submit` calls: the options, new jobs, and a job.
ROUTES = 3


def read_template(parameters: Mapping[str, str] | None = None) -> Template:
    """Return the values of the template, with the defaults of its parameters."""
    template = load_template(TEMPLATE)
    resources = template["Resources"]
    given = {name: each.get("Default") for name, each in template["Parameters"].items()}
    given |= parameters or {}

    def value(resource: str, *path: str | int) -> Any:
        """Return a property, which is a value or refers to a parameter."""
        found = resources[resource]["Properties"]
        for name in path:
            found = found[name]
        return given[found["Ref"]] if isinstance(found, dict) else found

    def found(kind: str) -> list[dict[str, Any]]:
        """Return the properties of the resources with `AlarmAddress` alone."""
        return [
            resource["Properties"]
            for resource in resources.values()
            if resource["Type"] == kind and resource.get("Condition") == "HasAlarmAddress"
        ]

    routes = resources["ApiStage"]["Properties"]["DefaultRouteSettings"]
    route_metrics = METRICS_PER_ROUTE * ROUTES if routes.get("DetailedMetricsEnabled") else 0
    return Template(
        deployment=BilledDeployment(
            architecture=value("SeparateFunction", "Architectures", 0),
            scratch_mb=int(value("SeparateFunction", "EphemeralStorage", "Size")),
            retention_days=int(
                value("StemsBucket", "LifecycleConfiguration", "Rules", 0, "ExpirationInDays")
            ),
            log_retention_days=int(value("SeparateLogGroup", "RetentionInDays")),
            image_bytes=0,
            metrics=route_metrics,
        ),
        route_metrics=route_metrics,
        alarm_metrics=sum(map(_count_metrics, found("AWS::CloudWatch::Alarm"))),
        dashboards=len(found("AWS::CloudWatch::Dashboard")),
        memory_mb=int(value("SeparateFunction", "MemorySize")),
        api_memory_mb=int(value("ApiFunction", "MemorySize")),
        timeout_s=int(value("SeparateFunction", "Timeout")),
        max_duration_s=int(given["MaxDurationS"]),
        rate_limit=int(value("ApiStage", "DefaultRouteSettings", "ThrottlingRateLimit")),
        concurrency=int(given["SeparateConcurrency"]),
        message_age_s=int(value("SongQueue", "MessageRetentionPeriod")),
    )


def _count_metrics(alarm: dict[str, Any]) -> int:
    """Return the number of metrics that an alarm evaluates, each of which is billed."""
    return sum("MetricStat" in metric for metric in alarm["Metrics"]) if "Metrics" in alarm else 1
