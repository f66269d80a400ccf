"""Memory doesn't grow with the song."""

import re
import subprocess
import sys
from pathlib import Path

from benchmarks.songs.song import generate
from benchmarks.songs.wav import write_wav

# From the kernel, because wait() reports at least the parent's peak.
SEPARATE = """
import sys
from pathlib import Path
from stemdrop_cli.main import main
status = main(["separate", *sys.argv[1:]])
print(Path("/proc/self/status").read_text())
sys.exit(status)
"""
MAX_BYTES = 800e6
MAX_GROWTH = 1.15


def peak_bytes(folder: Path, repeats: int, *arguments: str) -> int:
    song = folder / f"{repeats}.wav"
    part = generate(10, seed=2).mix
    write_wav(song, (part for _ in range(repeats)))
    command = [sys.executable, "-c", SEPARATE, str(song), "-o", str(folder / "stems")]
    command += arguments
    printed = subprocess.run(command, check=True, capture_output=True, text=True, timeout=200)
    peak = re.search(r"^VmHWM:\s+(\d+) kB$", printed.stdout, re.MULTILINE)
    assert peak
    return int(peak[1]) * 1024


def test_long_song_takes_no_more_memory_than_short_song(tmp_path: Path) -> None:
    short, long = peak_bytes(tmp_path, 12), peak_bytes(tmp_path, 36)
    assert long <= MAX_GROWTH * short
    assert long < MAX_BYTES


def test_high_quality_memory_does_not_grow_with_the_song(tmp_path: Path) -> None:
    better = ("--quality", "high", "--clip", "scale")
    short, long = peak_bytes(tmp_path, 12, *better), peak_bytes(tmp_path, 36, *better)
    # Two large segments at the same time are random, and more likely in a long song.
    assert long <= 1.2 * short
    assert long < MAX_BYTES
