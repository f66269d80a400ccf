"""Bring any number of channels to two."""

import re

from stemdrop.errors import NotAudioError

# What the left side gets of each channel that belongs to it; the right side is its mirror image.
# -3 dB for what comes from the sides, the back and above, as in Recommendation ITU-R BS.775.
_LEFT = {
    **dict.fromkeys(("FL", "FLC"), 1.0),
    **dict.fromkeys(("BL", "SL", "WL", "SDL", "TFL", "TSL", "TBL", "BFL"), 0.707107),
}
_MIDDLE = dict.fromkeys(("BC", "TC", "TFC", "TBC", "BFC"), 0.5)
_LEFT_OUT = {"LFE", "LFE2"}
# Layouts that ffmpeg assumes, and their channels in order.
_ASSUMED = {
    "2.1": "left, right, bass effects",
    "4.0": "left, right, center, back",
    "5.0": "left, right, center, back left, back right",
    "5.1": "left, right, center, bass effects, back left, back right",
    "6.1": "left, right, center, bass effects, back, side left, side right",
    "7.1": "left, right, center, bass effects, back left, back right, side left, side right",
}
_UNNAMED = re.compile(r"(ambisonic .*|\d+ channels)?")
_NAMED = re.compile(r"\d+ channels \((.+)\)")


def to_stereo(channels: int, layout: str) -> str:
    """Return the ffmpeg filter that makes stereo of a song.

    Mono goes into both channels as it is, where ffmpeg by itself takes 3 dB off. Two channels stay
    as they are, whatever they are called. Of more, left and right keep their level, the center goes
    into both at -3 dB, so that it sounds as loud as before, and so do sides, back and height on
    their side; the bass effects channel (LFE) is left out. Nothing is scaled to prevent a sum
    beyond full scale: samples are floats, so it isn't cut off, and a song in which only the front
    plays keeps its level.

    Since channels are named, the filter stays right if mono, stereo and surround take turns.

    Parameters
    ----------
    channels : Number of channels at the song's start.
    layout : Name of their layout in ffmpeg.

    Raises
    ------
    NotAudioError : The song has more than two channels with unknown positions.
    """
    if layout in {"mono", "stereo"}:
        return _by_name(center=1.0)
    if channels <= 2:
        # By number, since one or two channels may claim to be anything, such as left and back.
        return f"channelmap=map=0|{channels - 1}:channel_layout=stereo"
    if not _has_known_places(layout):
        raise NotAudioError(
            f"The song has {channels} channels, and doesn't say which is left and which is right:"
            " mix it down to stereo first."
        )
    return f"aformat=sample_fmts=fltp,{_by_name(center=0.707107)}"


def describe_assumption(channels: int, layout: str) -> str:
    """Say where the channels of a song are taken to be that doesn't say it."""
    places = f"{layout} ({_ASSUMED[layout]})" if layout in _ASSUMED else layout
    return (
        f"The song has {channels} channels, and doesn't say where they belong: they are taken as"
        f" {places}. If that is wrong, mix it down to stereo first."
    )


def _by_name(center: float) -> str:
    middle = {"FC": center} | _MIDDLE
    right = {_mirrored(name): gain for name, gain in _LEFT.items()}
    sides = {"FL": _LEFT | middle, "FR": right | middle}
    sums = (
        side + "=" + "+".join(f"{gain}*{name}" for name, gain in gains.items())
        for side, gains in sides.items()
    )
    return "|".join(("pan=stereo", *sums))


def _mirrored(name: str) -> str:
    return name.translate(str.maketrans("L", "R"))


def _has_known_places(layout: str) -> bool:
    if _UNNAMED.fullmatch(layout):
        return False
    named = _NAMED.fullmatch(layout)
    names = {name.partition("@")[0] for name in named[1].split("+")} if named else set()
    known = {"FC", *_LEFT, *map(_mirrored, _LEFT), *_MIDDLE, *_LEFT_OUT}
    return names <= known
