"""The options of a separation: one dataclass, from which schemas, flags and controls derive."""

import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum
from typing import Any

from stemdrop.codecs import Codec
from stemdrop.errors import OptionError
from stemdrop.models import INSTRUMENTS, Model


class Quality(StrEnum):
    """Use of the network: as in Spleeter, or for better stems in twice the time."""

    SPLEETER = "spleeter"
    HIGH = "high"


class Clip(StrEnum):
    """Treatment of samples beyond full scale.

    They are kept, and cut off by the format, or all stems are scaled by one factor so that none
    clips.
    """

    KEEP = "keep"
    SCALE = "scale"


RESIDUAL = "residual"
DEFAULT_BITRATE = "192k"
BITRATE_RANGE_KBPS = LOW_KBPS, HIGH_KBPS = (64, 320)
MAX_SECONDS = 1e6


def describe(label: str, description: str, **more: Any) -> dict[str, Any]:
    """Return metadata of an option, from which schemas, flags and controls derive.

    Parameters
    ----------
    label : Name of the option in a form.
    description : Sentence for documentation and help; it begins with a noun or an imperative.
    more : Limits and examples under the names that pydantic's `Field` has for them, and
        ``values``, allowed values to their labels; ``aliases``, further flags of the command line;
        ``metavar``, the value's name in its help; ``is_later``, if the first records lack the
        option.
    """
    return {"title": label, "description": description, **more}


@dataclass(frozen=True, slots=True)
class Options:
    """The options of a separation; equal options give equal stems.

    The values of `stems`, `bitrate` and `bit_depth` depend on the model and the codec: stems are in
    the model's order, `bitrate` is None for wav and flac, and `bit_depth` for all other formats.
    """

    model: Model = field(
        default=Model.TWO_STEMS,
        metadata=describe(
            "Model",
            "Network to use; a -16kHz model keeps frequencies up to 16 kHz instead of 11 kHz.",
            values={model.value: model.spec.label for model in Model},
            aliases=("-p", "--params_filename"),
        ),
    )
    stems: tuple[str, ...] = field(
        default=Model.TWO_STEMS.instruments,
        metadata=describe(
            "Stems to return",
            "Stems to return; all stems of the model by default.",
            values={name: name for names in INSTRUMENTS.values() for name in names},
            min_length=1,
            metavar="NAMES",
        ),
    )
    codec: Codec = field(
        default=Codec.WAV,
        metadata=describe(
            "Format",
            "Format of the stems.",
            values={codec.value: codec.spec.label for codec in Codec},
            aliases=("-c",),
        ),
    )
    bitrate: str | None = field(
        default=None,
        metadata=describe(
            "Bit rate",
            f"Bit rate, {LOW_KBPS}k to {HIGH_KBPS}k, of a lossy format; default {DEFAULT_BITRATE}.",
            pattern="^[0-9]{2,3}k$",
            examples=["64k", "96k", "128k", "160k", "192k", "256k", "320k"],
            aliases=("-b",),
        ),
    )
    bit_depth: str | None = field(
        default="16",
        metadata=describe(
            "Resolution",
            "Bit depth of wav (16, 24 or 32f) or flac (16 or 24); 16 by default.",
            values={"16": "16-bit", "24": "24-bit", "32f": "32-bit float"},
        ),
    )
    offset_s: float = field(
        default=0.0,
        metadata=describe(
            "Begin at, in seconds",
            "Seconds to skip at the start of the song.",
            ge=0,
            lt=MAX_SECONDS,
            aliases=("-s", "--offset"),
            metavar="SECONDS",
        ),
    )
    duration_s: float | None = field(
        default=None,
        metadata=describe(
            "Length, in seconds",
            "Seconds to separate from there; the rest of the song by default.",
            gt=0,
            lt=MAX_SECONDS,
            aliases=("-d", "--duration"),
            metavar="SECONDS",
        ),
    )
    residual: bool = field(
        default=False,
        metadata=describe(
            "Add a residual stem, so that all stems add up to the song",
            "Add one more stem: the mix minus the sum of the others.",
        ),
    )
    zip: bool = field(
        default=False,
        metadata=describe("Create a ZIP file of all stems", "Add a zip of all stems."),
    )
    quality: Quality = field(
        default=Quality.SPLEETER,
        metadata=describe(
            "Quality",
            "Use of the network: as in Spleeter, or for better stems in twice the time.",
            values={
                "spleeter": "Same as Spleeter",
                "high": "Higher quality than standard Spleeter, in about twice the time",
            },
            is_later=True,
        ),
    )
    clip: Clip = field(
        default=Clip.KEEP,
        metadata=describe(
            "Clipping",
            "Treatment of clipping: keep the levels, or scale all stems by one factor to avoid it.",
            values={
                "keep": "Keep the levels",
                "scale": "Make all stems quieter if one of them would clip",
            },
            is_later=True,
        ),
    )

    @classmethod
    def parse(cls, given: Mapping[str, object]) -> "Options":
        """Build options from text or JSON values, with defaults for missing ones.

        Raises
        ------
        OptionError : An option is unknown, a value is not allowed, or two values contradict.
        """
        for name in given:
            if name not in OPTION_NAMES:
                allowed = ", ".join(OPTION_NAMES)
                raise OptionError(f"There is no option {name!r}: use one of {allowed}.")
        parsed = {
            each.name: _parse(each.name, given.get(each.name, each.default), each.default)
            for each in fields(cls)
            if each.name not in DEPENDENT
        }
        return cls(
            **parsed,
            stems=_stems(given.get("stems"), parsed["model"]),
            bitrate=_bitrate(given.get("bitrate"), parsed["codec"]),
            bit_depth=_bit_depth(given.get("bit_depth"), parsed["codec"]),
            duration_s=_duration_s(given.get("duration_s")),
        )

    @property
    def outputs(self) -> tuple[str, ...]:
        """Return the names of all stems that are written, the residual last."""
        return (*self.stems, RESIDUAL) if self.residual else self.stems

    def to_json(self) -> dict[str, object]:
        """Return the options as JSON values; `parse` is the inverse.

        Values without effect are not written: the bitrate of wav, and the defaults of LATER.
        """
        values = asdict(self) | {"stems": list(self.stems)}
        return {
            name: value
            for name, value in values.items()
            if value is not None and value != LATER.get(name)
        }


