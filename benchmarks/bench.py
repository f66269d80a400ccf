"""Measure stemdrop against stock Spleeter and sherpa-onnx, and write docs/reference/benchmarks.md.

    python -m benchmarks.bench [--rounds 3]

Songs are generated. The commands run in turn, as whole processes. Spleeter needs ffmpeg and ffprobe
on the PATH. Debian's package ffmpeg contains both. sherpa-onnx runs 2stems as stemdrop builds it.
"""

import argparse
import json
import os
import secrets
import shutil
import sys
import tempfile
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

from benchmarks import network_rate
from benchmarks.api_latency import Latency
from benchmarks.benchmark_page import BenchmarkFigures, System, write_page
from benchmarks.local_aws import function_variables, run_local_aws
from benchmarks.process_usage import CommandError, ProcessUsage, measure_in_turn, measure_process
from benchmarks.sherpa.export import export
from benchmarks.songs.song import blocks
from benchmarks.songs.wav import write_wav
from stemdrop.models import Model
from stemdrop_local.deployment import ROOT, Deployment, deploy
from stemdrop_separate.audio.ffmpeg import find_ffmpeg

SHORT_S, SONG_S, LONG_S, HOUR_S = 20, 180, 660, 3600


@dataclass(frozen=True, slots=True)
class Bench:
    """A run, with the folder of its songs and stems, and the checkout that is measured."""

    folder: Path
    root: Path = ROOT

    @property
    def programs(self) -> Path:
        """Return the folder of the checkout's Python and commands."""
        return self.root / ".venv" / "bin"

    @property
    def environment(self) -> dict[str, str]:
        """Return the environment variables of both commands, with MODEL_PATH for Spleeter."""
        return os.environ | {
            "MODEL_PATH": str(self.root / "build" / "weights"),
            "TF_CPP_MIN_LOG_LEVEL": "3",
        }

    def song(self, duration_s: int) -> Path:
        """Return a generated song as mp3, the most common format."""
        path = self.folder / f"{duration_s}.mp3"
        if not path.exists():
            wav = path.with_suffix(".wav")
            write_wav(wav, (part.mix for part in blocks(duration_s, seed=5)))
            command = [
                str(find_ffmpeg(None)),
                "-v",
                "error",
                "-i",
                str(wav),
                "-b:a",
                "192k",
                str(path),
            ]
            measure_process(command, self.environment)
            wav.unlink()
        return path

    def ours(self, duration_s: int) -> ProcessUsage:
        """Run the command line of stemdrop on a song."""
        return self._separate([str(self.programs / "stemdrop"), "separate"], duration_s)

    def stock(self, duration_s: int) -> ProcessUsage:
        """Run Spleeter's own command line on a song."""
        command = [
            str(self.programs / "spleeter"),
            "separate",
            "-p",
            "spleeter:2stems",
            "-c",
            "wav",
        ]
        return self._separate([*command, "-d", "86399"], duration_s)

    def sherpa(self, duration_s: int) -> ProcessUsage:
        """Run sherpa-onnx on a song."""
        models = self.folder / "sherpa"
        if not models.exists():
            models.mkdir()
            export(self.root / "build" / "weights" / "2stems", models)
        python, script = (
            ROOT / ".venv-sherpa" / "bin" / "python",
            ROOT / "benchmarks" / "sherpa" / "separate.py",
        )
        return self._separate([str(python), str(script), "-m", str(models)], duration_s)

    def _separate(self, command: list[str], duration_s: int) -> ProcessUsage:
        song = self.song(duration_s)
        with tempfile.TemporaryDirectory(dir=self.folder) as out:
            cost = measure_process([*command, "-o", out, str(song)], self.environment)
            stems = list(Path(out).rglob("*.wav"))
            if len(stems) != len(Model.TWO_STEMS.instruments) or not all(map(_has_samples, stems)):
                raise CommandError(f"{' '.join(command)} did not write the stems of {song}.")
            return cost

    def cold_start(self) -> ProcessUsage:
        """Import the separator's handler and load the model, as in a cold start."""
        return self._import("stemdrop_separate.handler", "SeparateFunction")

    def api_cold_start(self) -> ProcessUsage:
        """Import the API's handler, as in a cold start."""
        return self._import("stemdrop_api.handler", "ApiFunction")

    def _import(self, module: str, function: str) -> ProcessUsage:
        command = [str(self.programs / "python"), "-c", f"import {module}"]
        models = {"MODEL_DIR": str(self.root / "build" / "models")}
        variables = _deployed_variables(function) | models
        return measure_process(command, self.environment | variables)

    def api(self) -> Latency:
        """Measure the latency of the API's handler in a separate process."""
        result = self.folder / "api.json"
        command = f"{sys.executable} -m benchmarks.api_latency > {result}"
        measure_process(["sh", "-c", command], self.environment)
        return Latency(**json.loads(result.read_text().splitlines()[-1]))

    def parity(self, duration_s: int) -> str:
        """Compare the stems of a song with stock Spleeter's, and return the table."""
        table = self.folder / "parity.txt"
        command = f"{sys.executable} -m benchmarks.parity {self.song(duration_s)} > {table}"
        measure_process(["sh", "-c", command], self.environment)
        return table.read_text()


