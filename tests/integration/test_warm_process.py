"""A warm execution environment holds no more after many songs than after a few."""

import json
import os
import statistics
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

import warm_process
from hostile_files import FORMATS, hostile_files, sound
from lambda_context import event_of
from stemdrop.keys import UploadKey
from stemdrop_local.deployment import Stack
from uploads import put

# More of them by hand, such as 500.
SONGS = int(os.environ.get("WARM_SONGS", "24"))
OPTIONS: tuple[dict[str, str], ...] = (
    {},
    {"codec": "mp3"},
    {"codec": "flac", "residual": "yes"},
    {"quality": "high", "zip": "yes"},
    {"clip": "scale", "codec": "ogg"},
    {"offset_s": "0.2", "stems": "vocals"},
    {"codec": "no-codec"},
)
MAX_GROWTH = 1.25


@pytest.fixture
def events(buckets: Stack) -> list[object]:
    """Upload good and hostile songs in turn, and return their events."""
    found: list[object] = []
    for number, (suffix, data) in enumerate(hostile_files(SONGS, seed=9)):
        key = UploadKey.parse(f"drop/{number}.{suffix}")
        good = sound(*FORMATS[number % len(FORMATS)])
        put(buckets, data if number % 2 else good, key, OPTIONS[number % len(OPTIONS)])
        found.append(event_of(str(key)))
    return found


def test_many_songs_leave_nothing_in_a_warm_process(
    events: list[object], environment: dict[str, str], tmp_path: Path
) -> None:
    given, measured, temporary = (tmp_path / name for name in ("events", "measured", "tmp"))
    given.write_text(json.dumps(events))
    temporary.mkdir()
    subprocess.run(
        [sys.executable, warm_process.__file__, given, measured],
        env=environment | {"TMPDIR": str(temporary)},
        check=True,
        capture_output=True,
        timeout=800,
    )
    found = json.loads(measured.read_text())
    outcomes = Counter(outcome for each in found for outcome in each["outcomes"])
    assert min(outcomes["done"], outcomes["rejected"]) > SONGS / 4, outcomes
    early, late = found[SONGS // 3 : 2 * SONGS // 3], found[2 * SONGS // 3 :]
    for name in ("files", "threads"):
        assert max(each[name] for each in late) <= max(each[name] for each in early), name
    assert not any(each["children"] + each["temporary_files"] for each in found)
    before, after = (
        statistics.median(each["resident_bytes"] for each in part) for part in (early, late)
    )
    print(f"{before / 1e6:.0f} MB, then {after / 1e6:.0f} MB, {late[-1]}, {outcomes}")
    assert after <= MAX_GROWTH * before
