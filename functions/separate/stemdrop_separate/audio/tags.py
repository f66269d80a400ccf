r"""Tags and chapters: read from a song, written into its stems.

Both sides are ffmpeg's ``ffmetadata`` text: lines of ``key=value`` in which a backslash stands
before ``=``, ``;``, ``#``, ``\`` and the end of a line, and sections such as ``[CHAPTER]``.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

LONGEST_TAG = 200
LONGEST_TEXT = 20_000
MOST_TAGS = 100
MOST_CHAPTERS = 500
# Tags of several lines.
_TEXTS = {"comment", "lyrics"}
# Names of ID3, iTunes, Windows Media and Vorbis comments that ffmpeg doesn't unify.
_SAME = {
    **dict.fromkeys(("tbpm", "tmpo", "wm/beatsperminute"), "bpm"),
    **dict.fromkeys(("tkey", "initialkey", "wm/initialkey"), "key"),
    **dict.fromkeys(("unsyncedlyrics", "uslt", "wm/lyrics"), "lyrics"),
}
# What describes the file or the sound of the song, and isn't true of a stem.
_DROPPED = re.compile(
    r"replaygain_.*|r128_.*|itun.*|encod.*|tsse|tlen|duration|.*_brands?|minor_version|mp3gain_.*"
    r"|creation_time|handler_name|vendor_id|gapless.*|accuraterip.*|cuesheet|acoustid_fingerprint"
    r"|metadata_block_picture|coverart.*|chapter\d+.*|id3v2_priv\..*|_statistics.*|bps|number_of_.*"
    r"|isvbr|wmfsdk.*|deviceconformance.*|wm/(media|wmcontent|unique|provider|encodingtime).*"
)
_TOKEN = re.compile(r"\\(.)|([^\\=\n]+)|(=)|(\n)", re.DOTALL)
# Control characters, surrogates, unassigned code points, ends of lines and of paragraphs.
_UNFIT = {"Cc", "Cs", "Cn", "Zl", "Zp"}
_ESCAPED = str.maketrans({char: f"\\{char}" for char in "=;#\\\n"})


@dataclass(frozen=True, slots=True)
class Chapter:
    """A chapter of a song, in seconds from the song's start."""

    start_s: float
    end_s: float
    title: str


@dataclass(frozen=True, slots=True)
class Tags:
    """What a song says about itself.

    Attributes
    ----------
    values : Name in lower case, as ffmpeg unifies it, to value.
    chapters : Chapters in the order of the file.
    """

    values: Mapping[str, str] = field(default_factory=dict)
    chapters: tuple[Chapter, ...] = ()

    @property
    def title(self) -> str:
        """Return the title, empty if there is none."""
        return self.values.get("title", "")

    def part(self, offset_s: float, duration_s: float | None) -> "Tags":
        """Return the tags of a part of the song, with the chapters on its own clock."""
        last_s = float("inf") if duration_s is None else duration_s
        moved = (
            Chapter(
                max(each.start_s - offset_s, 0.0), min(each.end_s - offset_s, last_s), each.title
            )
            for each in self.chapters
        )
        return Tags(self.values, tuple(each for each in moved if each.start_s < each.end_s))


def parse_tags(ffmetadata: str) -> Tags:
    """Read the tags of a file and of one stream, in linear time.

    The file's own tags come first; some formats, such as Ogg, have the stream's only.
    """
    values: dict[str, str] = {}
    chapters: list[Chapter] = []
    for section, entries in _sections(ffmetadata):
        if section == "[CHAPTER]":
            if len(chapters) < MOST_CHAPTERS and (chapter := _chapter(entries)):
                chapters.append(chapter)
            continue
        for key, value in entries:
            name = _unified(key)
            if (name, value) == ("language", "und"):
                continue
            if name and name not in values and len(values) < MOST_TAGS:
                fit = clean_text(value) if name in _TEXTS else clean(value)
                values |= {name: fit} if fit else {}
    return Tags(values, tuple(chapters))


def write_tags(
    tags: Tags, title: str, names: Mapping[str, str], more: Mapping[str, str] | None = None
) -> str:
    """Return a stem's tags as ``ffmetadata``.

    Parameters
    ----------
    title : Title of the stem.
    names : Names of the stem's format for what ffmpeg doesn't translate, such as ``bpm``.
    more : Tags to add, with the names of the format.
    """
    values = {names.get(name, name): value for name, value in tags.values.items() if value}
    lines = [";FFMETADATA1"]
    for name, value in (values | {"title": title} | dict(more or {})).items():
        lines.append(f"{name.translate(_ESCAPED)}={value.translate(_ESCAPED)}")
    for chapter in tags.chapters:
        start, end = (round(seconds * 1000) for seconds in (chapter.start_s, chapter.end_s))
        lines += ["[CHAPTER]", "TIMEBASE=1/1000", f"START={start}", f"END={end}"]
        lines.append(f"title={chapter.title.translate(_ESCAPED)}")
    return "\n".join(lines) + "\n"


def stem_title(layout: str, tags: Tags, name: str, stem: str) -> str:
    """Return the title of a stem.

    Parameters
    ----------
    layout : The option `title_format`.
    name : Name of the song's file, which is the title of a song without one.
    """
    values = tags.values
    parts = {
        "title": tags.title or clean(name),
        "artist": values.get("artist", ""),
        "album": values.get("album", ""),
        "stem": stem,
    }
    return clean(layout.format(**parts), LONGEST_TAG + len(layout) + len(stem)) or stem


def clean(text: str, longest: int = LONGEST_TAG) -> str:
    """Make one line of untrusted text, without control characters, and not too long."""
    return " ".join(_fit(text[: 4 * longest]).split())[:longest].rstrip()


def clean_text(text: str) -> str:
    """Make untrusted text fit, and keep its lines."""
    lines = text[:LONGEST_TEXT].replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return "\n".join(_fit(line).rstrip() for line in lines).strip()


def _fit(text: str) -> str:
    return "".join(" " if unicodedata.category(char) in _UNFIT else char for char in text)


def _unified(key: str) -> str | None:
    """Return the name of a tag that a stem gets, too."""
    name = clean(key).lower()
    name = "lyrics" if name.startswith("lyrics-") else _SAME.get(name, name)
    return None if not name or _DROPPED.fullmatch(name) else name


Entries = list[tuple[str, str]]


def _sections(ffmetadata: str) -> Iterator[tuple[str, Entries]]:
    section, entries = "", []
    for key, value in _lines(ffmetadata):
        if value is not None:
            entries.append((key, value))
        elif key.startswith("["):
            yield section, entries
            section, entries = key, []
    yield section, entries


def _lines(ffmetadata: str) -> Iterator[tuple[str, str | None]]:
    """Yield key and value of each line; the value is None in a line without one."""
    key: str | None = None
    parts: list[str] = []
    for token in _TOKEN.finditer(ffmetadata + "\n"):
        escaped, plain, equals, end = token.groups()
        if equals and key is None:
            key, parts = "".join(parts), []
        elif end:
            text = "".join(parts)
            yield (text, None) if key is None else (key, text)
            key, parts = None, []
        else:
            parts.append(escaped or plain or "=")


def _chapter(entries: Entries) -> Chapter | None:
    values = {key.lower(): value for key, value in entries}
    try:
        numerator, denominator = map(int, values["timebase"][:30].split("/"))
        start, end = (int(values[name][:30]) * numerator / denominator for name in ("start", "end"))
    except (KeyError, ValueError, ZeroDivisionError, OverflowError):
        return None
    return Chapter(start, end, clean(values.get("title", "")))
