"""`stemdrop separate`: split songs into stems on this machine."""

import argparse
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from stemdrop.errors import OptionError, StemdropError
from stemdrop.models import Model
from stemdrop.options import Options
from stemdrop_cli.arguments import add_common_arguments, parse_options
from stemdrop_cli.models import download_bar
from stemdrop_model.install import default_folder
from stemdrop_separate.atomic_files import describe_clipping, describe_scaling, unfinished
from stemdrop_separate.audio.ffmpeg import find_ffmpeg
from stemdrop_separate.models.catalog import BackendName, Models
from stemdrop_separate.models.network import Network
from stemdrop_separate.output_paths import name_targets
from stemdrop_separate.pipeline import SeparatedSong, separate_song
from stemdrop_separate.separator import find_models

FAILED = 1
INTERRUPTED = 130


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    add_common_arguments(parser)
    add = parser.add_argument
    add("songs", nargs="+", type=Path, metavar="SONG")
    add(
        "--backend",
        type=BackendName,
        default=BackendName.ONNX,
        choices=list(BackendName),
        help="engine of the model (default: %(default)s)",
    )
    add(
        "--model_dir",
        default=os.environ.get("MODEL_DIR"),
        metavar="DIR",
        help="folder of the models (default: MODEL_DIR, else the one of `stemdrop models`)",
    )
    add("--ffmpeg", metavar="PATH", help="path of ffmpeg (default: the one of imageio-ffmpeg)")


def run(parsed: argparse.Namespace) -> int:
    """Separate all songs, and return the exit status: 0, or 1 for a failed song.

    Raises
    ------
    OptionError : An option is invalid, or the stems can't have the requested names.
    StemdropError : The model or ffmpeg is missing.
    """
    try:
        return _separate_all(parsed, parse_options(parsed))
    except KeyboardInterrupt:
        _fail("Interrupted; unfinished stems are removed.")
        return INTERRUPTED


def _separate_all(parsed: argparse.Namespace, options: Options) -> int:
    targets = name_targets(parsed.songs, parsed.output_path, parsed.filename_format, options)
    ffmpeg = find_ffmpeg(parsed.ffmpeg)
    network = Models(_model_dir(parsed, options.model), parsed.backend).load(options.model)
    status = 0
    for song, paths in targets.items():
        try:
            result = _separate_one(song, paths, options, network, ffmpeg)
        except StemdropError as error:
            status = _fail(f"{song}: {error.message}")
        else:
            _print_summary(song, paths, result)
    return status


def _model_dir(parsed: argparse.Namespace, model: Model) -> Path:
    """Return the folder of the models; a missing model is fetched unless a folder is named."""
    if parsed.model_dir:
        return Path(parsed.model_dir)
    if parsed.backend is BackendName.TENSORFLOW:
        return default_folder()
    with download_bar(model.weights) as on_progress:
        return find_models(model, on_progress)


def _separate_one(
    song: Path, paths: dict[str, Path], options: Options, network: Network, ffmpeg: Path
) -> SeparatedSong:
    """Write a song's stems under temporary names, and rename them once all are complete."""
    if not song.is_file():
        raise OptionError("There is no such file.")
    with unfinished(paths) as parts, _bar(song.name) as advance:
        return separate_song(song, parts, options, network, ffmpeg, on_progress=advance)


@contextmanager
def _bar(name: str) -> Iterator[Callable[[float], None]]:
    columns = TextColumn("{task.description}", markup=False), BarColumn(), TaskProgressColumn()
    console = Console(stderr=True)
    with Progress(
        *columns,
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as progress:
        task = progress.add_task(name, total=1.0)
        yield lambda share: progress.update(task, completed=share)


def _print_summary(song: Path, paths: dict[str, Path], result: SeparatedSong) -> None:
    speed = result.duration_s / result.separation_s
    files = ", ".join(str(path) for path in paths.values())
    print(
        f"{song}: {result.duration_s:.1f} s in {result.separation_s:.1f} s ({speed:.0f}x): {files}"
    )
    for warning in result.warnings:
        print(f"stemdrop: {song}: {warning}", file=sys.stderr)
    for stem, file in result.stems.items():
        if file.clipped_samples:
            said = describe_clipping(stem, file.clipped_samples, file.peak_dbfs)
            print(f"stemdrop: {song}: {said}", file=sys.stderr)
    if result.gain_db:
        print(f"stemdrop: {song}: {describe_scaling(result.gain_db)}", file=sys.stderr)


def _fail(message: str) -> int:
    print(f"stemdrop: {message}", file=sys.stderr)
    return FAILED
