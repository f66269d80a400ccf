"""Environment variables, validated for the settings of the functions."""

import re
from collections.abc import Collection, Mapping

from stemdrop.errors import SetupError


def require(environment: Mapping[str, str], names: Collection[str]) -> dict[str, str]:
    """Return the values of required variables.

    Raises
    ------
    SetupError : A variable is missing or empty; the message names it.
    """
    values = {name: environment.get(name, "") for name in sorted(names)}
    for name, value in values.items():
        if not value.strip():
            raise SetupError(f"The environment variable {name} is missing.")
    return values


def choice(name: str, value: str, allowed: Collection[str]) -> str:
    """Return a value that has to be an allowed one.

    Raises
    ------
    SetupError : The value is not allowed.
    """
    if value not in allowed:
        raise SetupError(f"{name} can't be {value!r}: use one of {', '.join(allowed)}.")
    return value


def topic_arn(name: str, value: str) -> str:
    """Return the ARN of an SNS topic.

    Raises
    ------
    SetupError : The value is something else.
    """
    if not re.fullmatch(r"arn:[a-z0-9-]+:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,256}", value):
        raise SetupError(f"{name} can't be {value!r}: use the ARN of a topic, or leave it empty.")
    return value


def positive(name: str, value: str) -> int:
    """Return a whole number above 0.

    Raises
    ------
    SetupError : The value is something else.
    """
    if not re.fullmatch(r"[0-9]{1,15}", value) or int(value) == 0:
        raise SetupError(f"{name} can't be {value!r}: use a whole number above 0.")
    return int(value)


def retry_delays_s(environment: Mapping[str, str], default: tuple[int, ...]) -> tuple[int, ...]:
    """Return the delays in RETRY_DELAYS_S, separated by spaces, or the default if there are none.

    Raises
    ------
    SetupError : One of them isn't a whole number above 0.
    """
    delays = environment.get("RETRY_DELAYS_S", "")
    return tuple(positive("RETRY_DELAYS_S", value) for value in delays.split()) or default
