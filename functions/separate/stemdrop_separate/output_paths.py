"""Output paths of the command line: Spleeter's filename format, checked before any work."""

import os
import re
import string
import sys
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path

from stemdrop.codecs import Codec
from stemdrop.errors import OptionError
from stemdrop.keys import STEM_FILE_SUFFIX
from stemdrop.lyrics import LyricsFormat
from stemdrop.options import STEM_FILE, Options

PLACEHOLDERS = (
    *("filename", "instrument", "foldername", "codec"),  # Spleeter's
    *("parent", "extension", "index"),
)
DEFAULT_FORMAT = "{filename}/{instrument}.{codec}"
_LYRICS = "lyrics"
# What tells songs apart that a format gives the same paths, the nicest first.
_DISTINCTIONS = ("{parent}/", "{extension}/", "{parent}/{extension}/", "{index} ")
LONGEST_NAME_BYTES = 255
LONGEST_PATH_BYTES = 4095

# Source: "Naming Files, Paths, and Namespaces" of the Windows documentation.
_INVALID_ON_WINDOWS = re.compile(
    r'[\x00-\x1f<>:"/\\|?*]|[. ]+$|^(?=(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$))', re.IGNORECASE
)

Targets = dict[Path, dict[str, Path]]


def number(songs: Sequence[Path]) -> dict[Path, str]:
    """Return the index of each song, from 1, with as many digits as the last one has."""
    digits = len(str(len(songs)))
    return {song: f"{index:0{digits}}" for index, song in enumerate(songs, 1)}


def name_targets(
    songs: Sequence[Path],
    folder: Path,
    layout: str,
    options: Options,
    indexes: Mapping[Path, str] | None = None,
) -> Targets:
    """Return the path of every stem of every song, and of its lyrics; see `take_lyrics`.

    Parameters
    ----------
    layout : Format with PLACEHOLDERS, as in Spleeter's --filename_format.
    indexes : Song to index; those of `number` by default.

    Raises
    ------
    OptionError : A placeholder is unknown, a stem would not be inside of the folder, a path is too
        long or has another suffix than the codec's, two stems would get the same path, or a stem
        that of a song. Paths that differ only in case are the same, as on macOS and Windows.
    """
    _require_known(layout)
    if len(set(songs)) < len(songs):
        raise OptionError("A song is given twice: its stems would be written over each other.")
    targets = _named(folder, layout, options, indexes or number(songs))
    taken = {path_on_disk(song): (song, f"the song {song}") for song in songs}
    for song, paths in targets.items():
        for stem, path in paths.items():
            other, what = taken.setdefault(path_on_disk(path), (song, f"{stem} of {song}"))
            if what == f"{stem} of {song}":
                continue
            advice = "put {instrument} into filename_format"
            if other != song and (found := _distinct(songs, folder, layout, options)):
                advice = f"use filename_format '{found}'"
            raise OptionError(f"{stem} of {song} would be written over {what}: {path}; {advice}.")
    return targets


def _named(folder: Path, layout: str, options: Options, indexes: Mapping[Path, str]) -> Targets:
    targets = {}
    for song, index in indexes.items():
        paths = {stem: _path(layout, song, stem, options, index) for stem in options.outputs}
        if options.stem_file:
            # Its name has the song's, for the lists of DJ programs.
            name = "stems" if "{filename}" in Path(layout).name else _filename(song)
            path = _path(layout, song, name, options, index)
            paths[STEM_FILE] = with_suffix(path, STEM_FILE_SUFFIX, options)
        for kind in LyricsFormat if options.lyrics else ():
            path = _path(layout, song, _LYRICS, options, index)
            paths[kind.filename] = with_suffix(path, f".{kind}", options)
        for stem, path in paths.items():
            _require_short(path, stem, song)
        targets[song] = {stem: folder / path for stem, path in paths.items()}
    return targets


def take_lyrics(paths: dict[str, Path]) -> dict[LyricsFormat, Path]:
    """Remove the paths of the lyrics from those of a song, and return them."""
    return {kind: paths.pop(kind.filename) for kind in LyricsFormat if kind.filename in paths}


