"""The command line: the separator on one machine, with Spleeter's own option names."""

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

import stemdrop
from stemdrop.errors import OptionError, StemdropError
from stemdrop.options import BIT_DEPTHS, DEFAULT_BITRATE, Codec, Model, Options
from stemdrop_separate.audio.ffmpeg import find_ffmpeg
from stemdrop_separate.models import BackendName, Models
from stemdrop_separate.naming import DEFAULT_FORMAT, PLACEHOLDERS, name_targets
from stemdrop_separate.network import Network
from stemdrop_separate.song import Limits, SeparatedSong, separate_song

# A checkout has its models here; an installation names its own by MODEL_DIR.
CHECKOUT_MODELS = Path(__file__).resolve().parents[3] / "build" / "models"
FAILED = 1
INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command, and return the exit status: 0, 1 for a failed song, 2 for wrong usage."""
    parsed = _parser().parse_args(arguments)
    try:
        return _separate_all(parsed)
    except StemdropError as error:
        return _fail(error.message)
    except KeyboardInterrupt:
        _fail("Interrupted; unfinished stems are removed.")
        return INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="stemdrop", description="Split songs into stems.")
    parser.add_argument("--version", action="version", version=f"stemdrop {stemdrop.__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    separate = commands.add_parser("separate", help="split songs into stems on this machine")
    separate.add_argument("songs", nargs="+", type=Path, metavar="SONG")
    add = separate.add_argument
    add("-o", "--output_path", type=Path, required=True, metavar="DIR", help="where stems go")
    add(
        "-p",
        "--params_filename",
        default=Model.TWO_STEMS,
        metavar="MODEL",
        help=f"one of {', '.join(Model)}; Spleeter's way to write it, spleeter:4stems, works too",
    )
    add("-c", "--codec", default=Codec.WAV, help=f"one of {', '.join(Codec)}")
    add("-b", "--bitrate", default=DEFAULT_BITRATE, help="of lossy codecs, default %(default)s")
    depths = "; ".join(f"{codec}: {', '.join(names)}" for codec, names in BIT_DEPTHS.items())
    add("--bit_depth", help=f"{depths}; default 16")
    add("-s", "--offset", default="0", metavar="SECONDS", help="leave out this much at the start")
    add("-d", "--duration", metavar="SECONDS", help="separate this much; default all of it")
    add(
        "-f",
        "--filename_format",
        default=DEFAULT_FORMAT,
        metavar="FORMAT",
        help=f"default %(default)s; knows {', '.join(PLACEHOLDERS)}",
    )
    add("--stems", metavar="NAMES", help="only these, such as vocals,drums")
    add("--residual", action="store_true", help="one more: the mix minus the sum of the others")
    add("--backend", type=BackendName, default=BackendName.ONNX, choices=list(BackendName))
    add("--model_dir", type=Path, default=os.environ.get("MODEL_DIR", CHECKOUT_MODELS))
    add("--ffmpeg", metavar="PATH", help="instead of the one that comes along")
    return parser  # fmt: skip


def _options(parsed: argparse.Namespace) -> Options:
    given = {
        "model": parsed.params_filename.removeprefix("spleeter:"),
        "stems": parsed.stems,
        "codec": parsed.codec,
        "bitrate": parsed.bitrate,
        "bit_depth": parsed.bit_depth,
        "offset_s": parsed.offset,
        "duration_s": parsed.duration,
        "residual": parsed.residual,
    }
    return Options.parse({name: value for name, value in given.items() if value is not None})


def _separate_all(parsed: argparse.Namespace) -> int:
    options = _options(parsed)
    targets = name_targets(parsed.songs, parsed.output_path, parsed.filename_format, options)
    ffmpeg = find_ffmpeg(parsed.ffmpeg)
    network = Models(Path(parsed.model_dir), parsed.backend).load(options.model)
    status = 0
    for song, paths in targets.items():
        try:
            result = _separate_one(song, paths, options, network, ffmpeg)
        except StemdropError as error:
            status = _fail(f"{song}: {error.message}")
        else:
            _summarise(song, paths, result)
    return status


def _separate_one(
    song: Path, paths: dict[str, Path], options: Options, network: Network, ffmpeg: Path
) -> SeparatedSong:
    """Write a song's stems beside their final paths, and move them there once all are right."""
    if not song.is_file():
        raise OptionError("There is no such file.")
    with _unfinished(paths) as unfinished, _bar(song.name) as advance:
        result = separate_song(song, unfinished, options, network, ffmpeg, Limits(), advance)
        for stem, path in unfinished.items():
            path.replace(paths[stem])
    return result


@contextmanager
def _unfinished(paths: dict[str, Path]) -> Iterator[dict[str, Path]]:
    try:
        for path in paths.values():
            path.parent.mkdir(parents=True, exist_ok=True)
        first = next(iter(paths.values())).parent
        folder = tempfile.TemporaryDirectory(prefix=".stemdrop-", dir=first)
    except OSError as error:
        raise OptionError(f"The stems can't be written: {error.strerror}.") from error
    with folder as name:
        yield {stem: Path(name) / f"{stem}{path.suffix}" for stem, path in paths.items()}


@contextmanager
def _bar(name: str) -> Iterator[Callable[[float], None]]:
    columns = TextColumn("{task.description}"), BarColumn(), TaskProgressColumn()
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


def _summarise(song: Path, paths: dict[str, Path], result: SeparatedSong) -> None:
    speed = result.duration_s / result.separation_s
    files = ", ".join(str(path) for path in paths.values())
    print(
        f"{song}: {result.duration_s:.1f} s in {result.separation_s:.1f} s ({speed:.0f}x): {files}"
    )
    for warning in result.warnings:
        print(f"stemdrop: {song}: {warning}", file=sys.stderr)
    for stem, file in result.stems.items():
        if file.clipped_samples:
            print(
                f"stemdrop: {song}: {stem} clips in {file.clipped_samples} samples, its peak is "
                f"{file.peak_dbfs:+.1f} dBFS; --bit_depth 32f keeps them.",
                file=sys.stderr,
            )


def _fail(message: str) -> int:
    print(f"stemdrop: {message}", file=sys.stderr)
    return FAILED
