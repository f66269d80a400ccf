"""Memory doesn't grow with the song."""

import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

import tiny_models
from benchmarks.songs.instruments import Waveform
from benchmarks.songs.song import generate
from benchmarks.songs.wav import write_wav
from stemdrop_local.deployment import ROOT

# From the kernel, because wait() reports at least the parent's peak.
SEPARATE = """
import sys
from pathlib import Path
from stemdrop_cli.main import main
status = main(["separate", *sys.argv[1:]])
print(Path("/proc/self/status").read_text())
sys.exit(status)
"""
# How many segments a program holds at a time is random where it has several processors.
ON_ONE_PROCESSOR = f"""
import os
os.sched_setaffinity(0, {{min(os.sched_getaffinity(0))}})
{SEPARATE}"""
MAX_BYTES = 800e6
# A mix that is kept adds 42 MB, a fifth of what the short song takes. In a shorter one, the peak
# depends on how threads take turns.
SHORT, LONG = 8, 20
MAX_GROWTH = 1.15
OPTIONS = [(), ("--quality", "high", "--clip", "scale")]


@cache
def ten_seconds() -> Waveform:
    mix: Waveform = generate(10, seed=2).mix
    return mix


def peak_bytes(
    folder: Path,
    repeats: int,
    *arguments: str,
    program: str = SEPARATE,
    models: Path = ROOT / "build" / "models",
) -> int:
    song = folder / f"{repeats}.wav"
    write_wav(song, (ten_seconds() for _ in range(repeats)))
    command = [sys.executable, "-c", program, str(song), "-o", str(folder / "stems")]
    command += ["--model_dir", str(models), *arguments]
    printed = subprocess.run(command, check=True, capture_output=True, text=True, timeout=200)
    peak = re.search(r"^VmHWM:\s+(\d+) kB$", printed.stdout, re.MULTILINE)
    assert peak
    return int(peak[1]) * 1024


@pytest.mark.parametrize("options", OPTIONS)
def test_long_song_takes_no_more_memory_than_short_song(
    tmp_path: Path, options: tuple[str, ...]
) -> None:
    """The tiny model returns as much as a real one, in less time."""
    tiny_models.install(tmp_path)
    short, long = (
        peak_bytes(tmp_path, repeats, *options, program=ON_ONE_PROCESSOR, models=tmp_path)
        for repeats in (SHORT, LONG)
    )
    assert long <= MAX_GROWTH * short


def test_memory_on_all_processors_is_limited(tmp_path: Path) -> None:
    assert peak_bytes(tmp_path, 5, *OPTIONS[-1]) < MAX_BYTES
