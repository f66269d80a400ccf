"""Memory doesn't grow with the song."""

import re
import subprocess
import sys
from pathlib import Path

from stemdrop_local.songs import generate
from stemdrop_local.wav import write_wav

# The kernel's own high-water mark: what wait() reports of a child begins with its parent's.
SEPARATE = """
import sys
from pathlib import Path
from stemdrop_client.main import main
status = main(["separate", *sys.argv[1:]])
print(Path("/proc/self/status").read_text())
sys.exit(status)
"""
MAX_BYTES = 800e6
MAX_GROWTH = 1.15


def peak_bytes(folder: Path, repeats: int) -> int:
    song = folder / f"{repeats}.wav"
    part = generate(10, seed=2).mix
    write_wav(song, (part for _ in range(repeats)))
    command = [sys.executable, "-c", SEPARATE, str(song), "-o", str(folder / "stems")]
    printed = subprocess.run(command, check=True, capture_output=True, text=True, timeout=200)
    peak = re.search(r"^VmHWM:\s+(\d+) kB$", printed.stdout, re.MULTILINE)
    assert peak
    return int(peak[1]) * 1024


def test_a_long_song_takes_no_more_than_a_short_one(tmp_path: Path) -> None:
    short, long = peak_bytes(tmp_path, 12), peak_bytes(tmp_path, 36)
    assert long <= MAX_GROWTH * short
    assert long < MAX_BYTES
