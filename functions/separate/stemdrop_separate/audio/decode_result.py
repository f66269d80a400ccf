"""The verdict on a decoded song: right, right with warnings, or an error."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from stemdrop.errors import EmptyAudioError, NotAudioError, TimedOutError, TransientError

# Durations are rounded, and encoders pad: a difference up to this is no damage.
_TOLERANCE_S, _TOLERANCE = 0.5, 0.005
_TRANSIENT = re.compile(r"Cannot allocate memory|Resource temporarily unavailable")


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
    is_late : Whether the deadline ended ffmpeg.
    is_closed : Whether the caller ended ffmpeg.
    """

    exit_code: int
    message: str
    decoded_s: float
    offset_s: float = 0.0
    announced_s: float | None = None
    file_duration_s: float | None = None
    is_late: bool = False
    is_closed: bool = False


def check_decoding(result: DecodeResult) -> tuple[str, ...]:
    """Return warnings about a song that was decoded nevertheless, such as one that is cut short.

    Raises
    ------
    TimedOutError : The deadline passed.
    TransientError : ffmpeg was ended from outside.
    NotAudioError : ffmpeg can't decode the song.
    EmptyAudioError : No sample came out.
    """
    code, message = result.exit_code, result.message
    if result.is_late:
        raise TimedOutError(
            "The song was not decoded in time: choose a part of it with duration_s, or give"
            " the function more time."
        )
    if result.is_closed:
        raise TransientError("Decoding was stopped before the song's end.")
    if code < 0 or (code and _TRANSIENT.search(message)):
        raise TransientError(f"ffmpeg stopped decoding: {message or f'signal {-code}'}.")
    if code or (message and not result.decoded_s):
        raise NotAudioError(f"The song can't be decoded: {message or f'ffmpeg says {code}'}.")
    if not result.decoded_s:
        raise EmptyAudioError(
            f"No sound is left: the song ends before {result.offset_s:g} s."
            if result.offset_s
            else "The file has no sound in it: not one sample."
        )
    return tuple(_warnings(result))


def _warnings(result: DecodeResult) -> Iterator[str]:
    least_s = (result.announced_s or 0.0) * (1 - _TOLERANCE) - _TOLERANCE_S
    if result.decoded_s < least_s:
        yield (
            f"The sound ends after {result.offset_s + result.decoded_s:.1f} s,"
            f" although the file announces {result.file_duration_s:.1f} s."
        )
    if result.message:
        yield f"Parts of the file can't be read: {result.message}."
