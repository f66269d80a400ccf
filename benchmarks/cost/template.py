"""What template.yaml says that costs, or limits, something."""

from collections.abc import Mapping
from typing import Any

from benchmarks.cost.bill import Deployment
from benchmarks.cost.figures import Template
from stemdrop_local.intrinsics import Resolver, load_template
from stemdrop_local.template import API, API_FUNCTION, FUNCTION, ROOT, TEMPLATE

MONITORING = ROOT / "infra" / "monitoring.yaml"
# What CloudWatch gets for each route, and for money, if the template asks for it.
# Source: "Monitor CloudWatch metrics for HTTP APIs" in the API Gateway developer guide.
METRICS_PER_ROUTE = 6
# Of those that `stemdrop submit` asks: the options, new jobs, and a job.
ROUTES = 3


def read_template(parameters: Mapping[str, str] | None = None) -> Template:
    """Return what the template says, with its parameters' defaults."""
    template = load_template(TEMPLATE)
    resolver = Resolver(template, {"AccessToken": "t" * 32, **(parameters or {})})
    resources = template["Resources"]

    def value(resource: str, *path: str) -> Any:
        found = resources[resource]["Properties"]
        for name in path:
            found = found[name]
        return resolver.resolve(found)

    rules = value("StemsBucket", "LifecycleConfiguration", "Rules")
    routes = value(API, "DefaultRouteSettings")
    route_metrics = METRICS_PER_ROUTE * ROUTES if routes.get("DetailedMetricsEnabled") else 0
    monitoring = [entry["Type"] for entry in load_template(MONITORING)["Resources"].values()]
    variables = value(FUNCTION, "Environment", "Variables")
    return Template(
        deployment=Deployment(
            architecture=value(FUNCTION, "Architectures")[0],
            scratch_mb=int(value(FUNCTION, "EphemeralStorage", "Size")),
            retention_days=int(rules[0]["ExpirationInDays"]),
            log_retention_days=int(value("SeparateLogGroup", "RetentionInDays")),
            image_bytes=0,
            metrics=route_metrics,
        ),
        route_metrics=route_metrics,
        alarms=monitoring.count("AWS::CloudWatch::Alarm"),
        dashboards=monitoring.count("AWS::CloudWatch::Dashboard"),
        memory_mb=int(value(FUNCTION, "MemorySize")),
        api_memory_mb=int(value(API_FUNCTION, "MemorySize")),
        timeout_s=int(value(FUNCTION, "Timeout")),
        max_duration_s=int(variables["MAX_DURATION_S"]),
        rate_limit=int(routes["ThrottlingRateLimit"]),
        event_age_s=int(value(FUNCTION, "EventInvokeConfig", "MaximumEventAgeInSeconds")),
    )
