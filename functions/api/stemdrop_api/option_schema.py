"""The options as JSON, derived from the fields of `Options`; pydantic reads their limits."""

from collections.abc import Mapping
from dataclasses import fields
from enum import StrEnum
from typing import Any

from pydantic import TypeAdapter

from stemdrop.errors import OptionError
from stemdrop.options import DEPENDENT, Options

NULL = {"type": "null"}
TYPES = {"array": list, "string": str, "number": int | float, "boolean": bool}
LIMITS = {"type", "pattern", "minItems", "minimum", "exclusiveMinimum", "exclusiveMaximum"}
# Options to the names of their enumerations, if the option has another name.
ENUMERATIONS = {"stems": "StemName"}


def enumeration_name(option: str) -> str:
    """Return the name of the schema that lists an option's values."""
    return ENUMERATIONS.get(option, option.title().replace("_", ""))


def enumerations() -> dict[str, dict[str, Any]]:
    """Return the schemas of all values of options, by name, for `components/schemas`."""
    found = {}
    for each in fields(Options):
        if values := each.metadata.get("values"):
            name = enumeration_name(each.name)
            found[name] = {
                "title": name,
                "description": each.metadata["description"],
                "type": "string",
                "enum": [*values],
                "x-enum-varnames": [_member(each.name, each.default, value) for value in values],
            }
    return found


def _member(option: str, default: Any, value: str) -> str:
    """Return the name of a value in generated code: that of our own, or one that is no number."""
    if isinstance(default, StrEnum):
        return type(default)(value).name
    return (value if value[0].isalpha() else f"{option}_{value}").upper()


def _schemas() -> dict[str, dict[str, Any]]:
    """Return the JSON schema of each option's values, without null."""
    found = TypeAdapter(Options).json_schema()["properties"]
    schemas = {}
    for each in fields(Options):
        typed = found[each.name].get("anyOf", [found[each.name]])[0]
        schema = {name: value for name, value in typed.items() if name in LIMITS}
        values = each.metadata.get("values", ())
        names = {"$ref": f"#/components/schemas/{enumeration_name(each.name)}"}
        if values and schema.get("type") == "array":
            schema["items"] = names
        elif values:
            schema = names
        # JSON has numbers, so a bit depth may be one.
        if numbers := [int(value) for value in values if value.isdigit()]:
            integers = [{"type": "integer", "const": number} for number in numbers]
            schema = {"anyOf": [names, *integers]}
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
