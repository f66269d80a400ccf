"""Values of options, parsed from text or JSON. Each function raises an OptionError."""

import math
import re
from enum import StrEnum
from string import Formatter
from typing import Any

from stemdrop.codecs import Codec
from stemdrop.errors import OptionError
from stemdrop.lyrics_languages import LANGUAGES
from stemdrop.models import Model

DEFAULT_BITRATE = "192k"
BITRATE_RANGE_KBPS = LOW_KBPS, HIGH_KBPS = (64, 320)
MAX_SECONDS = 1e6
TITLE_PLACEHOLDERS = ("title", "artist", "album", "stem")
_PLAIN_PARTS = {(name, "", None) for name in TITLE_PLACEHOLDERS}
DEFAULT_TITLE = "{title} ({stem})"
LONGEST_TITLE_FORMAT = 100
STEM_FILE_CODECS = (Codec.M4A, Codec.ALAC)
STEMS_OF_STEM_FILE = 4
TRACK = re.compile("^([1-9][0-9]?|[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*)$")


def parse_value(name: str, value: object, default: Any) -> Any:
    """Return a value of the type that the option's default has."""
    if isinstance(default, StrEnum):
        return type(default)(_choice(name, value, tuple(type(default))))
    if isinstance(default, str):
        return _title_format(value)
    if isinstance(default, bool):
        return _flag(name, value)
    return _seconds(name, value)


def _choice(name: str, value: object, allowed: tuple[str, ...]) -> str:
    text = str(value)  # JSON has numbers
    if text not in allowed:
        raise OptionError(f"{name} can't be {value!r}: use one of {', '.join(allowed)}.")
    return text


def parse_stems(value: object, model: Model) -> tuple[str, ...]:
    """Return names of stems, separated in text by commas, spaces or plus signs, in order."""
    if value is None:
        return model.instruments
    names = re.split(r"[,+ ]+", value) if isinstance(value, str) else value
    if not isinstance(names, list | tuple) or not names:
        raise OptionError(f"stems can't be {value!r}: name some of {', '.join(model.instruments)}.")
    wanted = {_choice("stems", str(name).strip(), model.instruments) for name in names}
    return tuple(stem for stem in model.instruments if stem in wanted)


def parse_bitrate(value: object, codec: Codec) -> str | None:
    """Return a bitrate such as ``192k``; None for a lossless codec."""
    text = DEFAULT_BITRATE if value is None else str(value).lower()
    match = re.fullmatch(r"(\d{1,4})k", text, re.ASCII)
    if match is None or not LOW_KBPS <= int(match[1]) <= HIGH_KBPS:
        raise OptionError(
            f"bitrate can't be {value!r}: use {LOW_KBPS}k to {HIGH_KBPS}k, such as 192k."
        )
    return None if codec.bit_depths else f"{int(match[1])}k"


def parse_bit_depth(value: object, codec: Codec) -> str | None:
    """Return a bit depth of the codec; None for a lossy one."""
    if value is None:
        return codec.bit_depths[0] if codec.bit_depths else None
    if not codec.bit_depths:
        raise OptionError(
            f"{codec} has no bit depth: leave bit_depth out, or use a lossless format such as wav."
        )
    return _choice("bit_depth", str(value), codec.bit_depths)


def require_lossless(sample_rate: str, codec: Codec) -> None:
    """Refuse the song's own sample rate in formats that don't have every rate."""
    if sample_rate == "source" and not codec.bit_depths:
        lossless = ", ".join(codec for codec in Codec if codec.bit_depths)
        raise OptionError(f"sample_rate can't be 'source' with {codec}: use one of {lossless}.")


def require_stem_file_fits(codec: Codec, outputs: tuple[str, ...], channels: str) -> None:
    """Refuse what a stem file can't hold: it has four stereo stems, as AAC or ALAC."""
    if codec not in STEM_FILE_CODECS:
        allowed = " or ".join(STEM_FILE_CODECS)
        raise OptionError(f"stem_file can't be true with {codec}: use {allowed} as the codec.")
    if len(outputs) != STEMS_OF_STEM_FILE:
        raise OptionError(
            f"stem_file needs {STEMS_OF_STEM_FILE} stems, not {len(outputs)}: use the model 4stems,"
            " or choose four stems."
        )
    if channels == "source":
        raise OptionError("stem_file can't be true with mono stems: leave channels out.")


def _seconds(name: str, value: object) -> float:
    try:
        seconds = float(value)  # type: ignore[arg-type]  # whatever it is, it is a number or refused
    except (TypeError, ValueError, OverflowError):
        seconds = math.nan
    if isinstance(value, bool) or not 0 <= seconds < MAX_SECONDS:
        raise OptionError(f"{name} can't be {value!r}: use seconds, such as 30 or 7.5.")
    return seconds + 0.0  # equal options are written alike, so -0.0 becomes 0.0


def parse_duration_s(value: object) -> float | None:
    """Return seconds; None for the rest of the song."""
    if value is None:
        return None
    seconds = _seconds("duration_s", value)
    if seconds == 0:
        raise OptionError("duration_s can't be 0: leave it out to separate the whole song.")
    return seconds


def parse_track(value: object) -> str | None:
    """Return the number or the language of a track; None for the default one."""
    if value is None:
        return None
    if isinstance(value, bool) or not TRACK.fullmatch(text := str(value)):
        raise OptionError(
            f"track can't be {value!r}: use a number from 1, or a language such as eng."
        )
    return text.lower()


def parse_language(value: object, *, lyrics: bool) -> str | None:
    """Return the language of the lyrics; None if it has to be detected."""
    if value is None:
        return None
    if not lyrics:
        raise OptionError("language is that of the lyrics: use it together with lyrics=true.")
    if not isinstance(value, str) or value not in LANGUAGES:
        raise OptionError(f"language can't be {value!r}: use a code of ISO 639, such as en.")
    return value


def _title_format(value: object) -> str:
    """Return a format of titles with TITLE_PLACEHOLDERS in braces."""
    allowed = ", ".join(f"{{{name}}}" for name in TITLE_PLACEHOLDERS)
    hint = f"use up to {LONGEST_TITLE_FORMAT} characters with {allowed}"
    text = value if isinstance(value, str) else ""
    try:
        parts = [part[1:] for part in Formatter().parse(text) if part[1] is not None]
    except ValueError as error:
        raise OptionError(f"title_format {value!r} can't be read ({error}): {hint}.") from error
    is_fit = 0 < len(text) <= LONGEST_TITLE_FORMAT and text.isprintable()
    if not is_fit or any(part not in _PLAIN_PARTS for part in parts):
        raise OptionError(f"title_format can't be {value!r}: {hint}.")
    return text


def _flag(name: str, value: object) -> bool:
    text = str(value).lower()
    if text not in {"true", "false"}:
        raise OptionError(f"{name} can't be {value!r}: use true or false.")
    return text == "true"
