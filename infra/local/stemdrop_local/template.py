"""What the embedded stack takes from template.yaml: buckets, functions, what leads to what."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stemdrop_local.intrinsics import Resolver, TemplateError, load_template

ROOT = Path(__file__).resolve().parents[3]
TEMPLATE = ROOT / "template.yaml"
FUNCTION = "SeparateFunction"
API_FUNCTION = "ApiFunction"
API = "Api"
# Source: "EphemeralStorage" of AWS::Lambda::Function in the CloudFormation guide.
LEAST_STORAGE = {"Size": 512}
# What S3's own API calls what CloudFormation calls otherwise.
CORS_NAMES = {"Id": "ID", "ExposedHeaders": "ExposeHeaders", "MaxAge": "MaxAgeSeconds"}


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket, its rules as S3's API takes them."""

    name: str
    lifecycle_rules: tuple[dict[str, Any], ...] = ()
    cors_rules: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Queue:
    """A queue, and how long it keeps a message."""

    name: str
    retention_s: int


@dataclass(frozen=True, slots=True)
class Subscription:
    """Which events of a bucket invoke the function."""

    bucket: str
    events: tuple[str, ...]
    prefix: str


@dataclass(frozen=True, slots=True)
class Function:
    """A function: its limits, /tmp's size among them, and the variables that the template sets."""

    name: str
    memory_mb: int
    timeout_s: int
    storage_mb: int
    environment: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Separator(Function):
    """The function that works on events, and how they are delivered to it.

    Attributes
    ----------
    retries : how often an event is delivered again after a failure.
    max_event_age_s : how long after it happened, at most.
    failure_queue : the name of the queue for events that failed for good.
    """

    subscriptions: tuple[Subscription, ...]
    retries: int
    max_event_age_s: int
    failure_queue: str


@dataclass(frozen=True, slots=True)
class ApiFunction(Function):
    """The function that answers HTTP; pages of the allowed origins may call it."""

    allowed_origins: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Application:
    """The whole of it; `topics` are names, `function` is the separator."""

    buckets: tuple[Bucket, ...]
    queues: tuple[Queue, ...]
    topics: tuple[str, ...]
    function: Separator
    api: ApiFunction


def read_application(
    path: Path = TEMPLATE, parameters: Mapping[str, str] | None = None
) -> Application:
    """Read an application from a template.

    Parameters
    ----------
    path : the template.
    parameters : values in place of the parameters' defaults.

    Raises
    ------
    TemplateError : the template uses something that isn't known here.
    """
    template = load_template(path)
    resolver = Resolver(template, parameters or {})
    resources = template["Resources"]

    def properties_of(kind: str) -> list[dict[str, Any]]:
        found = [resource for resource in resources.values() if resource["Type"] == kind]
        return [resource["Properties"] for resource in found]

    topics = [resolver.resolve(properties) for properties in properties_of("AWS::SNS::Topic")]
    queues = [resolver.resolve(properties) for properties in properties_of("AWS::SQS::Queue")]
    return Application(
        buckets=tuple(_bucket(item, resolver) for item in properties_of("AWS::S3::Bucket")),
        queues=tuple(Queue(q["QueueName"], int(q["MessageRetentionPeriod"])) for q in queues),
        topics=tuple(topic["TopicName"] for topic in topics),
        function=_separator(resources[FUNCTION]["Properties"], resolver),
        api=_api(resources[API_FUNCTION]["Properties"], resources[API]["Properties"], resolver),
    )


def _bucket(properties: dict[str, Any], resolver: Resolver) -> Bucket:
    lifecycle = resolver.resolve(properties.get("LifecycleConfiguration", {}))
    cors = resolver.resolve(properties.get("CorsConfiguration", {}))
    return Bucket(
        name=resolver.resolve(properties["BucketName"]),
        lifecycle_rules=tuple(_lifecycle_rule(rule) for rule in lifecycle.get("Rules", [])),
        cors_rules=tuple(
            {CORS_NAMES.get(name, name): value for name, value in rule.items()}
            for rule in cors.get("CorsRules", [])
        ),
    )


def _lifecycle_rule(rule: dict[str, Any]) -> dict[str, Any]:
    known = {"Id", "Status", "Prefix", "ExpirationInDays", "AbortIncompleteMultipartUpload"}
    if unknown := sorted(rule.keys() - known):
        raise TemplateError(f"The embedded stack knows no lifecycle rule with {unknown[0]}.")
    translated = {
        "ID": rule["Id"],
        "Status": rule["Status"],
        "Filter": {"Prefix": rule.get("Prefix", "")},
    }
    if "ExpirationInDays" in rule:
        translated["Expiration"] = {"Days": int(rule["ExpirationInDays"])}
    if "AbortIncompleteMultipartUpload" in rule:
        translated["AbortIncompleteMultipartUpload"] = rule["AbortIncompleteMultipartUpload"]
    return translated


def _function(properties: dict[str, Any], resolver: Resolver) -> dict[str, Any]:
    """Return what all functions have."""
    variables = resolver.resolve(properties["Environment"]["Variables"])
    storage = resolver.resolve(properties.get("EphemeralStorage", LEAST_STORAGE))
    return {
        "name": resolver.resolve(properties["FunctionName"]),
        "memory_mb": int(resolver.resolve(properties["MemorySize"])),
        "timeout_s": int(resolver.resolve(properties["Timeout"])),
        "storage_mb": int(storage["Size"]),
        "environment": {name: str(value) for name, value in variables.items()},
    }


def _separator(properties: dict[str, Any], resolver: Resolver) -> Separator:
    delivery = resolver.resolve(properties["EventInvokeConfig"])
    events = resolver.resolve(properties["Events"])
    destination: str = delivery["DestinationConfig"]["OnFailure"]["Destination"]
    return Separator(
        **_function(properties, resolver),
        subscriptions=tuple(_subscription(event) for event in events.values()),
        retries=delivery["MaximumRetryAttempts"],
        max_event_age_s=delivery["MaximumEventAgeInSeconds"],
        failure_queue=destination.rpartition(":")[2],
    )


def _api(function: dict[str, Any], api: dict[str, Any], resolver: Resolver) -> ApiFunction:
    name = "x-amazon-apigateway-cors"
    cors = resolver.resolve({name: api["DefinitionBody"][name]}).get(name, {})
    return ApiFunction(
        **_function(function, resolver), allowed_origins=tuple(cors.get("allowOrigins", []))
    )


def _subscription(event: dict[str, Any]) -> Subscription:
    if event["Type"] != "S3":
        raise TemplateError(f"The embedded stack can't deliver events of type {event['Type']}.")
    properties = event["Properties"]
    events = properties["Events"]
    rules = properties["Filter"]["S3Key"]["Rules"]
    if [rule["Name"] for rule in rules] != ["prefix"]:
        raise TemplateError("The embedded stack filters events by exactly one prefix.")
    return Subscription(
        bucket=properties["Bucket"],
        events=(events,) if isinstance(events, str) else tuple(events),
        prefix=rules[0]["Value"],
    )
