"""Memory doesn't grow with the song."""

import os
import sys
from pathlib import Path

from benchmarks.processes import measure
from stemdrop_local.songs import generate
from stemdrop_local.wav import write_wav

COMMAND = [sys.executable, "-c", "from stemdrop_separate.cli import main; raise SystemExit(main())"]
MAX_BYTES = 800e6
MAX_GROWTH = 1.15


def peak_bytes(folder: Path, repeats: int) -> int:
    song = folder / f"{repeats}.wav"
    part = generate(10, seed=2).mix
    write_wav(song, (part for _ in range(repeats)))
    stems = str(folder / "stems")
    return measure([*COMMAND, "separate", str(song), "-o", stems], os.environ).peak_bytes


def test_a_long_song_takes_no_more_than_a_short_one(tmp_path: Path) -> None:
    short, long = peak_bytes(tmp_path, 4), peak_bytes(tmp_path, 24)
    assert long <= MAX_GROWTH * short
    assert long < MAX_BYTES
