"""The options of a separation as JSON has them, described from what the core knows of them."""

from collections.abc import Mapping
from typing import Any

from stemdrop.codecs import Codec
from stemdrop.errors import OptionError
from stemdrop.models import INSTRUMENTS, Model
from stemdrop.options import (
    BITRATE_RANGE_KBPS,
    DEFAULT_BITRATE,
    LATER,
    MAX_SECONDS,
    Clip,
    Options,
    Quality,
)

STEMS = tuple(dict.fromkeys(stem for stems in INSTRUMENTS.values() for stem in stems))
DEPTHS = tuple(dict.fromkeys(depth for codec in Codec for depth in codec.bit_depths))
LOW_KBPS, HIGH_KBPS = BITRATE_RANGE_KBPS

# Each by the name that it has in Options.
SCHEMAS: dict[str, dict[str, Any]] = {
    "model": {
        "enum": [*Model],
        "description": "The network; those with -16kHz keep the highs up to 16 kHz, not 11.",
    },
    "stems": {
        "type": "array",
        "items": {"enum": STEMS},
        "minItems": 1,
        "description": "The stems of the model to return, all by default.",
    },
    "codec": {"enum": [*Codec], "description": "The format of the stems."},
    "bitrate": {
        "type": "string",
        "pattern": "^[0-9]{2,3}k$",
        "description": f"Of lossy formats, {LOW_KBPS}k to {HIGH_KBPS}k; {DEFAULT_BITRATE} if null.",
    },
    "bit_depth": {"enum": [*DEPTHS, 16, 24], "description": "Of wav and flac, 16 by default."},
    "offset_s": {
        "type": "number",
        "minimum": 0,
        "exclusiveMaximum": MAX_SECONDS,
        "description": "Seconds to leave out at the start.",
    },
    "duration_s": {
        "type": "number",
        "exclusiveMinimum": 0,
        "exclusiveMaximum": MAX_SECONDS,
        "description": "Seconds to separate from there, all of them by default.",
    },
    "residual": {
        "type": "boolean",
        "description": "Whether to add one more stem: the mix minus the sum of the others.",
    },
    "zip": {"type": "boolean", "description": "Whether to add a zip of all stems."},
    "quality": {
        "enum": [*Quality],
        "description": "How the network is used: in Spleeter's way, or better, in twice the time.",
    },
    "clip": {
        "enum": [*Clip],
        "description": "Whether to scale all stems by one factor where one would clip.",
    },
}
NULL = {"type": "null"}
DEFAULTS = Options().to_json() | LATER
# Their defaults depend on the model and the codec.
DEPENDENT = {"stems", "bit_depth"}
TYPES = {"array": list, "string": str, "number": int | float, "boolean": bool}


def parse(given: Mapping[str, Any]) -> Options:
    """Build options from JSON values; null is the default, like what isn't given.

    Raises
    ------
    OptionError : an option is unknown, or its value isn't allowed. Text is not taken for a number,
        as it is where there is nothing but text.
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
    defaults = {name: value for name, value in DEFAULTS.items() if name not in DEPENDENT}
    return {
        name: {
            "anyOf": [{key: value for key, value in schema.items() if key != "description"}, NULL],
            "default": defaults.get(name),
            "description": schema["description"],
        }
        for name, schema in SCHEMAS.items()
    }
