"""Killed processes, and concurrent processes for the same upload."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from threading import Barrier

import pytest

from fault_proxy import FaultProxy, run_before
from lambda_context import event_of
from stemdrop.job_record import Status
from stemdrop.keys import record_key
from stemdrop_local.deployment import Stack
from stemdrop_separate.job.context import JobContext, Outcome
from uploads import KEY, RATE_HZ, attempt, job_of, put, read, results, samples, song, stem_names

PROGRAM = Path(__file__).parents[1] / "handler_process.py"
SONG = song(2.0, seed=4)
STUCK_AFTER_S = 60.0


@contextmanager
def running(environment: dict[str, str], tmp: Path) -> Iterator[subprocess.Popen[str]]:
    """Start the handler with the event of the song."""
    tmp.mkdir(exist_ok=True)
    process = subprocess.Popen(
        [sys.executable, str(PROGRAM)],
        env={**environment, "TMPDIR": str(tmp)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    ("key", "after", "visible"),
    [
        (record_key(KEY), 1, set()),
        (record_key(KEY), 2, set()),
        (f"{KEY}/results-*/accompaniment.wav", 0, {"vocals.wav", "accompaniment.wav"}),
    ],
    ids=["after the download", "while separating", "while uploading"],
)
def test_killed_job_is_completed_by_the_next_delivery(
    buckets: Stack,
    job_context: JobContext,
    faults: FaultProxy,
    environment: dict[str, str],
    tmp_path: Path,
    key: str,
    after: int,
    visible: set[str],
) -> None:
    put(buckets, SONG)
    tmp = tmp_path / "tmp"
    with running(environment, tmp) as process:

        def kill() -> None:
            os.kill(process.pid, signal.SIGKILL)
            process.wait(STUCK_AFTER_S)

        # S3 receives the request although the process is killed.
        faults.inject(run_before(kill), "PUT", key, after=after)
        process.communicate(json.dumps(event_of(str(KEY))), timeout=STUCK_AFTER_S)
        assert process.returncode == -signal.SIGKILL
    assert files(tmp)
    job = job_of(buckets)
    assert (job.status, job.stems) == (Status.PROCESSING, ())
    # All visible results are complete.
    assert stem_names(buckets) <= visible
    for found in job_context.store.list_results(KEY):
        if found.endswith(".wav"):
            assert len(samples(read(buckets, found))) == 2 * RATE_HZ
    (work_dir,) = tmp.iterdir()
    context = replace(job_context, settings=replace(job_context.settings, work_dir=work_dir))
    assert attempt(context) is Outcome.DONE
    job = job_of(buckets)
    assert (job.status, job.attempt) == (Status.DONE, 2)
    assert stem_names(buckets) == {"vocals.wav", "accompaniment.wav"}
    assert not files(tmp)
    assert attempt(context) is Outcome.SKIPPED


def test_concurrent_events_are_processed_once(
    buckets: Stack, faults: FaultProxy, environment: dict[str, str], tmp_path: Path
) -> None:
    put(buckets, SONG)
    # Both read the record before one of them writes it.
    together = Barrier(2, timeout=STUCK_AFTER_S)
    faults.inject(run_before(together.wait), "HEAD", str(KEY), times=2)
    with running(environment, tmp_path) as one, running(environment, tmp_path) as other:
        for process in (one, other):
            assert process.stdin is not None
            process.stdin.write(json.dumps(event_of(str(KEY))))
            process.stdin.close()
            process.stdin = None
        printed = [process.communicate(timeout=STUCK_AFTER_S)[0] for process in (one, other)]
    outcomes = [json.loads(text.splitlines()[-1])[str(KEY)] for text in printed]
    assert sorted(outcomes) == ["done", "skipped"]
    job = job_of(buckets)
    assert (job.status, job.attempt) == (Status.DONE, 1)
    assert set(results(buckets, f"{KEY}/")) == {record_key(KEY), *job.result_keys}
    assert not files(tmp_path)