def with_suffix(path: Path, suffix: str, options: Options) -> Path:
    """Return the path of a stem with another suffix, such as ``.zip``, than the codec's."""
    return path.with_name(path.name.removesuffix(f".{options.codec.suffix}") + suffix)


def _distinct(songs: Sequence[Path], folder: Path, layout: str, options: Options) -> str | None:
    """Return a format that gives all songs paths of their own, if there is one."""
    kept = {path_on_disk(song) for song in songs}
    for distinction in _DISTINCTIONS:
        targets = _named(folder, distinction + layout, options, number(songs))
        paths = [path_on_disk(path) for stems in targets.values() for path in stems.values()]
        if len(set(paths)) == len(paths) and not kept & set(paths):
            return distinction + layout
    return None


def path_on_disk(path: Path) -> str:
    """Return what a path is called on a disk that doesn't tell upper from lower case."""
    return unicodedata.normalize("NFC", os.path.realpath(path)).casefold()


def require_file(song: Path) -> None:
    """Refuse what isn't a file, or can't be read.

    Raises
    ------
    OptionError : It is a folder, a pipe or a device, there is nothing, or access is denied.
    """
    if os.path.isdir(song):
        raise OptionError("It is a folder: name the songs in it.")
    if os.path.exists(song) and not os.path.isfile(song):
        raise OptionError(
            "It is a pipe or a device: save it as a file, or use `stemdrop separate -` and standard"
            " input."
        )
    try:
        with song.open("rb"):
            pass
    except (FileNotFoundError, NotADirectoryError) as error:
        raise OptionError("There is no such file.") from error
    except OSError as error:
        raise OptionError(f"The file can't be read: {error.strerror}.") from error


def windows_name(name: str) -> str:
    """Return a name, such as one of a server, as Windows accepts it for a file or folder."""
    return _INVALID_ON_WINDOWS.sub("_", name)


def _require_known(layout: str) -> None:
    try:
        parts = list(string.Formatter().parse(layout))
    except ValueError as error:
        raise OptionError(f"filename_format {layout!r} can't be read: {error}.") from error
    for _, field, specification, conversion in parts:
        if field is None:
            continue
        if field not in PLACEHOLDERS or specification or conversion:
            allowed = ", ".join(f"{{{name}}}" for name in PLACEHOLDERS)
            more = f"!{conversion}" if conversion else f":{specification}" if specification else ""
            raise OptionError(f"filename_format has no {{{field}{more}}}: use {allowed}.")


def _filename(song: Path) -> str:
    return windows_name(song.stem) if sys.platform == "win32" else song.stem


def _path(layout: str, song: Path, stem: str, options: Options, index: str) -> Path:
    parent = Path(os.path.realpath(song)).parent.name
    path = Path(
        layout.format(
            filename=_filename(song),
            instrument=stem,
            foldername=parent,
            codec=options.codec.suffix,
            parent=parent,
            extension=song.suffix.removeprefix("."),
            index=index,
        )
    )
    # A song may be called "...mp3", and one in the root has a folder without a name.
    if path.anchor or ".." in path.parts or not path.parts:
        raise OptionError(f"{stem} of {song} would not be inside of the output folder: {path}.")
    _require_suffix(path, options.codec)
    return path


def _require_suffix(path: Path, codec: Codec) -> None:
    """Refuse a name that would have ffmpeg write another container, or none."""
    if path.name.lower().endswith(f".{codec.suffix}"):
        return
    other = path.suffix.lower().removeprefix(".")
    choice = f", or use codec={other}" if other in set(Codec) - {codec} else ""
    raise OptionError(
        f"{path.name!r} can't be the name of a stem as {codec}: end filename_format with"
        f" .{{codec}}{choice}."
    )


def _require_short(path: Path, stem: str, song: Path) -> None:
    longest = max(len(os.fsencode(part)) for part in path.parts)
    if longest > LONGEST_NAME_BYTES or len(os.fsencode(path)) > LONGEST_PATH_BYTES:
        raise OptionError(
            f"The path of {stem} of {song} would be too long: names may have"
            f" {LONGEST_NAME_BYTES} bytes, so use a shorter filename_format, or rename the song."
        )
