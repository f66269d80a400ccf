"""Title, artist and album: read from a song, written into its stems."""

import re
import unicodedata
from dataclasses import dataclass

LONGEST_TAG = 200
_ENTRY = re.compile(r"^((?:[^\\=\n]|\\.)+)=((?:[^\\\n]|\\.)*)$", re.MULTILINE | re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
# Control characters, surrogates, unassigned code points, ends of lines and of paragraphs.
_UNFIT = {"Cc", "Cs", "Cn", "Zl", "Zp"}


@dataclass(frozen=True, slots=True)
class Tags:
    """What a song says about itself; an empty text where it says nothing."""

    title: str = ""
    artist: str = ""
    album: str = ""


def parse_tags(ffmetadata: str) -> Tags:
    r"""Read the tags out of what ffmpeg's ``ffmetadata`` format says of a file and of one stream.

    The file's own come first; some formats, such as Ogg, have the stream's only. In keys and values
    a backslash stands before ``=``, ``;``, ``#``, ``\`` and the end of a line.
    """
    found: dict[str, str] = {}
    for entry in _ENTRY.finditer(ffmetadata):
        name = entry[1].strip().lower()
        value = clean(_ESCAPED.sub(r"\1", entry[2]))
        if value and name in Tags.__dataclass_fields__:
            found.setdefault(name, value)
    return Tags(**found)


def metadata_arguments(tags: Tags, stem: str) -> list[str]:
    """Return ffmpeg's arguments that tag a stem, its name in brackets behind the song's title."""
    title = clean(tags.title)
    values = {
        "title": f"{title} ({stem})" if title else stem,
        "artist": clean(tags.artist),
        "album": clean(tags.album),
    }
    pairs = [f"{name}={value}" for name, value in values.items() if value]
    return ["-map_metadata", "-1", *(part for pair in pairs for part in ("-metadata", pair))]


def clean(text: str) -> str:
    """Make one line of untrusted text, without control characters, cut at `LONGEST_TAG`."""
    fit = "".join(" " if unicodedata.category(char) in _UNFIT else char for char in text)
    return " ".join(fit.split())[:LONGEST_TAG].rstrip()
