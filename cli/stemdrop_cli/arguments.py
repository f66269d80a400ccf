"""The arguments that `separate` and `submit` share: Spleeter's names, and those of the API."""

import argparse
from pathlib import Path

from stemdrop.codecs import Codec
from stemdrop.models import Model
from stemdrop.options import DEFAULT_BITRATE, OPTION_NAMES, Clip, Options, Quality
from stemdrop_separate.output_paths import DEFAULT_FORMAT, PLACEHOLDERS

DEFAULT_FOLDER = Path("stems")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Let a command be told what to make of songs, and where that goes."""
    add = parser.add_argument
    add(
        "-o",
        "--output_path",
        type=Path,
        default=DEFAULT_FOLDER,
        metavar="DIR",
        help="where stems go, default %(default)s",
    )
    add(
        "-p",
        "--model",
        "--params_filename",
        default=Model.TWO_STEMS.value,
        metavar="MODEL",
        help=f"one of {', '.join(Model)}; Spleeter's way to write it, spleeter:4stems, works too",
    )
    add("-c", "--codec", default=Codec.WAV.value, help=f"one of {', '.join(Codec)}")
    add("-b", "--bitrate", default=DEFAULT_BITRATE, help="of lossy codecs, default %(default)s")
    depths = "; ".join(
        f"{codec}: {', '.join(codec.bit_depths)}" for codec in Codec if codec.bit_depths
    )
    add("--bit_depth", help=f"{depths}; default 16")
    add(
        "-s",
        "--offset_s",
        "--offset",
        default="0",
        metavar="SECONDS",
        help="leave out this much at the start",
    )
    add(
        "-d",
        "--duration_s",
        "--duration",
        metavar="SECONDS",
        help="separate this much; default all of it",
    )
    add(
        "-f",
        "--filename_format",
        default=DEFAULT_FORMAT,
        metavar="FORMAT",
        help=f"default %(default)s; knows {', '.join(PLACEHOLDERS)}",
    )
    add("--stems", metavar="NAMES", help="only these, such as vocals,drums")
    add("--residual", action="store_true", help="one more: the mix minus the sum of the others")
    qualities = " or ".join(Quality)
    add("--quality", default=Quality.SPLEETER.value, help=f"{qualities}, in twice the time")
    add("--clip", default=Clip.KEEP.value, help="scale: lower all stems until none of them clips")


def parse_options(parsed: argparse.Namespace) -> Options:
    """Return the options that a command was given.

    Raises
    ------
    OptionError : a value isn't allowed, or two of them contradict.
    """
    given = {name: getattr(parsed, name, None) for name in OPTION_NAMES}
    given["model"] = parsed.model.removeprefix("spleeter:")
    return Options.parse({name: value for name, value in given.items() if value is not None})
