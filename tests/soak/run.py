"""A soak run: batches of songs, each drained, checked, redriven, checked again and deleted."""

import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

from soak.application import Application, run_application
from soak.checks import Checks
from soak.findings import Findings
from soak.plan import PlannedSong, Recipe, plan
from soak.song_files import SongFiles
from soak.upload import Uploader

BATCH = 100
# A batch that takes longer has a song that never ends.
START_S = 300.0
SONG_S = 6.0
LAST_KEY = "drop/last.wav"
LAST = Recipe(source=0, begin_s=0.0, duration_s=3.0, gain=0.9, suffix="wav")


def run(songs: int, seed: int, report: Callable[[str], object]) -> Findings:
    """Run, report each batch, and return what was found."""
    findings = Findings()
    findings.counts["songs"] = songs
    started_s = time.monotonic()
    with (
        TemporaryDirectory(prefix="stemdrop-soak-") as folder,
        run_application(Path(folder), seed) as application,
    ):
        for first in range(0, songs, BATCH):
            planned = plan(seed, first, min(BATCH, songs - first))
            findings.merge(_run_batch(application, planned))
            report(f"{first + len(planned)} songs in {time.monotonic() - started_s:.0f} s")
        _count(application, findings)
    findings.counts["seconds"] = round(time.monotonic() - started_s)
    return findings


def _run_batch(application: Application, planned: list[PlannedSong]) -> Findings:
    deadline_s = time.monotonic() + START_S + SONG_S * len(planned)
    files = SongFiles()
    uploader = Uploader(application, files)
    with ThreadPoolExecutor(1) as pool:
        songs = [uploader.upload(song) for song in planned]
        for song in songs:
            if song.recipe.is_audio:
                pool.submit(files.separate, song.recipe, song.planned.name)
        application.drain(deadline_s)
    findings = Findings()
    Checks(application, songs, files, findings, "").check_songs()
    _redrive(application, files, deadline_s)
    redriven = Checks(application, songs, files, findings, "redriven: ")
    redriven.check_songs()
    redriven.check_buckets()
    redriven.check_completions(application.completions.receive())
    for path in (application.folder / "tmp").rglob("*"):
        if path.is_file():
            findings.add("temporary files", str(path.relative_to(application.folder)))
    for song in songs:
        findings.counts.update(f"songs {event}" for event in song.happened)
    _delete_all(application)
    return findings


def _redrive(application: Application, files: SongFiles, deadline_s: float) -> None:
    """Handle the failure queue's messages without faults, and then one more song.

    Each job deletes what killed processes have left on the disk.
    """
    application.calm(is_calm=True)
    application.redrive()
    application.drain(deadline_s)
    application.put(LAST_KEY, files.read(LAST), {})
    application.drain(deadline_s)
    application.calm(is_calm=False)


def _delete_all(application: Application) -> None:
    """Empty both buckets: the emulator holds all objects in memory."""
    application.proxy.forget()
    stack = application.stack
    for bucket in (stack.uploads_bucket, stack.stems_bucket):
        for page in stack.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
            for found in page.get("Contents", []):
                stack.s3.delete_object(Bucket=bucket, Key=found["Key"])
        for upload in stack.s3.list_multipart_uploads(Bucket=bucket).get("Uploads", []):
            stack.s3.abort_multipart_upload(
                Bucket=bucket, Key=upload["Key"], UploadId=upload["UploadId"]
            )


def _count(application: Application, findings: Findings) -> None:
    """Count invocations, requests and faults."""
    events = Counter(line["event"] for line in application.invocations)
    findings.counts["invocations"] = events["started"]
    findings.counts["invocations killed"] = events["killed"]
    findings.counts["requests to S3"] = application.proxy.total
    for kind, times in sorted(application.proxy.injected.items()):
        findings.counts[f"faults of S3: {kind}"] = times
