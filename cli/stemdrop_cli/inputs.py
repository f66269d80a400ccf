"""The songs of a command: files, folders, patterns and standard input."""

import argparse
import glob
import os
import shutil
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import takewhile
from pathlib import Path
from tempfile import TemporaryDirectory

from stemdrop.errors import OptionError
from stemdrop_cli.errors import SongError
from stemdrop_separate.output_paths import require_file

STDIN = Path("-")
STDIN_NAME = "stdin"
# Suffixes of the audio formats in DEMUXERS of stemdrop_separate.audio.ffmpeg.
SUFFIXES = (
    "aac,ac3,aif,aifc,aiff,amr,ape,au,caf,dsf,dts,dtshd,eac3,flac,gsm,m4a,m4b,mka,mlp,mp2,mp3,mpc,"
    "oga,ogg,oma,opus,qoa,ra,shn,snd,spx,tak,thd,tta,voc,vqf,w64,wav,weba,wma,wv"
)


def add_song_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that name songs."""
    kinds = "a file, a folder of songs, or a pattern in quotes, such as 'live/*.mp3'"
    parser.add_argument("songs", nargs="*", metavar="SONG", help=kinds)
    parser.add_argument(
        *("-i", "--inputs"),
        nargs="+",
        action="extend",
        default=[],
        metavar="SONG",
        help="more songs, as in Spleeter 1",
    )


def find_songs(parsed: argparse.Namespace) -> list[Path]:
    """Return the songs that a command line names, each once, in its order.

    Files in the output folder are stems of an earlier run, so they have to be named one by one.

    Raises
    ------
    OptionError : A folder has no songs or can't be read, or nothing matches a pattern.
    """
    given = [*parsed.songs, *parsed.inputs]
    found = (song for text in given for song in _expand(text, parsed.output_path))
    return list(dict.fromkeys(found))


def require_song(song: Path) -> None:
    """Check that a song is a file.

    Raises
    ------
    SongError : There is no such file, or it is something else, such as a folder.
    """
    try:
        require_file(song)
    except OptionError as error:
        raise SongError(error.message) from error


@contextmanager
def readable_songs(songs: Iterable[Path]) -> Iterator[dict[Path, str]]:
    """Yield the path of each song and its name; standard input is saved in a temporary file.

    Raises
    ------
    OptionError : Standard input is closed, or can't be saved.
    """
    with TemporaryDirectory(prefix="stemdrop-") as folder:
        saved = Path(folder, STDIN_NAME, STDIN_NAME)
        names = dict((song, str(song)) if song != STDIN else (saved, STDIN_NAME) for song in songs)
        if saved in names:
            if sys.stdin is None:
                raise OptionError("Standard input is closed: redirect it from a file or a pipe.")
            try:
                saved.parent.mkdir()
                with saved.open("wb") as file:
                    shutil.copyfileobj(sys.stdin.buffer, file)
            except OSError as error:
                raise OptionError(f"Standard input can't be saved: {error.strerror}.") from error
        yield names


def _expand(text: str, output: Path) -> list[Path]:
    path = Path(text)
    is_pattern = not os.path.exists(path) and _is_magic(text)
    if not is_pattern and not os.path.isdir(path):
        return [path.absolute() if path == STDIN and text != str(STDIN) else path]
    matches = sorted(glob.glob(text, recursive=True)) if is_pattern else [text]  # noqa: PTH207
    found = [song for match in matches for song in _songs_in(Path(match))]
    songs = _outside(output, Path(text), found)
    if not found and os.path.isdir(path):
        if not os.access(path, os.R_OK | os.X_OK):
            raise OptionError(f"The folder {text!r} can't be read: allow access to it.")
        raise OptionError(f"There are no songs in the folder {text!r}.")
    if not songs and os.path.realpath(path) != os.path.realpath(output):
        raise OptionError(
            f"No songs match {text!r}; files in the output folder {str(output)!r} don't count."
        )
    return songs


def _is_magic(text: str) -> bool:
    return any(character in text for character in "*?[")


def _songs_in(folder: Path) -> list[Path]:
    """Return the audio files in a folder and its subfolders, hidden ones aside; or the file."""
    if not os.path.isdir(folder):
        return [folder]
    return sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower()[1:] in SUFFIXES.split(",")
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
        and os.path.isfile(path)
    )


def _outside(output: Path, given: Path, songs: list[Path]) -> list[Path]:
    """Return the songs outside of the output folder, or all if what was given is inside of it."""
    fixed = Path(*takewhile(lambda part: not _is_magic(part), given.parts[:-1]))
    if _is_in(output, fixed):
        return songs
    return [song for song in songs if not _is_in(output, song)]


def _is_in(folder: Path, path: Path) -> bool:
    # Before Python 3.13, `Path.resolve` fails for links that form a loop.
    return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder))
