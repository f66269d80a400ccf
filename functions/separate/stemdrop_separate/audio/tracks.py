"""The audio tracks of a file, and the choice of one."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from stemdrop.errors import OptionError
from stemdrop.job_record import Track
from stemdrop_separate.audio.tags import clean

# Tracks that a record and a message name. Files may have 1,000 tracks, and SNS takes 256 KB.
MAX_NAMED = 50
_STREAM = re.compile(
    r"^\[info\]   Stream #0:(\d+)(?:\[\w+\])?(?:\(([\w-]+)\))?: (\w+): (.*)\n"
    r"(?:\[info\]     Metadata:\n)?"
    r"(?:\[info\]       (?!title  )[^\n]*\n)*"
    r"(?:\[info\]       title           : ([^\n]*)\n)?",
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class CoverStream:
    """A cover in a file: number of its stream from 0, and ffmpeg's name of its codec."""

    stream: int
    codec: str


@dataclass(frozen=True, slots=True)
class Streams:
    """The streams of a file.

    Attributes
    ----------
    tracks : Audio tracks.
    cover : The first cover.
    is_sound_alone : Whether there is one track and nothing else but covers.
    """

    tracks: tuple[Track, ...]
    cover: CoverStream | None
    is_sound_alone: bool


def list_streams(log: str) -> Streams:
    """Read ffmpeg's description of a file."""
    tracks: list[Track] = []
    covers: list[CoverStream] = []
    has_video = False
    inputs, _, _ = log.partition("\n[info] Stream mapping:")
    for stream, language, kind, description, title in _STREAM.findall(inputs + "\n"):
        if kind == "Audio":
            number = len(tracks) + 1
            is_default = "(default)" in description
            tracks.append(Track(number, _known(language), clean(title) or None, is_default))
        elif kind == "Video" and "(attached pic)" in description:
            covers.append(CoverStream(int(stream), description.split()[0].rstrip(",")))
        elif kind == "Video":
            has_video = True
    return Streams(tuple(tracks), covers[0] if covers else None, not has_video and len(tracks) == 1)


def choose_track(tracks: Sequence[Track], wanted: str | None) -> Track:
    """Return the wanted track: by number or language, else the default one, else the first.

    Raises
    ------
    OptionError : There is no such track.
    """
    if wanted is None:
        return next((track for track in tracks if track.is_default), tracks[0])
    for track in tracks:
        language = (track.language or "").lower()
        if wanted.lower() in {str(track.number), language, language.partition("-")[0]}:
            return track
    offered = ", ".join(map(_described, tracks[:MAX_NAMED]))
    more = f", up to {len(tracks)}" if len(tracks) > MAX_NAMED else ""
    raise OptionError(f"The file has no audio track {wanted!r}: choose one of {offered}{more}.")


def _known(language: str) -> str | None:
    return None if language in {"", "und"} else language


def _described(track: Track) -> str:
    more = ", ".join(filter(None, (track.language, track.title)))
    return f"{track.number} ({more})" if more else str(track.number)
