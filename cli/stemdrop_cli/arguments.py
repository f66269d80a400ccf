"""The arguments that `separate` and `submit` share: songs, options, and where results go."""

import argparse
import os
import re
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

from stemdrop.errors import OptionError
from stemdrop.options import DEPENDENT, OPTION_NAMES, Options
from stemdrop_cli.inputs import add_song_arguments
from stemdrop_separate.output_paths import DEFAULT_FORMAT, PLACEHOLDERS

DEFAULT_FOLDER = Path("stems")
ZIP = "zip"


def add_common_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the songs, the options of a separation, and the paths and display of its results."""
    add_song_arguments(parser)
    parser.add_argument(
        "-o",
        "--output_path",
        type=Path,
        default=DEFAULT_FOLDER,
        metavar="DIR",
        help="folder for the stems (default: %(default)s)",
    )
    parser.add_argument(
        "-f",
        "--filename_format",
        default=DEFAULT_FORMAT,
        metavar="FORMAT",
        help=f"format of the stems' paths; knows {', '.join(PLACEHOLDERS)} (default: %(default)s)",
    )
    parser.add_argument(
        "--json",
        action="store_true",
        help="print one JSON object per song on standard output, and nothing else there",
    )
    parser.add_argument(
        "-q", "--quiet", action="store_true", help="print no progress and no summaries, only errors"
    )
    for name in OPTION_NAMES:
        if name != ZIP:  # only a server makes one
            add_option(parser, name)


def add_option(parser: argparse.ArgumentParser, name: str) -> None:
    """Add an option of a separation under the name of the API, and under its aliases."""
    (option,) = (each for each in fields(Options) if each.name == name)
    flags = (*option.metadata.get("aliases", ()), f"--{name}")
    described = option.metadata["description"].removesuffix(".")
    help_text = described[0].lower() + described[1:]
    if isinstance(option.default, bool):
        parser.add_argument(*flags, action="store_true", help=help_text)
        return
    if name not in DEPENDENT:
        values = option.metadata.get("values", ())
        help_text += f"; one of {', '.join(values)}" if values else ""
        help_text += f" (default: {option.default})"
    parser.add_argument(*flags, dest=name, metavar=option.metadata.get("metavar"), help=help_text)


def parse_options(parsed: argparse.Namespace) -> Options:
    """Return the options of a command line.

    A model may have Spleeter's prefix, as in ``spleeter:4stems``.

    Raises
    ------
    OptionError : A value is not allowed, or two values contradict.
    """
    given = {name: getattr(parsed, name, None) for name in OPTION_NAMES}
    named = {name: value for name, value in given.items() if value is not None}
    if "model" in named:
        named["model"] = named["model"].removeprefix("spleeter:")
    return Options.parse(named)


def require_no_dashes(words: Sequence[str]) -> None:
    """Refuse files that would be taken for flags.

    Raises
    ------
    OptionError : A word is both.
    """
    for word in words[: [*words, "--"].index("--")]:
        if len(word) > 1 and word.startswith("-") and os.path.isfile(word):
            raise OptionError(f"{word!r} would be a flag: name the file './{word}'.")


def with_underscores(words: Sequence[str]) -> list[str]:
    """Return the words of a command line with ``--output_path`` for ``--output-path``."""
    end = [*words, "--"].index("--")
    names = re.compile("(?<=^--)[^=]+")
    options = [names.sub(lambda name: name[0].replace("-", "_"), word) for word in words[:end]]
    return [*options, *words[end:]]
