"""Run the built image as Lambda would, on songs, and tell what they take.

    python -m stemdrop_containers.lambda_run [--memory 3008 ...] [--backend onnx]
        [--song PATH]... [--times 2] [--option codec=mp3]... [--offline] [--json]

Every size of memory gets an execution environment and buckets of its own, and all songs in turn:
the first one finds the environment cold. Without a song one is generated. With --json, standard
output is a list of objects with the attributes of `stemdrop_containers.trial.Measured`.
"""

import argparse
import json
import signal
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from stemdrop_local.template import ROOT, read_application

from benchmarks.songs.song import generate
from benchmarks.songs.wav import write_wav
from stemdrop.errors import StemdropError
from stemdrop_containers.engine import Engine, find_engine
from stemdrop_containers.image import REPOSITORY
from stemdrop_containers.leftovers import sweep
from stemdrop_containers.trial import Measured, Trial, TrialError
from stemdrop_separate.models import BackendName

FAILED = 1
INTERRUPTED = 130
GENERATED_S = 30
# Inside of the project, so that nothing is elsewhere even if this is killed.
SCRATCH = ROOT / "build" / "lambda"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run all songs, and return the exit status: 1 if one of them has no stems."""
    parsed = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        engine = find_engine(is_offline=parsed.offline)
        try:
            measured = list(_shown(_run(engine, parsed), is_json=parsed.json))
        finally:
            sweep(engine, ours_too=True)
    except KeyboardInterrupt:
        return INTERRUPTED
    except StemdropError as error:
        print(f"lambda: {error.message}", file=sys.stderr)
        return FAILED
    if parsed.json:
        print(json.dumps([asdict(one) for one in measured], indent=2))
    return FAILED if any(one.error for one in measured) else 0


def _run(engine: Engine, parsed: argparse.Namespace) -> Iterator[Measured]:
    image = f"{REPOSITORY}:{parsed.backend}"
    if not engine.has_image(image):
        raise TrialError(f"There is no image {image}: run `make build BACKEND={parsed.backend}`.")
    for song in parsed.song:
        if not song.is_file():
            raise TrialError(f"There is no file {song}.")
    SCRATCH.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=SCRATCH) as folder:
        songs = parsed.song or [_generated(Path(folder))]
        for memory_mb in parsed.memory:
            parameters = {"SeparateMemoryMb": str(memory_mb), "Backend": parsed.backend}
            logs = Path(folder, str(memory_mb))
            with Trial(engine, image, read_application(parameters=parameters), logs) as trial:
                for song in songs * parsed.times:
                    yield trial.separate(song, dict(parsed.option))


def _generated(folder: Path) -> Path:
    song = folder / "generated.wav"
    write_wav(song, [generate(GENERATED_S).mix])
    return song


def _shown(measured: Iterator[Measured], *, is_json: bool) -> Iterator[Measured]:
    """Print a line per song as soon as it is done, unless all are printed as JSON."""
    for one in measured:
        if not is_json:
            print(_describe(one), flush=True)
        yield one


def _describe(one: Measured) -> str:
    start = f"cold ({one.init_s:.1f} s of it to load)" if one.is_cold else "warm"
    took = f"{one.elapsed_s:.1f} s, {start}"
    if one.error:
        what = f"refused in {took}: {one.error}"
    else:
        what = f"{one.duration_s:.1f} s of sound in {took}"
    memory = f"{one.peak_rss_bytes / 1e6:.0f} MB RSS, {one.peak_bytes / 1e6:.0f} MB with its files"
    price = f"{one.gb_seconds:.1f} GB-s, {one.cost_usd:.6f} USD"
    return f"{one.memory_mb} MB, {one.backend}: {Path(one.song).name}: {what}; {memory}; {price}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make lambda", description="Run the image as Lambda.")
    add = parser.add_argument
    add("--memory", type=int, nargs="+", default=[3008], metavar="MB", help="default: 3008")
    add("--backend", default=BackendName.ONNX, choices=list(BackendName))
    add("--song", type=Path, action="append", default=[], help="several are worked on in turn")
    add("--times", type=int, default=1, help="how often each song is separated (default: 1)")
    add("--option", type=_option, action="append", default=[], metavar="NAME=VALUE")
    add("--offline", action="store_true", help="with Podman, and without an image registry")
    add("--json", action="store_true", help="print figures for programs")
    return parser


def _option(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"{text} is not like codec=mp3")
    return name, value


if __name__ == "__main__":
    sys.exit(main())
