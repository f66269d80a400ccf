"""Where the command line writes stems: Spleeter's filename format, checked before any work."""

import string
from collections.abc import Iterable
from pathlib import Path

from stemdrop.errors import OptionError
from stemdrop.options import Options

PLACEHOLDERS = ("filename", "instrument", "foldername", "codec")
DEFAULT_FORMAT = "{filename}/{instrument}.{codec}"

Targets = dict[Path, dict[str, Path]]


def name_targets(songs: Iterable[Path], folder: Path, layout: str, options: Options) -> Targets:
    """Return the path of every stem of every song.

    Parameters
    ----------
    layout : with the placeholders of PLACEHOLDERS, as in Spleeter's --filename_format.

    Raises
    ------
    OptionError : a placeholder is unknown, two stems would get the same path, or a stem that of
        a song.
    """
    _require_known(layout)
    songs = tuple(songs)
    taken = {song.resolve(): f"the song {song}" for song in songs}
    targets: Targets = {}
    for song in songs:
        targets[song] = {
            stem: folder / _format(layout, song, stem, options) for stem in options.outputs
        }
        for stem, path in targets[song].items():
            if path.resolve() in taken:
                raise OptionError(
                    f"{stem} of {song} would be written over {taken[path.resolve()]}: {path}. "
                    "Use {instrument}, {filename} or {foldername} in --filename_format."
                )
            taken[path.resolve()] = f"{stem} of {song}"
    return targets


def _require_known(layout: str) -> None:
    try:
        fields = [field for _, field, _, _ in string.Formatter().parse(layout) if field is not None]
    except ValueError as error:
        raise OptionError(f"--filename_format {layout!r} can't be read: {error}.") from error
    for field in fields:
        if field not in PLACEHOLDERS:
            allowed = ", ".join(f"{{{name}}}" for name in PLACEHOLDERS)
            raise OptionError(f"--filename_format has no {{{field}}}: use {allowed}.")


def _format(layout: str, song: Path, stem: str, options: Options) -> str:
    try:
        return layout.format(
            filename=song.stem,
            instrument=stem,
            foldername=song.resolve().parent.name,
            codec=options.codec,
        )
    except (ValueError, AttributeError) as error:
        raise OptionError(f"--filename_format {layout!r} can't be used: {error}.") from error