OPTION_NAMES = tuple(each.name for each in fields(Options))
# Options with a parser of their own: None stands for a default that may depend on another option.
DEPENDENT = frozenset({"stems", "bitrate", "bit_depth", "duration_s"})
# The first records and entries of the content index lack these options. Records with the default
# must stay equal to those, so a default isn't written.
LATER: dict[str, object] = {
    each.name: each.default for each in fields(Options) if each.metadata.get("is_later")
}


def _parse(name: str, value: object, default: Any) -> Any:
    """Return a value of the type that the option's default has."""
    if isinstance(default, StrEnum):
        return type(default)(_choice(name, value, tuple(type(default))))
    if isinstance(default, bool):
        return _flag(name, value)
    return _seconds(name, value)


def _choice(name: str, value: object, allowed: tuple[str, ...]) -> str:
    if value not in allowed:
        raise OptionError(f"{name} can't be {value!r}: use one of {', '.join(allowed)}.")
    return str(value)


def _stems(value: object, model: Model) -> tuple[str, ...]:
    if value is None:
        return model.instruments
    names = re.split(r"[,+ ]+", value) if isinstance(value, str) else value
    if not isinstance(names, list | tuple) or not names:
        raise OptionError(f"stems can't be {value!r}: name some of {', '.join(model.instruments)}.")
    wanted = {_choice("stems", str(name).strip(), model.instruments) for name in names}
    return tuple(stem for stem in model.instruments if stem in wanted)


def _bitrate(value: object, codec: Codec) -> str | None:
    text = DEFAULT_BITRATE if value is None else str(value).lower()
    match = re.fullmatch(r"(\d{1,4})k", text, re.ASCII)
    if match is None or not LOW_KBPS <= int(match[1]) <= HIGH_KBPS:
        raise OptionError(
            f"bitrate can't be {value!r}: use {LOW_KBPS}k to {HIGH_KBPS}k, such as 192k."
        )
    return None if codec.bit_depths else f"{int(match[1])}k"


def _bit_depth(value: object, codec: Codec) -> str | None:
    if value is None:
        return codec.bit_depths[0] if codec.bit_depths else None
    if not codec.bit_depths:
        raise OptionError(f"{codec} has no bit depth: leave bit_depth out, or use wav or flac.")
    return _choice("bit_depth", str(value), codec.bit_depths)


def _seconds(name: str, value: object) -> float:
    try:
        seconds = float(value)  # type: ignore[arg-type]  # whatever it is, it is a number or refused
    except (TypeError, ValueError, OverflowError):
        seconds = math.nan
    if isinstance(value, bool) or not 0 <= seconds < MAX_SECONDS:
        raise OptionError(f"{name} can't be {value!r}: use seconds, such as 30 or 7.5.")
    return seconds + 0.0  # equal options are written alike, so -0.0 becomes 0.0


def _duration_s(value: object) -> float | None:
    if value is None:
        return None
    seconds = _seconds("duration_s", value)
    if seconds == 0:
        raise OptionError("duration_s can't be 0: leave it out to separate the whole song.")
    return seconds


def _flag(name: str, value: object) -> bool:
    text = str(value).lower()
    if text not in {"true", "false"}:
        raise OptionError(f"{name} can't be {value!r}: use true or false.")
    return text == "true"