@cache
def _deployed_variables(function: str) -> dict[str, str]:
    parameters = {"AccessToken": secrets.token_hex(16)}
    models = {"SeparateFunction": {"MODEL_DIR": str(ROOT / "build" / "models")}}
    with tempfile.TemporaryDirectory() as folder, run_local_aws(Path(folder)) as emulator:
        stack = deploy(emulator, Deployment(parameters, models))
        return function_variables(emulator, stack, function)


def _has_samples(path: Path) -> bool:
    return path.stat().st_size > 1000


def _run(bench: Bench, rounds: int) -> BenchmarkFigures:
    systems = {
        System.STEMDROP: bench.ours,
        System.SPLEETER: bench.stock,
        System.SHERPA: bench.sherpa,
    }

    def measure_systems(duration_s: int) -> dict[System, tuple[ProcessUsage, ...]]:
        print(f"{duration_s} s of song, {rounds} rounds ...", flush=True)
        measurements = [partial(measure, duration_s) for measure in systems.values()]
        return dict(zip(systems, measure_in_turn(measurements, rounds), strict=True))

    for measure in systems.values():
        measure(SHORT_S)  # warm up the disk cache
    short, song = measure_systems(SHORT_S), measure_systems(SONG_S)
    print("an hour of song ...", flush=True)
    hour = bench.ours(HOUR_S)
    print("cold starts ...", flush=True)
    cold = [bench.cold_start() for _ in range(rounds)]
    api_cold = [bench.api_cold_start() for _ in range(rounds)]
    print("the API ...", flush=True)
    api = bench.api()
    print("the network ...", flush=True)
    rate = network_rate.measure()
    print("eleven minutes against stock Spleeter ...", flush=True)
    return BenchmarkFigures(
        runs={SHORT_S: short, SONG_S: song},
        hour=hour,
        cold_starts=tuple(cold),
        api_cold_starts=tuple(api_cold),
        api=api,
        rate=rate,
        parity=bench.parity(LONG_S),
    )


def main() -> int:
    """Measure, write and print the page, and return the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--docs", type=Path, default=ROOT / "docs" / "reference")
    arguments = parser.parse_args()
    for program in ("ffmpeg", "ffprobe"):
        if shutil.which(program) is None:
            parser.error(f"Spleeter needs {program} on the PATH: install the package ffmpeg.")
    with tempfile.TemporaryDirectory(prefix="stemdrop-bench-") as folder:
        bench = Bench(Path(folder))
        try:
            figures = _run(bench, arguments.rounds)
        except CommandError as error:
            print(error, file=sys.stderr)
            return 1
    print(write_page(figures, arguments.docs))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
