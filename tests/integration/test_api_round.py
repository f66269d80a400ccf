"""A whole round by nothing but HTTP, while the song is separated by somebody else."""

import threading
import time
from pathlib import Path
from typing import Any

import httpx

from api_events import TOKEN, Handler
from api_server import serve
from stemdrop.keys import UploadKey
from stemdrop.options import Options
from stemdrop.store import Store
from stemdrop_separate.song import Limits, separate_song
from stemdrop_separate.workshop import Workshop
from uploads import attempt, song

DEADLINE_S = 60.0


def wait_until_done(client: httpx.Client, url: str) -> dict[str, Any]:
    """Poll as the documentation says, and return the job."""
    tag, ends_at = "", time.monotonic() + DEADLINE_S
    while time.monotonic() < ends_at:
        answer = client.get(url, headers={"If-None-Match": tag})
        if "Retry-After" not in answer.headers:
            job: dict[str, Any] = answer.json()
            return job
        assert answer.status_code in {200, 304}
        tag = answer.headers["ETag"]
        time.sleep(0.05)
    raise TimeoutError(f"{url} is not done after {DEADLINE_S} s.")


def test_a_round(api_handler: Handler, store: Store, workshop: Workshop, tmp_path: Path) -> None:
    assert store.uploads
    data = song(3.0)
    path = tmp_path / "song.wav"
    path.write_bytes(data)
    with (
        serve(api_handler) as url,
        httpx.Client(base_url=url, headers={"Authorization": f"Bearer {TOKEN}"}) as client,
        httpx.Client() as stranger,
    ):
        request = {
            "filename": path.name,
            "size_bytes": len(data),
            "codec": "flac",
            "residual": True,
        }
        created = client.post("/jobs", json=request).json()
        upload = created["upload"]
        with path.open("rb") as file:
            sent = stranger.put(upload["url"], headers=upload["headers"], content=file)
        assert sent.status_code == 200
        separation = threading.Thread(
            target=attempt, args=(workshop, UploadKey.parse(created["key"]))
        )
        separation.start()
        try:
            job = wait_until_done(client, created["links"]["self"])
        finally:
            separation.join()
        assert job["status"] == "done"
        links = job["links"]["stems"]
        stems = {
            stem: stranger.get(client.get(link).headers["Location"]).content
            for stem, link in links.items()
        }
    assert stems == separated_here(path, workshop)


def separated_here(path: Path, workshop: Workshop) -> dict[str, bytes]:
    """Return what `stemdrop separate` makes of a song."""
    options = Options.parse({"codec": "flac", "residual": True})
    targets = {stem: path.with_name(f"{stem}.flac") for stem in options.outputs}
    network = workshop.models.load(options.model)
    separate_song(path, targets, options, network, workshop.ffmpeg, Limits(60))
    return {stem: target.read_bytes() for stem, target in targets.items()}
