"""Measure the cost of a song under Lambda's limits, and write docs/operations/cost.md.

    python -m benchmarks.cost [--offline] [--rounds 3] [--song SECONDS] [--docs FOLDER]

Builds the images of stemdrop and stock Spleeter first, if they are missing. Needs a container
engine. With --offline, that is Podman without an image registry.
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path

from benchmarks.bench import Bench
from benchmarks.cost.application import run_application
from benchmarks.cost.cost_page import SIZES_MB, write_page
from benchmarks.cost.embedded_metrics import custom_metrics
from benchmarks.cost.figures import CostFigures, MeasuredSystem, Sizes
from benchmarks.cost.images import Images, build_images, compressed_bytes
from benchmarks.cost.limited_functions import LimitedFunctions, run_functions
from benchmarks.cost.rounds import Rounds
from benchmarks.cost.speedup import processors
from benchmarks.cost.template import read_template
from benchmarks.process_usage import CommandError
from stemdrop.codecs import Codec
from stemdrop.errors import StemdropError
from stemdrop_containers.engine import ROOT, find_engine
from stemdrop_containers.image import size_bytes

INTERRUPTED = 130
SONG_S = 180
CODECS = (Codec.WAV, Codec.MP3)
# Enough memory for Spleeter and three minutes of audio with a single processor, as a second point
# for the speedup model.
ROOMY_MB, FEW = 6144, 1.0


def main() -> int:
    """Measure, write, print the page, and return the exit status."""
    arguments = _parser().parse_args()
    try:
        images = build_images(find_engine(is_offline=arguments.offline))
        with tempfile.TemporaryDirectory(prefix="stemdrop-cost-") as folder:
            figures = _measure(images, Path(folder), arguments.song, arguments.rounds)
    except (CommandError, StemdropError) as error:
        print(f"cost: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED
    print(write_page(figures, arguments.docs))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.cost", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--offline", action="store_true", help="Podman, without a registry")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--song", type=int, default=SONG_S, help="seconds of the song")
    parser.add_argument("--docs", type=Path, default=ROOT / "docs" / "operations")
    return parser


def _measure(images: Images, folder: Path, song_s: int, count: int) -> CostFigures:
    songs = folder / "songs"  # the user of a container can't read the folder itself
    songs.mkdir()
    bench = Bench(songs)
    song = bench.song(song_s)
    template = read_template()
    with run_functions(images, song, folder) as limited:
        ours, spleeter = _systems(limited, count)
        _print_progress("quality=high")
        high = limited.ours(template.memory_mb, quality="high")
    _print_progress("requests")
    with run_application(folder / "aws") as application:
        # Only the second run of each codec counts, when the function is warm.
        runs = [application.separate(song, codec) for codec in CODECS for _ in range(2)]
    traffic = dict(zip(CODECS, runs[1::2], strict=True))
    metrics = custom_metrics(line for run in runs for line in run.lines)
    _print_progress("the API and the images")
    sizes = Sizes(
        ours=size_bytes(images.engine, images.ours),
        spleeter=size_bytes(images.engine, images.spleeter),
        kept=compressed_bytes(images.engine, images.ours),
    )
    return CostFigures(
        song_s=song_s,
        rounds=count,
        ours=ours,
        spleeter=spleeter,
        high=high,
        traffic=traffic,
        api_cpu_s=(bench.api_cold_start().cpu_s, bench.api().median_ms / 1000),
        sizes=sizes,
        template=template.with_counts(len(metrics), sizes.kept),
    )


def _systems(limited: LimitedFunctions, count: int) -> tuple[MeasuredSystem, MeasuredSystem]:
    """Measure both systems in turn, at the memory sizes for which this machine has processors."""
    cores = len(os.sched_getaffinity(0))
    sizes = [size for size in SIZES_MB if processors(size) <= cores] or [SIZES_MB[0]]
    ours, spleeter = Rounds(limited.ours), Rounds(limited.spleeter)
    for number in range(1, count + 1):
        for size in sizes:
            _print_progress(f"round {number}, {size} MB")
            ours.measure(size)
            spleeter.measure(size)
    for size in (size for size in SIZES_MB if size not in sizes):
        if not spleeter.has_succeeded:  # with fewer processors than on Lambda
            spleeter.measure(size)
    _print_progress("Spleeter on one processor")
    shares = {FEW: [limited.spleeter(ROOMY_MB, FEW)]}
    return ours.result(cores, {}), spleeter.result(cores, shares)


def _print_progress(what: str) -> None:
    print(f"{what} ...", file=sys.stderr, flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
