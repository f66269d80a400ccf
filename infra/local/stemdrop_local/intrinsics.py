"""The part of CloudFormation's language that template.yaml is written in.

Anything else raises TemplateError: what can't be resolved must not be ignored.
"""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml

from stemdrop.errors import SetupError

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
# Type of a resource to the property that names it, and to its ARN.
NAMES = {
    "AWS::Logs::LogGroup": "LogGroupName",
    "AWS::S3::Bucket": "BucketName",
    "AWS::SNS::Topic": "TopicName",
    "AWS::SQS::Queue": "QueueName",
    "AWS::Serverless::HttpApi": "Name",
}
ARNS = {
    "AWS::Logs::LogGroup": f"arn:aws:logs:{REGION}:{ACCOUNT_ID}:log-group:{{}}:*",
    "AWS::S3::Bucket": "arn:aws:s3:::{}",
    "AWS::SNS::Topic": f"arn:aws:sns:{REGION}:{ACCOUNT_ID}:{{}}",
    "AWS::SQS::Queue": f"arn:aws:sqs:{REGION}:{ACCOUNT_ID}:{{}}",
}


# What !Ref gives the ARN of, not the name.
REFERRED_BY_ARN = {"AWS::SNS::Topic"}


class TemplateError(SetupError):
    """The template uses something that the embedded stack doesn't know."""

    code = "template"


class _Loader(yaml.SafeLoader):
    """Reads !Ref and the like as the mappings that they are short for."""


def _read_short_tag(loader: yaml.SafeLoader, tag: str, node: yaml.Node) -> dict[str, Any]:
    value: Any
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
        value = value.split(".", 1) if tag == "GetAtt" else value
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        raise TemplateError(f"!{tag} can't be read: give it text or a list.")
    return {tag if tag == "Ref" else f"Fn::{tag}": value}


_Loader.add_multi_constructor("!", _read_short_tag)


def load_template(path: Path) -> dict[str, Any]:
    """Read a template, short tags in their long form."""
    with path.open() as file:
        template: dict[str, Any] = yaml.load(file, _Loader)  # noqa: S506  # a SafeLoader
    return template


class Resolver:
    """Gives values for a template's references.

    Parameters
    ----------
    template : as `load_template` reads it.
    parameters : values in place of the parameters' defaults.
    """

    def __init__(self, template: Mapping[str, Any], parameters: Mapping[str, str]) -> None:
        declared = template.get("Parameters", {})
        for name in parameters.keys() - declared.keys():
            raise TemplateError(f"The template has no parameter {name}.")
        defaults = {name: declared[name]["Default"] for name in declared.keys() - parameters.keys()}
        self._values: dict[str, Any] = {**defaults, **parameters, **PSEUDO_PARAMETERS}
        self._conditions = template.get("Conditions", {})
        self._resources = template["Resources"]
        self._functions: dict[str, Callable[[Any], Any]] = {
            "Ref": self._ref,
            "Fn::Equals": self._equals,
            "Fn::GetAtt": self._get_att,
            "Fn::If": self._if,
            "Fn::Not": self._not,
            "Fn::Sub": self._sub,
        }

    def resolve(self, value: Any) -> Any:
        """Return a value with all references in it resolved.

        Raises
        ------
        TemplateError : it refers to something, or in a way, that isn't known here.
        """
        if isinstance(value, list):
            items = [self.resolve(item) for item in value]
            return [item for item in items if item is not NO_VALUE]
        if not isinstance(value, dict):
            return value
        for name, argument in value.items():
            if name in self._functions:
                return self._functions[name](argument)
            if str(name).startswith("Fn::"):
                raise TemplateError(f"The embedded stack doesn't know {name}.")
        resolved = {name: self.resolve(item) for name, item in value.items()}
        return {name: item for name, item in resolved.items() if item is not NO_VALUE}

    def _ref(self, name: str) -> Any:
        if name == "AWS::NoValue":
            return NO_VALUE
        if name in self._values:
            return self._values[name]
        if self._resources.get(name, {}).get("Type") in REFERRED_BY_ARN:
            return self._get_att([name, "Arn"])
        return self._name(name)

    def _name(self, logical_id: str) -> str:
        resource = self._resources.get(logical_id, {})
        name = resource.get("Properties", {}).get(NAMES.get(resource.get("Type")))
        if name is None:
            raise TemplateError(f"The embedded stack can't tell the name of {logical_id}.")
        return str(self.resolve(name))

    def _get_att(self, argument: list[str]) -> str:
        logical_id, attribute = argument
        arn = ARNS.get(self._resources.get(logical_id, {}).get("Type"))
        if attribute != "Arn" or arn is None:
            raise TemplateError(f"The embedded stack can't tell {logical_id}.{attribute}.")
        return arn.format(self._name(logical_id))

    def _sub(self, text: str) -> str:
        def replacement(match: re.Match[str]) -> str:
            logical_id, dot, attribute = match[1].partition(".")
            return str(self._get_att([logical_id, attribute]) if dot else self._ref(match[1]))

        return re.sub(r"\$\{([^!}][^}]*)\}", replacement, text)

    def _condition(self, name: str) -> bool:
        if name not in self._conditions:
            raise TemplateError(f"The template has no condition {name}.")
        return bool(self.resolve(self._conditions[name]))

    def _if(self, argument: list[Any]) -> Any:
        condition, then, otherwise = argument
        return self.resolve(then if self._condition(condition) else otherwise)

    def _equals(self, argument: list[Any]) -> bool:
        left, right = (str(self.resolve(item)) for item in argument)
        return left == right

    def _not(self, argument: list[Any]) -> bool:
        return not self.resolve(argument[0])
