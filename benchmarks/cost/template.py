"""What template.yaml says that costs, or limits, something."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from samtranslator.yaml_helper import yaml_parse

from benchmarks.cost.bill import Deployment
from benchmarks.cost.figures import Template

TEMPLATE = Path(__file__).parents[2] / "template.yaml"
FUNCTION, API_FUNCTION = "SeparateFunction", "ApiFunction"
# What CloudWatch gets for each route, and for money, if the template asks for it.
# Source: "Monitor CloudWatch metrics for HTTP APIs" in the API Gateway developer guide.
METRICS_PER_ROUTE = 6
# Of those that `stemdrop submit` asks: the options, new jobs, and a job.
ROUTES = 3


def read_template(parameters: Mapping[str, str] | None = None) -> Template:
    """Return what the template says, with its parameters' defaults where none are given."""
    template = yaml_parse(TEMPLATE.read_text())
    defaults = {name: entry["Default"] for name, entry in template["Parameters"].items()}
    values = defaults | dict(parameters or {})
    resources = template["Resources"]

    def value(resource: str, *path: str) -> Any:
        found = resources[resource]["Properties"]
        for name in path:
            found = found[name]
        return values[found["Ref"]] if isinstance(found, dict) and "Ref" in found else found

    rules = value("StemsBucket", "LifecycleConfiguration", "Rules")
    is_detailed = value("ApiStage", "DefaultRouteSettings").get("DetailedMetricsEnabled")
    route_metrics = METRICS_PER_ROUTE * ROUTES if is_detailed else 0
    types = [entry["Type"] for entry in resources.values()]
    return Template(
        deployment=Deployment(
            architecture=values["Architecture"],
            scratch_mb=int(value(FUNCTION, "EphemeralStorage", "Size")),
            retention_days=int(values[rules[0]["ExpirationInDays"]["Ref"]]),
            log_retention_days=int(value("SeparateLogGroup", "RetentionInDays")),
            image_bytes=0,
            metrics=route_metrics,
        ),
        route_metrics=route_metrics,
        alarms=types.count("AWS::CloudWatch::Alarm"),
        dashboards=types.count("AWS::CloudWatch::Dashboard"),
        memory_mb=int(value(FUNCTION, "MemorySize")),
        api_memory_mb=int(value(API_FUNCTION, "MemorySize")),
        timeout_s=int(value(FUNCTION, "Timeout")),
        max_duration_s=int(value(FUNCTION, "Environment", "Variables", "MAX_DURATION_S")),
        rate_limit=int(value("ApiStage", "DefaultRouteSettings", "ThrottlingRateLimit")),
        message_age_s=int(value("SongQueue", "MessageRetentionPeriod")),
    )
