"""The template's parameters: what may be given, what is in force, and the file that SAM reads."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from stemdrop_local.intrinsics import load_template

from stemdrop_cloud.access_token import write_secret
from stemdrop_cloud.account import Stack
from stemdrop_cloud.configuration import ROOT

TEMPLATE = ROOT / "template.yaml"
TOKEN_PARAMETER = "AccessToken"  # noqa: S105  # its name
# What CloudFormation shows instead of a secret.
HIDDEN = "****"

Declared = Mapping[str, Mapping[str, Any]]


def load_declared(template: Path = TEMPLATE) -> Declared:
    """Return what the template says of its parameters."""
    declared: Declared = load_template(template)["Parameters"]
    return declared


def problems(declared: Declared, values: Mapping[str, str]) -> Iterator[str]:
    """Yield a sentence for each value that the template doesn't allow."""
    for name, value in values.items():
        if name not in declared:
            yield f"The template has no parameter {name}: template.yaml describes those it has."
        elif name == TOKEN_PARAMETER:
            yield "The token can't be given as a parameter: set STEMDROP_TOKEN instead."
        elif not _allows(declared[name], value):
            yield f"{name} can't be {value!r}: {_hint(declared[name])}"


def in_force(
    declared: Declared, overrides: Mapping[str, str], stack: Stack | None
) -> dict[str, str]:
    """Return the values that a deployment leads to, without secrets.

    What is set counts for more than what the stack has, and that for more than the template's
    defaults.
    """
    values = {name: str(entry.get("Default", "")) for name, entry in declared.items()}
    values |= stack.parameters if stack else {}
    values |= overrides
    values.pop(TOKEN_PARAMETER, None)
    return {name: value for name, value in values.items() if name in declared and value != HIDDEN}


def write(path: Path, values: Mapping[str, str]) -> str:
    """Write parameters where SAM reads them and nobody else can, and return how SAM is told.

    A value on SAM's command line would be seen by everybody on the machine.
    """
    write_secret(path, json.dumps(dict(values)))  # YAML, as all JSON is
    return f"file://{path}"


def _hint(entry: Mapping[str, Any]) -> str:
    if "AllowedValues" in entry:
        return f"use {', '.join(map(str, entry['AllowedValues']))}."
    if "MinValue" in entry:
        return f"use a number from {entry['MinValue']} to {entry['MaxValue']}."
    hint = str(entry.get("ConstraintDescription") or entry["Description"])
    return hint[0].lower() + hint[1:]


def _allows(entry: Mapping[str, Any], value: str) -> bool:
    allowed = [str(each) for each in entry.get("AllowedValues", [])]
    if allowed and value not in allowed:
        return False
    if not re.search(entry.get("AllowedPattern", ""), value):
        return False
    return entry["Type"] != "Number" or _is_in_range(entry, value)


def _is_in_range(entry: Mapping[str, Any], value: str) -> bool:
    try:
        number = float(value)
    except ValueError:
        return False
    low, high = entry.get("MinValue", -float("inf")), entry.get("MaxValue", float("inf"))
    return float(low) <= number <= float(high)
