"""The curl command of an upload URL sends a song with any name."""

import hashlib
import subprocess
from pathlib import Path

import pytest

from api_events import Api
from stemdrop_local.deployment import Stack

NAMES = (
    "song.mp3",
    "a b; c, d.mp3",
    'the "best" of.mp3',
    "it's $HOME `now`.mp3",
    "@x.mp3",
    "Größe ½.mp3",
    "{a,b} [1-3].mp3",
    "[x",
    "-",
    "-o x.mp3",
)


@pytest.mark.parametrize(
    ("name", "sha256"),
    [*((name, None) for name in NAMES), (NAMES[0], hashlib.sha256(b"a song").hexdigest())],
)
def test_curl_sends_the_song(
    api: Api, buckets: Stack, tmp_path: Path, name: str, sha256: str | None
) -> None:
    (tmp_path / name).write_bytes(b"a song")
    wanted = {"filename": f"music/{name}", "size_bytes": 6, "sha256": sha256}
    created = api.post("/jobs", wanted).json
    command = ["bash", "-c", created["upload"]["command"]]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    sent = buckets.s3.get_object(Bucket=buckets.uploads_bucket, Key=created["key"])["Body"].read()
    assert sent == b"a song"
