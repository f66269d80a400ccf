"""Templates with their references resolved, and the grants of the policies in them."""

import copy
import re
from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import Any

import boto3
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator

Template = dict[str, Any]
Statement = dict[str, Any]

ACCOUNT_ID = "123456789012"
REGION = "eu-central-1"
PSEUDO_PARAMETERS = {
    "AWS::AccountId": ACCOUNT_ID,
    "AWS::Partition": "aws",
    "AWS::Region": REGION,
    "AWS::StackName": "stemdrop",
    "AWS::URLSuffix": "amazonaws.com",
}
NO_VALUE = object()
# Resource type: property with the resource's name, and ARN format.
NAMED = {
    "AWS::CloudWatch::Dashboard": ("DashboardName", ""),
    "AWS::ECR::Repository": (
        "RepositoryName",
        f"arn:aws:ecr:{REGION}:{ACCOUNT_ID}:repository/{{}}",
    ),
    "AWS::IAM::Role": ("RoleName", f"arn:aws:iam::{ACCOUNT_ID}:role/{{}}"),
    "AWS::Logs::LogGroup": (
        "LogGroupName",
        f"arn:aws:logs:{REGION}:{ACCOUNT_ID}:log-group:{{}}:*",
    ),
    "AWS::S3::Bucket": ("BucketName", "arn:aws:s3:::{}"),
    "AWS::SNS::Topic": ("TopicName", f"arn:aws:sns:{REGION}:{ACCOUNT_ID}:{{}}"),
    "AWS::SQS::Queue": ("QueueName", f"arn:aws:sqs:{REGION}:{ACCOUNT_ID}:{{}}"),
    **dict.fromkeys(
        ("AWS::Lambda::Function", "AWS::Serverless::Function"),
        ("FunctionName", f"arn:aws:lambda:{REGION}:{ACCOUNT_ID}:function:{{}}"),
    ),
}
REFERRED_BY_ARN = {"AWS::SNS::Topic"}


