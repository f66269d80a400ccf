"""Run the built image under Lambda's limits, and print duration, memory and cost.

    python -m benchmarks.lambda_run [--memory 3008] [--backend onnx] [--song PATH]
        [--times 2] [--option codec=mp3]... [--offline]

Without a song, one is generated. The first run includes the cold start.
"""

import argparse
import platform
import re
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from math import ceil
from pathlib import Path

from benchmarks.lambda_container import LambdaContainer, run_function
from benchmarks.lambda_limits import LambdaLimits
from benchmarks.local_s3 import LocalS3, run_local_s3
from benchmarks.songs.song import generate
from benchmarks.songs.wav import write_wav
from stemdrop.errors import StemdropError
from stemdrop.job_record import Job, Status
from stemdrop.keys import UploadKey, record_key
from stemdrop.pricing import USD_PER_GB_SECOND
from stemdrop_containers.engine import ROOT, ContainerEngine, EngineError, find_engine
from stemdrop_containers.image import INTERRUPTED, REPOSITORY
from stemdrop_separate.models.catalog import BackendName

GENERATED_S = 30
MB_PER_GB = 1024
# Inside the project, because the user of a container might not have access to other folders.
SCRATCH = ROOT / "build" / "lambda"
ARCHITECTURES = {"x86_64": "x86_64", "aarch64": "arm64"}
INIT = re.compile(r"INIT REPORT\(durationMs: ([\d.]+)\)")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run all songs, and return the exit status: 1 if one has no stems."""
    parsed = _parser().parse_args(arguments)
    try:
        return _run(find_engine(is_offline=parsed.offline), parsed)
    except KeyboardInterrupt:
        return INTERRUPTED
    except StemdropError as error:
        print(f"lambda: {error.message}", file=sys.stderr)
        return 1


def separator_variables(backend: str = "onnx") -> dict[str, str]:
    """Return the separator's variables, except for the buckets."""
    return {
        "BACKEND": backend,
        "MAX_UPLOAD_BYTES": "1000000000",
        "MAX_DURATION_S": "3600",
        "ARCHITECTURE": ARCHITECTURES[platform.machine()],
        "POWERTOOLS_SERVICE_NAME": "separate",
        "POWERTOOLS_METRICS_NAMESPACE": "stemdrop",
    }


def _run(engine: ContainerEngine, parsed: argparse.Namespace) -> int:
    image = f"{REPOSITORY}:{parsed.backend}"
    if not engine.has_image(image):
        raise EngineError(f"There is no image {image}: run `make build BACKEND={parsed.backend}`.")
    if parsed.song and not parsed.song.is_file():
        raise EngineError(f"There is no file {parsed.song}.")
    SCRATCH.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=SCRATCH) as folder, run_local_s3() as s3:
        song = parsed.song or _generated(Path(folder))
        log = Path(folder, "function.log")
        environment = {**separator_variables(parsed.backend), **s3.environment}
        limits = LambdaLimits(parsed.memory, parsed.timeout)
        jobs = []
        with run_function(engine, image, limits, environment, log) as function:
            for number in range(parsed.times):
                key = UploadKey.parse(f"drop/{number}/{song.name}")
                job, elapsed_s = separate(function, s3, song, key, dict(parsed.option))
                jobs.append(job)
                loaded = INIT.search(log.read_text(errors="replace")) if number == 0 else None
                cold = f"cold ({float(loaded[1]) / 1000:.1f} s of it to load)" if loaded else "warm"
                print(_describe(song, job, elapsed_s, limits, cold), flush=True)
    return 0 if all(job.status is Status.DONE for job in jobs) else 1


def separate(
    function: LambdaContainer,
    s3: LocalS3,
    song: Path,
    key: UploadKey,
    options: Mapping[str, str] | None = None,
) -> tuple[Job, float]:
    """Invoke a function with a song, and return its record and the duration in seconds.

    Raises
    ------
    InvocationError : The function failed.
    """
    event = s3.upload(song, str(key), options)
    began_s = time.monotonic()
    function.invoke(event)
    elapsed_s = time.monotonic() - began_s
    return Job.from_json(s3.read(record_key(key))), elapsed_s


def _generated(folder: Path) -> Path:
    song = folder / "generated.wav"
    write_wav(song, [generate(GENERATED_S).mix])
    return song


def _describe(song: Path, job: Job, elapsed_s: float, limits: LambdaLimits, start: str) -> str:
    gb_seconds = limits.memory_mb / MB_PER_GB * ceil(elapsed_s * 1000) / 1000
    price = gb_seconds * USD_PER_GB_SECOND[ARCHITECTURES[platform.machine()]]
    result = f"failed: {job.error}" if job.error else f"{len(job.stems)} stems"
    peak = f"{job.usage.peak_rss_bytes / 1e6:.0f} MB at most" if job.usage else "memory unknown"
    return (
        f"{limits.memory_mb} MB: {song.name}: {result} in {elapsed_s:.1f} s, {start}; {peak};"
        f" {gb_seconds:.1f} GB-s, {price:.6f} USD"
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make lambda", description="Run the image as Lambda.")
    add = parser.add_argument
    add("--memory", type=int, default=3008, metavar="MB", help="default: 3008")
    add("--timeout", type=int, default=900, metavar="SECONDS", help="default: 900")
    add("--backend", default=BackendName.ONNX, choices=list(BackendName))
    add("--song", type=Path, help="a song; without it one is generated")
    add("--times", type=int, default=1, help="how often it is separated (default: 1)")
    add("--option", type=_option, action="append", default=[], metavar="NAME=VALUE")
    add("--offline", action="store_true", help="with Podman, and without an image registry")
    return parser


def _option(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"{text} is not like codec=mp3")
    return name, value


if __name__ == "__main__":
    sys.exit(main())
