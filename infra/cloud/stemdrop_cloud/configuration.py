"""samconfig.toml, as far as these commands need it: what is said there isn't asked for again."""

import shlex
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stemdrop_cloud.errors import UnpreparedError

ROOT = Path(__file__).resolve().parents[3]
CONFIGURATION = ROOT / "samconfig.toml"
DEFAULT_ENVIRONMENT = "dev"
DEFAULT_STACK = "stemdrop"


@dataclass(frozen=True, slots=True)
class Environment:
    """One environment of samconfig.toml.

    Attributes
    ----------
    name : dev, prod or another.
    deploy : the settings of `sam deploy`, those for all commands among them.
    parameters : of the template.
    is_known : whether samconfig.toml has it; without that file, everything is as `sam` does it.
    """

    name: str
    deploy: Mapping[str, Any] = field(default_factory=dict)
    parameters: Mapping[str, str] = field(default_factory=dict)
    is_known: bool = False

    @property
    def stack(self) -> str:
        """Return the name of the stack."""
        return str(self.deploy.get("stack_name") or DEFAULT_STACK)

    @property
    def region(self) -> str | None:
        """Return the region, if one is named."""
        return str(self.deploy["region"]) if self.deploy.get("region") else None


def load_environment(name: str | None, path: Path = CONFIGURATION) -> Environment:
    """Read an environment of samconfig.toml.

    Parameters
    ----------
    name : dev if None.

    Raises
    ------
    UnpreparedError : the file can't be read, or doesn't know the environment.
    """
    wanted = name or DEFAULT_ENVIRONMENT
    if not path.exists() and name is None:
        return Environment(wanted)
    try:
        document = tomllib.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise UnpreparedError(f"{path.name} can't be read: {error}.") from error
    known = [key for key, value in document.items() if isinstance(value, dict)]
    if wanted not in known:
        raise UnpreparedError(
            f"{path.name} has no environment {wanted}: use {' or '.join(known)}, or add it there."
        )
    section = document[wanted]
    deploy = _settings(section, "global") | _settings(section, "deploy")
    parameters = parse_overrides(deploy.get("parameter_overrides", {}))
    return Environment(wanted, deploy, parameters, is_known=True)


def parse_overrides(overrides: object) -> dict[str, str]:
    """Return template parameters as SAM takes them: a table, a text, or a list of those.

    Raises
    ------
    UnpreparedError : they are written in another way.
    """
    if isinstance(overrides, Mapping):
        return {name: _written(value) for name, value in overrides.items()}
    if isinstance(overrides, list):
        found: dict[str, str] = {}
        for entry in overrides:
            found |= parse_overrides(entry)
        return found
    pairs = [word.partition("=") for word in shlex.split(str(overrides))]
    wrong = [name for name, sign, _ in pairs if not (sign and name.isalnum())]
    if wrong:
        raise UnpreparedError(f"A parameter can't be {wrong[0]!r}: write it as Name=value.")
    return {name: value for name, _, value in pairs}


def _written(value: object) -> str:
    if isinstance(value, list):
        return ",".join(str(entry) for entry in value)
    return "" if value is None else str(value)


def _settings(section: Mapping[str, Any], command: str) -> dict[str, Any]:
    return dict(section.get(command, {}).get("parameters", {}))
