"""Arguments that `separate` and `submit` share, under Spleeter's names and the API's."""

import argparse
from pathlib import Path

from stemdrop.options import (
    BIT_DEPTHS,
    DEFAULT_BITRATE,
    OPTION_NAMES,
    Clip,
    Codec,
    Model,
    Options,
    Quality,
)
from stemdrop_separate.output_paths import DEFAULT_FORMAT, PLACEHOLDERS

DEFAULT_FOLDER = Path("stems")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of a separation, and the paths of its results."""
    add = parser.add_argument
    add(
        "-o",
        "--output_path",
        type=Path,
        default=DEFAULT_FOLDER,
        metavar="DIR",
        help="folder for the stems (default: %(default)s)",
    )
    add(
        "-p",
        "--model",
        "--params_filename",
        default=Model.TWO_STEMS.value,
        metavar="MODEL",
        help=f"model: {', '.join(Model)}; Spleeter's notation, spleeter:4stems, works too",
    )
    add("-c", "--codec", default=Codec.WAV.value, help=f"format: {', '.join(Codec)}")
    add(
        "-b",
        "--bitrate",
        default=DEFAULT_BITRATE,
        help="bitrate of lossy codecs (default: %(default)s)",
    )
    depths = "; ".join(f"{codec}: {', '.join(names)}" for codec, names in BIT_DEPTHS.items())
    add("--bit_depth", help=f"{depths} (default: 16)")
    add(
        "-s",
        "--offset_s",
        "--offset",
        default="0",
        metavar="SECONDS",
        help="start of the part to separate (default: 0)",
    )
    add(
        "-d",
        "--duration_s",
        "--duration",
        metavar="SECONDS",
        help="length of the part to separate (default: all)",
    )
    add(
        "-f",
        "--filename_format",
        default=DEFAULT_FORMAT,
        metavar="FORMAT",
        help=f"format of the file names (default: %(default)s); placeholders: "
        f"{', '.join(PLACEHOLDERS)}",
    )
    add("--stems", metavar="NAMES", help="stems to write, such as vocals,drums (default: all)")
    add("--residual", action="store_true", help="add a stem: the mix minus the sum of all stems")
    qualities = " or ".join(Quality)
    add("--quality", default=Quality.SPLEETER.value, help=f"{qualities}, which takes twice as long")
    clips = " or ".join(Clip)
    add("--clip", default=Clip.KEEP.value, help=f"{clips} all stems until none of them clips")


def parse_options(parsed: argparse.Namespace) -> Options:
    """Return the options of a separation from a command's arguments.

    Raises
    ------
    OptionError : A value isn't allowed, or two values contradict each other.
    """
    given = {name: getattr(parsed, name, None) for name in OPTION_NAMES}
    given["model"] = parsed.model.removeprefix("spleeter:")
    return Options.parse({name: value for name, value in given.items() if value is not None})
