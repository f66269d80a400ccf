"""The verdict on a decoded song: right, right with warnings, or an error."""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass

from stemdrop.errors import (
    DamagedError,
    EmptyAudioError,
    NotAudioError,
    TimedOutError,
    TransientError,
)

# Durations are rounded, and encoders pad: a difference up to this is no damage.
_TOLERANCE_S, _TOLERANCE = 0.5, 0.005
_MOST_SPANS = 4
_TRANSIENT = re.compile(r"Resource temporarily unavailable")
# Of Ogg streams that are chained.
_OTHER_FORMAT = re.compile(r"(Sample rate|Channel) change is not supported")
_TOO_MUCH_MEMORY = re.compile(r"Cannot allocate memory")


@dataclass(frozen=True, slots=True)
class DecodeResult:
    """State of a decoder whose ffmpeg has ended.

    Attributes
    ----------
    exit_code : Exit code of ffmpeg; negative for a signal.
    message : ffmpeg's error message; empty if there is none.
    decoded_s : Seconds of sound that came out.
    offset_s : Seconds that were left out at the start.
    announced_s : Seconds that should come out; None if the file doesn't say.
    file_duration_s : Seconds of the whole file; None if the file doesn't say.
    is_sound_alone : Whether that is the duration of the sound; a video may be longer than it.
    holes_s : Start and end, in seconds of the song, of silence in place of missing sound.
    stopped_early : Whether ffmpeg stopped reading the file before its end.
    is_late : Whether the deadline ended ffmpeg.
    """

    exit_code: int
    message: str
    decoded_s: float
    offset_s: float = 0.0
    announced_s: float | None = None
    file_duration_s: float | None = None
    is_sound_alone: bool = True
    holes_s: tuple[tuple[float, float], ...] = ()
    stopped_early: bool = False
    is_late: bool = False


def check_decoding(result: DecodeResult) -> tuple[str, ...]:
    """Return warnings about sound that is missing: at the song's end, or in the middle.

    ffmpeg's messages alone are no reason for one: it reports broken covers and tags, too.

    Raises
    ------
    TimedOutError : The deadline passed.
    TransientError : ffmpeg was ended from outside.
    NotAudioError : ffmpeg can't decode the song.
    EmptyAudioError : No sample came out.
    DamagedError : More than half of the song is missing.
    """
    _require_decoded(result)
    missing_s = _cut_off_s(result) + sum(end_s - start_s for start_s, end_s in result.holes_s)
    whole_s = result.decoded_s + _cut_off_s(result)
    # Nothing is damaged where a recording was paused.
    if missing_s > whole_s / 2 and (result.message or _cut_off_s(result)):
        raise DamagedError(
            f"{missing_s:.1f} of {whole_s:.1f} s of the sound can't be decoded:"
            " the file is damaged or cut short, so export or upload it again."
        )
    return tuple(_warnings(result))


def _require_decoded(result: DecodeResult) -> None:
    code, message = result.exit_code, result.message
    if result.is_late:
        raise TimedOutError(
            "The song was not decoded in time: choose a part of it with duration_s, or give"
            " the function more time."
        )
    if code < 0 or (code and _TRANSIENT.search(message)):
        raise TransientError(f"ffmpeg stopped decoding: {message or f'signal {-code}'}.")
    if code or (message and not result.decoded_s):
        raise _refusal(code, message)
    if not result.decoded_s:
        raise EmptyAudioError(
            f"No sound is left: the song ends before {result.offset_s:g} s."
            if result.offset_s
            else "The file has no sound in it: not one sample."
        )
    if result.stopped_early and _OTHER_FORMAT.match(message):
        raise NotAudioError(
            "The file has several recordings with different sample rates or channels one after the"
            " other: split it, or export it as one recording."
        )


def _refusal(code: int, message: str) -> NotAudioError:
    if _TOO_MUCH_MEMORY.search(message):
        return NotAudioError(
            "Decoding the file takes more memory than any song needs: the file is damaged or not a"
            " song, so export it again."
        )
    return NotAudioError(f"The song can't be decoded: {message or f'ffmpeg says {code}'}.")


def _cut_off_s(result: DecodeResult) -> float:
    """Return the seconds that are missing at the song's end."""
    if result.announced_s is None or not (result.is_sound_alone or result.message):
        return 0.0
    least_s = result.announced_s * (1 - _TOLERANCE) - _TOLERANCE_S
    return result.announced_s - result.decoded_s if result.decoded_s < least_s else 0.0


def _warnings(result: DecodeResult) -> Iterator[str]:
    if result.holes_s:
        missing_s = sum(end_s - start_s for start_s, end_s in result.holes_s)
        spans = [f"{start_s:.2f} to {end_s:.2f} s" for start_s, end_s in result.holes_s]
        if len(spans) > _MOST_SPANS:
            spans = [*spans[: _MOST_SPANS - 1], "…", spans[-1]]
        yield (
            f"{missing_s:.2f} s of the sound is missing, and the stems are silent there:"
            f" {', '.join(spans)}."
        )
    if _cut_off_s(result):
        yield (
            f"The sound ends after {result.offset_s + result.decoded_s:.1f} s,"
            f" although the file announces {result.file_duration_s:.1f} s."
        )
    elif result.stopped_early and result.decoded_s < (result.announced_s or math.inf):
        yield (
            f"The file can't be read beyond {result.offset_s + result.decoded_s:.1f} s:"
            f" {result.message}."
        )
