"""Output paths of the command line: Spleeter's filename format, checked before any work."""

import re
import string
import sys
from collections.abc import Iterable
from pathlib import Path

from stemdrop.errors import OptionError
from stemdrop.options import Options

PLACEHOLDERS = ("filename", "instrument", "foldername", "codec")
DEFAULT_FORMAT = "{filename}/{instrument}.{codec}"

# Source: "Naming Files, Paths, and Namespaces" of the Windows documentation.
_INVALID_ON_WINDOWS = re.compile(
    r'[\x00-\x1f<>:"/\\|?*]|[. ]+$|^(?=(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$))', re.IGNORECASE
)

Targets = dict[Path, dict[str, Path]]


def name_targets(songs: Iterable[Path], folder: Path, layout: str, options: Options) -> Targets:
    """Return the path of every stem of every song.

    Parameters
    ----------
    layout : Format with PLACEHOLDERS, as in Spleeter's --filename_format.

    Raises
    ------
    OptionError : A placeholder is unknown, a stem would not be inside of the folder, two stems
        would get the same path, or a stem that of a song.
    """
    _require_known(layout)
    songs = tuple(songs)
    taken = {song.resolve(): f"the song {song}" for song in songs}
    targets: Targets = {}
    for song in songs:
        targets[song] = {
            stem: folder / _path(layout, song, stem, options) for stem in options.outputs
        }
        for stem, path in targets[song].items():
            if path.resolve() in taken:
                raise OptionError(
                    f"{stem} of {song} would be written over {taken[path.resolve()]}: {path}. "
                    "Use {instrument}, {filename} or {foldername} in --filename_format."
                )
            taken[path.resolve()] = f"{stem} of {song}"
    return targets


def windows_name(name: str) -> str:
    """Return a name, such as one of a server, as Windows accepts it for a file or folder."""
    return _INVALID_ON_WINDOWS.sub("_", name)


def _require_known(layout: str) -> None:
    try:
        parts = list(string.Formatter().parse(layout))
    except ValueError as error:
        raise OptionError(f"--filename_format {layout!r} can't be read: {error}.") from error
    for _, field, specification, conversion in parts:
        if field is None:
            continue
        if field not in PLACEHOLDERS or specification or conversion:
            allowed = ", ".join(f"{{{name}}}" for name in PLACEHOLDERS)
            more = f"!{conversion}" if conversion else f":{specification}" if specification else ""
            raise OptionError(f"--filename_format has no {{{field}{more}}}: use {allowed}.")


def _path(layout: str, song: Path, stem: str, options: Options) -> Path:
    path = Path(
        layout.format(
            filename=windows_name(song.stem) if sys.platform == "win32" else song.stem,
            instrument=stem,
            foldername=song.resolve().parent.name,
            codec=options.codec,
        )
    )
    # A song may be called "...mp3", and one in the root has a folder without a name.
    if path.anchor or ".." in path.parts or not path.parts:
        raise OptionError(f"{stem} of {song} would not be inside of the output folder: {path}.")
    return path
