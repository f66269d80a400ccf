"""Conversion of template.yaml for a deployment on this machine."""

import copy
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

FUNCTION = "AWS::Serverless::Function"
LAYER = "AWS::Serverless::LayerVersion"
# MiniStack runs the file `bootstrap` of such a function's zip, as Lambda does.
RUNTIME = "provided.al2023"
HANDLERS = {"SeparateFunction": "stemdrop_separate.handler.handler"}
NOT_LOCAL = ("PackageType", "ImageConfig", "ImageUri", "Layers", "Architectures")


@dataclass(frozen=True, slots=True)
class LocalCode:
    """Code and settings of functions on this machine.

    Attributes
    ----------
    bucket, key : S3 location of the zip with `bootstrap`.
    environment : Logical ID of a function to variables in addition to the template's.
    handlers : Logical ID of a function to a handler that replaces its own.
    """

    bucket: str
    key: str
    environment: Mapping[str, Mapping[str, str]]
    handlers: Mapping[str, str]


def localize(template: Mapping[str, Any], code: LocalCode) -> dict[str, Any]:
    """Return a template whose functions run from this environment; everything else is the same.

    Parameters
    ----------
    template : Template with intrinsic functions in their long form.
    """
    local: dict[str, Any] = copy.deepcopy(dict(template))
    resources = local["Resources"]
    layers = {name for name, resource in resources.items() if resource["Type"] == LAYER}
    local["Resources"] = {
        name: _localize_function(name, resource, code) if resource["Type"] == FUNCTION else resource
        for name, resource in resources.items()
        if name not in layers
    }
    local["Outputs"] = {
        name: output
        for name, output in local.get("Outputs", {}).items()
        if not any(f'"{layer}"' in json.dumps(output) for layer in layers)
    }
    return local


def _localize_function(name: str, resource: Mapping[str, Any], code: LocalCode) -> dict[str, Any]:
    given = resource["Properties"]
    properties = {key: value for key, value in given.items() if key not in NOT_LOCAL}
    variables = given.get("Environment", {}).get("Variables", {})
    properties |= {
        "Runtime": RUNTIME,
        "Handler": code.handlers.get(name) or given.get("Handler") or HANDLERS[name],
        "CodeUri": {"Bucket": code.bucket, "Key": code.key},
        "Environment": {"Variables": {**variables, **code.environment.get(name, {})}},
    }
    kept = {key: value for key, value in resource.items() if key != "Metadata"}
    return {**kept, "Properties": properties}
