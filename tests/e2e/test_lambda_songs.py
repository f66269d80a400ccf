"""Songs that the image separates or rejects under Lambda's limits."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import numpy as np
import pytest

import media
from benchmarks.lambda_container import InvocationError, LambdaContainer, run_function
from benchmarks.lambda_limits import LambdaLimits
from benchmarks.lambda_run import separate, separator_variables
from benchmarks.local_s3 import LocalS3
from benchmarks.songs.song import generate
from benchmarks.songs.wav import write_wav
from integration.process_tree import descendants, wait_until_ended
from stemdrop.job_record import Job, Status
from stemdrop.keys import UploadKey, record_key
from stemdrop_cli.main import main
from stemdrop_containers.engine import ContainerEngine

KEY = UploadKey.parse("drop/song.mp3")
STEMS = ("vocals", "accompaniment")
# More than one segment of the network.
DURATION_S = 13.0
# The options that need the most time, memory and disk space.
HEAVY = {"quality": "high", "residual": "true", "zip": "true", "bit_depth": "32f", "clip": "scale"}
SMALLEST_MB = 1769
# Enough for the handler and the model, but not for a long song, whose files are in memory, too.
TOO_LITTLE_MB = 320
LONG_S = 400
# The separator stops 15 s before Lambda would; files for two stems of 300 s don't fit.
TIGHT = LambdaLimits(SMALLEST_MB, timeout_s=30, storage_mb=96)


@pytest.fixture(scope="module")
def song(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("songs") / "song.mp3"
    return media.encode(path, generate(DURATION_S, seed=1).mix)


@contextmanager
def running(
    engine: ContainerEngine, image: str, s3: LocalS3, log: Path, limits: LambdaLimits
) -> Iterator[LambdaContainer]:
    """Run the separator under limits."""
    variables = {**separator_variables(), **s3.environment}
    with run_function(engine, image, limits, variables, log) as function:
        yield function


def silence(path: Path, duration_s: int) -> Path:
    write_wav(path, (np.zeros((44_100, 2), np.float32) for _ in range(duration_s)))
    return path


def names(s3: LocalS3) -> set[str]:
    return {key.rpartition("/")[2] for key in s3.keys(f"{KEY}/")} - {"job.json"}


def test_stems_are_those_of_the_command_line_cold_and_warm(
    engine: ContainerEngine,
    image: str,
    image_models: Path,
    s3: LocalS3,
    song: Path,
    tmp_path: Path,
) -> None:
    options = ["-o", str(tmp_path), "--model_dir", str(image_models)]
    assert main(["separate", str(song), *options]) == 0
    expected = {stem: (tmp_path / "song" / f"{stem}.wav").read_bytes() for stem in STEMS}
    log = tmp_path / "function.log"
    with running(engine, image, s3, log, LambdaLimits()) as function:
        for _ in ("cold", "warm"):
            job, _ = separate(function, s3, song, KEY)
            assert job.status is Status.DONE
            assert {stem.stem: s3.read(stem.key) for stem in job.stems} == expected
    assert log.read_text().count("INIT START") == 1


def test_most_demanding_options_fit_the_smallest_memory(
    engine: ContainerEngine, image: str, s3: LocalS3, song: Path, tmp_path: Path
) -> None:
    log = tmp_path / "function.log"
    with running(engine, image, s3, log, LambdaLimits(SMALLEST_MB)) as function:
        job, _ = separate(function, s3, song, KEY, HEAVY)
    assert (job.status, job.attempt) == (Status.DONE, 1)
    assert names(s3) == {f"{stem}.wav" for stem in (*STEMS, "residual")} | {
        "stems.zip",
        "peaks.dat",
    }
    assert job.usage
    assert job.usage.peak_rss_bytes < 0.7 * (SMALLEST_MB << 20)


def test_excessive_songs_are_rejected_and_next_song_succeeds(
    engine: ContainerEngine, image: str, s3: LocalS3, song: Path, tmp_path: Path
) -> None:
    log = tmp_path / "function.log"
    cases = [
        (390, {"codec": "mp3", "quality": "high"}, "timed_out"),
        (300, {}, "no_room"),  # two stems of 53 MB, and the song's 53 MB
        (600, {"codec": "mp3"}, "no_room"),  # the song: 106 MB
    ]
    with running(engine, image, s3, log, TIGHT) as function:
        # The emulator counts the time to load the handler as the first song's; Lambda doesn't.
        separate(function, s3, song, KEY)
        for duration_s, options, code in cases:
            path = silence(tmp_path / "long.wav", duration_s)
            job, elapsed_s = separate(function, s3, path, KEY, options)
            assert job.error
            assert (job.status, job.error.code) == (Status.FAILED, code)
            assert elapsed_s < TIGHT.timeout_s
            assert names(s3) == set()
        assert separate(function, s3, song, KEY)[0].status is Status.DONE
    assert log.read_text().count("INIT START") == 1


def test_song_exceeding_the_memory_succeeds_with_more_memory(
    engine: ContainerEngine, image: str, s3: LocalS3, tmp_path: Path
) -> None:
    event = s3.upload(silence(tmp_path / "long.wav", LONG_S), str(KEY))
    log = tmp_path / "function.log"
    with (
        running(engine, image, s3, log, LambdaLimits(TOO_LITTLE_MB)) as function,
        pytest.raises(InvocationError, match="killed"),
    ):
        function.invoke(event)
    # The handler was killed and couldn't say so: the record's deadline tells.
    job = Job.from_json(s3.read(record_key(KEY)))
    assert (job.status, job.attempt) == (Status.PROCESSING, 1)
    assert job.deadline_at is not None
    with running(engine, image, s3, log, LambdaLimits()) as function:
        assert function.invoke(event) == {str(KEY): "done"}
    assert Job.from_json(s3.read(record_key(KEY))).attempt == 2
    assert names(s3) == {f"{stem}.wav" for stem in STEMS} | {"peaks.dat"}


def test_song_of_a_killed_handler_is_completed_by_the_next_invocation(
    engine: ContainerEngine, image: str, s3: LocalS3, tmp_path: Path
) -> None:
    path = tmp_path / "long.wav"
    write_wav(path, [generate(60.0, seed=3).mix])
    event = s3.upload(path, str(KEY))
    failures: list[InvocationError] = []

    def invoke(function: LambdaContainer) -> None:
        try:
            function.invoke(event)
        except InvocationError as error:
            failures.append(error)

    with running(engine, image, s3, tmp_path / "function.log", LambdaLimits()) as function:
        working = Thread(target=invoke, args=(function,))
        working.start()
        while not (s3.keys(record_key(KEY)) and job_of(s3).progress):
            working.join(0.1)
        os.kill(min(descendants(function.pid)), signal.SIGKILL)
        working.join()
        assert failures
        assert function.invoke(event) == {str(KEY): "done"}
    assert (job_of(s3).status, job_of(s3).attempt) == (Status.DONE, 2)
    assert names(s3) == {f"{stem}.wav" for stem in STEMS} | {"peaks.dat"}


def job_of(s3: LocalS3) -> Job:
    return Job.from_json(s3.read(record_key(KEY)))


def test_killed_run_leaves_no_container(engine: ContainerEngine, image: str) -> None:
    assert image
    command = [sys.executable, "-m", "benchmarks.lambda_run", "--times", "99"]
    command += ["--offline"] if engine.is_offline else []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as script:
        try:
            assert script.stdout
            assert "cold" in script.stdout.readline()
            below = descendants(script.pid)
            assert below
            script.kill()
            script.wait()
        finally:
            script.kill()
    assert all(wait_until_ended(pid) for pid in below), below
    listed = engine.run("ps", "--all", "--format", "{{.Names}}").stdout
    assert "stemdrop-lambda" not in listed
