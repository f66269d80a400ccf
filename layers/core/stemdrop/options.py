"""The options of a separation, wherever they are given: metadata, folder, JSON, command line."""

import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TypeVar

from stemdrop.codecs import Codec
from stemdrop.errors import OptionError
from stemdrop.models import Model


class Quality(StrEnum):
    """How the network is used: in Spleeter's way, or better, in twice the time."""

    SPLEETER = "spleeter"
    HIGH = "high"


class Clip(StrEnum):
    """What becomes of samples that a file's format can't hold.

    They are kept, to be cut off at full scale, or all stems of the song are scaled by one factor
    that leaves none beyond it.
    """

    KEEP = "keep"
    SCALE = "scale"


RESIDUAL = "residual"
DEFAULT_BITRATE = "192k"
BITRATE_RANGE_KBPS = (64, 320)
MAX_SECONDS = 1e6


@dataclass(frozen=True, slots=True)
class Options:
    """What to make of a song; equal options give equal stems.

    Attributes
    ----------
    model : the network.
    stems : the stems to return, in the model's order.
    codec : the format of the files.
    bitrate : of a lossy format, such as ``192k``; None for wav and flac.
    bit_depth : ``16``, ``24`` or ``32f`` for wav, ``16`` or ``24`` for flac; None otherwise.
    offset_s : seconds to leave out at the start.
    duration_s : seconds to separate from there; None for all of it.
    residual : whether to add one more stem, the mix minus the sum of the others.
    zip : whether to add a zip of all stems.
    quality : how the network is used.
    clip : what becomes of samples beyond full scale.
    """

    model: Model = Model.TWO_STEMS
    stems: tuple[str, ...] = Model.TWO_STEMS.instruments
    codec: Codec = Codec.WAV
    bitrate: str | None = None
    bit_depth: str | None = "16"
    offset_s: float = 0.0
    duration_s: float | None = None
    residual: bool = False
    zip: bool = False
    quality: Quality = Quality.SPLEETER
    clip: Clip = Clip.KEEP

    @classmethod
    def parse(cls, given: Mapping[str, object]) -> "Options":
        """Build options from text or JSON values, with the defaults for what isn't given.

        Raises
        ------
        OptionError : an option is unknown, a value isn't allowed, or two of them contradict.
        """
        for name in given:
            if name not in OPTION_NAMES:
                allowed = ", ".join(OPTION_NAMES)
                raise OptionError(f"There is no option {name!r}: use one of {allowed}.")
        model = _member("model", given.get("model", Model.TWO_STEMS), Model)
        codec = _member("codec", given.get("codec", Codec.WAV), Codec)
        return cls(
            model=model,
            stems=_stems(given.get("stems"), model),
            codec=codec,
            bitrate=_bitrate(given.get("bitrate"), codec),
            bit_depth=_bit_depth(given.get("bit_depth"), codec),
            offset_s=_seconds("offset_s", given.get("offset_s", 0.0), at_least=0.0),
            duration_s=_duration_s(given.get("duration_s")),
            residual=_flag("residual", given.get("residual", False)),
            zip=_flag("zip", given.get("zip", False)),
            quality=_member("quality", given.get("quality", Quality.SPLEETER), Quality),
            clip=_member("clip", given.get("clip", Clip.KEEP), Clip),
        )

    @property
    def outputs(self) -> tuple[str, ...]:
        """Return the names of all stems that are written, the residual last."""
        return (*self.stems, RESIDUAL) if self.residual else self.stems

    def to_json(self) -> dict[str, object]:
        """Return the options as JSON values; `parse` is the inverse.

        What would change nothing isn't written: a bitrate of wav, and the defaults of LATER.
        """
        fields = asdict(self) | {"stems": list(self.stems)}
        return {
            name: value
            for name, value in fields.items()
            if value is not None and value != LATER.get(name)
        }


OPTION_NAMES = tuple(Options.__dataclass_fields__)
# Options that came after the first records and entries of the content index, with their defaults.
# Those know nothing of them, and have to stay equal to what is written today.
LATER: dict[str, object] = {"quality": Quality.SPLEETER, "clip": Clip.KEEP}

Member = TypeVar("Member", bound=StrEnum)


def _member(name: str, value: object, members: type[Member]) -> Member:
    return members(_choice(name, value, tuple(members)))


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
    low, high = BITRATE_RANGE_KBPS
    match = re.fullmatch(r"(\d{1,4})k", text, re.ASCII)
    if match is None or not low <= int(match[1]) <= high:
        raise OptionError(f"bitrate can't be {value!r}: use {low}k to {high}k, such as 192k.")
    return None if codec.bit_depths else f"{int(match[1])}k"


def _bit_depth(value: object, codec: Codec) -> str | None:
    if value is None:
        return codec.bit_depths[0] if codec.bit_depths else None
    if not codec.bit_depths:
        raise OptionError(f"{codec} has no bit depth: leave bit_depth out, or use wav or flac.")
    return _choice("bit_depth", str(value), codec.bit_depths)


def _seconds(name: str, value: object, at_least: float) -> float:
    try:
        seconds = float(value)  # type: ignore[arg-type]  # whatever it is, it is a number or refused
    except (TypeError, ValueError, OverflowError):
        seconds = math.nan
    if isinstance(value, bool) or not at_least <= seconds < MAX_SECONDS:
        raise OptionError(f"{name} can't be {value!r}: use seconds, such as 30 or 7.5.")
    return seconds + 0.0  # equal options are written alike, so -0.0 becomes 0.0


def _duration_s(value: object) -> float | None:
    if value is None:
        return None
    seconds = _seconds("duration_s", value, at_least=0.0)
    if seconds == 0:
        raise OptionError("duration_s can't be 0: leave it out to separate the whole song.")
    return seconds


def _flag(name: str, value: object) -> bool:
    text = str(value).lower()
    if text not in {"true", "false"}:
        raise OptionError(f"{name} can't be {value!r}: use true or false.")
    return text == "true"
