"""Parameters of the template: parsing, validation, and the file that SAM reads."""

import json
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from stemdrop.errors import SetupError
from stemdrop_local.template_file import load_template

Declared = Mapping[str, Mapping[str, Any]]


def load_declared(template: Path) -> Declared:
    """Return the parameters that a template declares."""
    declared: Declared = load_template(template)["Parameters"]
    return declared


def parse(texts: Iterable[str]) -> dict[str, str]:
    """Parse parameters, each text one or more `Name=value`, quoted as in a shell.

    Raises
    ------
    SetupError : A word isn't `Name=value`.
    """
    try:
        pairs = [word.partition("=") for text in texts for word in shlex.split(text)]
    except ValueError as error:
        raise SetupError(f"PARAMETERS can't be read: {error}.") from error
    for name, sign, _ in pairs:
        if not sign or not name.isalnum():
            raise SetupError(f"A parameter can't be {name!r}: write Name=value.")
    return {name: value for name, _, value in pairs}


def in_force(
    declared: Declared, deployed: Mapping[str, str], overrides: Mapping[str, str]
) -> dict[str, str]:
    """Return overrides, else deployed values, else defaults; without secrets, which are hidden."""
    values = {name: str(entry.get("Default", "")) for name, entry in declared.items()}
    values |= {name: value for name, value in deployed.items() if name in declared}
    hidden = {name for name, entry in declared.items() if entry.get("NoEcho")}
    return {name: values[name] for name in values.keys() - hidden} | dict(overrides)


def find_problems(declared: Declared, values: Mapping[str, str]) -> Iterator[str]:
    """Yield a sentence for each value that the template doesn't allow."""
    for name, value in values.items():
        if name not in declared:
            yield f"template.yaml has no parameter {name}."
        elif declared[name].get("NoEcho"):
            yield f"{name} can't be given: use NEW_TOKEN=1 or, for webhooks, export WEBHOOK_SECRET."
        elif not _allows(declared[name], value):
            yield f"{name} can't be {value!r}: {_hint(declared[name])}."
    if values.get("JwtIssuer") and not values.get("JwtAudience"):
        yield "JwtIssuer needs JwtAudience, the audience of its tokens."


@contextmanager
def written(values: Mapping[str, str]) -> Iterator[str]:
    """Write parameters to a temporary file of mode 0600, and yield the URL that SAM takes.

    Other users of the machine can see a program's arguments, but not this file.
    """
    with NamedTemporaryFile("w", prefix="stemdrop-", suffix=".yaml") as file:
        json.dump(dict(values), file)  # JSON is YAML, and SAM refuses the suffix .json
        file.flush()
        yield f"file://{file.name}"


def _allows(entry: Mapping[str, Any], value: str) -> bool:
    allowed = [str(each) for each in entry.get("AllowedValues", [value])]
    number = r"^-?\d+(\.\d+)?$" if entry["Type"] == "Number" else ""
    patterns = (number, entry.get("AllowedPattern", ""))
    return value in allowed and all(re.search(pattern, value) for pattern in patterns)


def _hint(entry: Mapping[str, Any]) -> str:
    if "AllowedValues" in entry:
        return f"use {', '.join(map(str, entry['AllowedValues']))}"
    hint = str(entry.get("ConstraintDescription", "template.yaml describes it"))
    return hint[0].lower() + hint[1:].removesuffix(".")
