"""The options as JSON, derived from the fields of `Options`; pydantic reads their limits."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from pydantic import TypeAdapter

from stemdrop.errors import OptionError
from stemdrop.options import DEPENDENT, Options

NULL = {"type": "null"}
TYPES = {"array": list, "string": str, "number": int | float, "boolean": bool}
LIMITS = {"type", "pattern", "minItems", "minimum", "exclusiveMinimum", "exclusiveMaximum"}


def _schemas() -> dict[str, dict[str, Any]]:
    """Return the JSON schema of each option's values, without null."""
    found = TypeAdapter(Options).json_schema()["properties"]
    schemas = {}
    for each in fields(Options):
        typed = found[each.name].get("anyOf", [found[each.name]])[0]
        schema = {name: value for name, value in typed.items() if name in LIMITS}
        values = each.metadata.get("values", ())
        names = {"type": "string", "enum": [*values]}
        if values and schema.get("type") == "array":
            schema["items"] = names
        elif values:
            schema = names
        # JSON has numbers, so a bit depth may be one.
        if numbers := [int(value) for value in values if value.isdigit()]:
            schema = {"anyOf": [names, {"type": "integer", "enum": numbers}]}
        schemas[each.name] = schema
    return schemas


SCHEMAS = _schemas()


def parse(given: Mapping[str, Any]) -> Options:
    """Build options from JSON values; null stands for the default.

    Raises
    ------
    OptionError : An option is unknown, or its value is not allowed. Unlike `Options.parse`, this
        function does not accept text for numbers.
    """
    named = {name: value for name, value in given.items() if value is not None}
    for name, value in named.items():
        _require_type(name, value, SCHEMAS.get(name, {}).get("type"))
    return Options.parse(named)


def _require_type(name: str, value: Any, wanted: str | None) -> None:
    if wanted is None:
        return
    is_flag = isinstance(value, bool)
    if is_flag != (wanted == "boolean") or not isinstance(value, TYPES[wanted]):
        raise OptionError(f"{name} can't be {value!r}: use JSON's type {wanted}.")


def properties() -> dict[str, Any]:
    """Return the options as properties of a JSON schema."""
    return {
        each.name: {
            "anyOf": [*SCHEMAS[each.name].get("anyOf", [SCHEMAS[each.name]]), NULL],
            "title": each.metadata["title"],
            "default": None if each.name in DEPENDENT else each.default,
            "description": each.metadata["description"],
        }
        for each in fields(Options)
    }