class Resolver:
    """Resolves references. Attributes that only AWS knows become `Role.Arn`."""

    def __init__(
        self,
        template: Template,
        parameters: Mapping[str, str] | None = None,
        pseudo_parameters: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        declared = template["Parameters"]
        given = dict(parameters or {})
        assert given.keys() <= declared.keys()
        defaults = {name: entry.get("Default", name.lower()) for name, entry in declared.items()}
        self._values: dict[str, Any] = {
            **defaults,
            **given,
            **PSEUDO_PARAMETERS,
            **pseudo_parameters,
        }
        self._template = template
        self._functions: dict[str, Callable[[Any], Any]] = {
            "Condition": self._condition,
            "Fn::And": lambda items: all(self.resolve(items)),
            "Fn::Equals": lambda items: len({str(self.resolve(item)) for item in items}) == 1,
            "Fn::FindInMap": self._find,
            "Fn::GetAtt": self._get_att,
            "Fn::If": lambda items: self.resolve(items[1 if self._condition(items[0]) else 2]),
            "Fn::Not": lambda items: not self.resolve(items[0]),
            "Fn::Or": lambda items: any(self.resolve(items)),
            "Fn::Select": lambda items: self.resolve(items[1])[items[0]],
            "Fn::Split": lambda items: self.resolve(items[1]).split(items[0]),
            "Fn::Sub": self._sub,
            "Ref": self._ref,
        }

    def resolve(self, value: Any) -> Any:
        """Return a value with all references in it resolved."""
        if isinstance(value, list):
            items = [self.resolve(item) for item in value]
            return [item for item in items if item is not NO_VALUE]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            ((name, argument),) = value.items()
            if name in self._functions and not isinstance(argument, dict):
                return self._functions[name](argument)
        assert not [name for name in value if str(name).startswith("Fn::")], value
        resolved = {name: self.resolve(item) for name, item in value.items()}
        return {name: item for name, item in resolved.items() if item is not NO_VALUE}

    def properties(self, logical_id: str) -> dict[str, Any]:
        """Return the properties of a resource."""
        found: dict[str, Any] = self.resolve(self._template["Resources"][logical_id]["Properties"])
        return found

    def environment(self, logical_id: str) -> dict[str, str]:
        """Return the variables of a function."""
        variables = self.properties(logical_id)["Environment"]["Variables"]
        return {name: str(value) for name, value in variables.items()}

    def names(self, kind: str) -> dict[str, str]:
        """Return the names of all resources of a type, by their logical ids."""
        resources = self._template["Resources"].items()
        return {key: self._name(key) for key, entry in resources if entry["Type"] == kind}

    def exists(self, logical_id: str) -> bool:
        """Return whether a resource is created."""
        condition = self._template["Resources"][logical_id].get("Condition")
        return condition is None or self._condition(condition)

    def _condition(self, name: str) -> bool:
        return bool(self.resolve(self._template["Conditions"][name]))

    def _find(self, keys: list[Any]) -> Any:
        found = self._template["Mappings"]
        for key in keys:
            found = found[self.resolve(key)]
        return found

    def _ref(self, name: str) -> Any:
        if name == "AWS::NoValue":
            return NO_VALUE
        if name in self._values:
            return self._values[name]
        by_arn = self._template["Resources"][name]["Type"] in REFERRED_BY_ARN
        return self._get_att([name, "Arn"]) if by_arn else self._name(name)

    def _name(self, logical_id: str) -> str:
        resource = self._template["Resources"][logical_id]
        key, _ = NAMED.get(resource["Type"], ("", ""))
        name = resource.get("Properties", {}).get(key)
        return logical_id if name is None else str(self.resolve(name))

    def _get_att(self, argument: list[str]) -> str:
        logical_id, attribute = argument
        key, arn = NAMED.get(self._template["Resources"][logical_id]["Type"], ("", ""))
        if attribute == "Arn" and arn:
            return arn.format(self._name(logical_id))
        return self._name(logical_id) if attribute == key else f"{logical_id}.{attribute}"

    def _sub(self, argument: str | list[Any]) -> str:
        text, more = (argument, {}) if isinstance(argument, str) else argument

        def replacement(match: re.Match[str]) -> str:
            if match[1] in more:
                return str(self.resolve(more[match[1]]))
            logical_id, dot, attribute = match[1].partition(".")
            return str(self._get_att([logical_id, attribute]) if dot else self._ref(match[1]))

        return re.sub(r"\$\{([^!}][^}]*)\}", replacement, text)


def transform_sam(template: Template, **parameters: str) -> Template:
    """Return a packaged template after SAM's transform."""
    packaged = copy.deepcopy(template)
    for resource in packaged["Resources"].values():
        properties = resource["Properties"]
        for name in properties.keys() & {"CodeUri", "ContentUri"}:
            properties[name] = "s3://code/package.zip"
        if properties.get("PackageType") == "Image":
            properties["ImageUri"] = f"{ACCOUNT_ID}.dkr.ecr.{REGION}.amazonaws.com/stemdrop:onnx"
    session = boto3.Session(region_name=REGION)
    made: Template = Translator({}, Parser(), boto_session=session).translate(packaged, parameters)
    return made


def policy_statements(template: Template, logical_id: str, **parameters: str) -> list[Statement]:
    """Return the statements of a role or managed policy, with references resolved."""
    resolver = Resolver(template, parameters)
    properties = resolver.properties(logical_id)
    managed = map(resolver.properties, properties.get("ManagedPolicyArns", []))
    policies = [*properties.get("Policies", []), *managed] or [properties]
    return [statement for policy in policies for statement in policy["PolicyDocument"]["Statement"]]


def as_list(value: Any) -> list[Any]:
    """Return a policy element, which can be a single value, as a list."""
    return value if isinstance(value, list) else [value]


def allows(statements: list[Statement], action: str, resource: str | None = None) -> bool:
    """Return whether a statement allows an action, on a resource if given."""
    return any(
        any(fnmatchcase(action.lower(), entry.lower()) for entry in as_list(found["Action"]))
        and (
            resource is None
            or any(_covers(entry, resource) for entry in as_list(found["Resource"]))
        )
        for found in statements
        if found["Effect"] == "Allow"
    )


def _covers(pattern: str, resource: str) -> bool:
    """Match as IAM does: only * and ? are special."""
    parts = (".*" if part == "*" else "." if part == "?" else re.escape(part)
             for part in re.split(r"([*?])", pattern))  # fmt: skip
    return re.fullmatch("".join(parts), resource) is not None
