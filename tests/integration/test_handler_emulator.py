"""From the upload to the stems as on AWS: S3's event, Lambda's runtime client, the real model."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stemdrop_local.runtime.emulator import Emulator
from stemdrop_local.template import ROOT, Application

import media
from benchmarks.metrics import si_sdr_db
from benchmarks.songs.song import generate
from lambda_context import event_of
from stemdrop.jobs import Status
from stemdrop.keys import UploadKey, record_key
from stemdrop_local.deployment import Stack
from uploads import job_of, put, read, results, samples, song

TITLE = "nobody's business"
KEY = UploadKey.parse("drop/2stems/a+b c%20 🎵.flac")
DURATION_S = 12.5


@pytest.fixture(scope="module")
def emulator(
    application: Application, created: Stack, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Emulator]:
    with start(application, created, tmp_path_factory.mktemp("function")) as emulator:
        yield emulator


def start(application: Application, stack: Stack, folder: Path) -> Emulator:
    """Return an execution environment with the real model."""
    models = {"MODEL_DIR": str(ROOT / "build" / "models")}
    return Emulator(application.function, stack.endpoint_url, folder / "function.log", models)


def event_from_s3(buckets: Stack) -> dict[str, Any]:
    """Return the next event that S3 has sent."""
    answer = buckets.sqs.receive_message(
        QueueUrl=buckets.event_queue_url, WaitTimeSeconds=10, MaxNumberOfMessages=1
    )
    message = answer["Messages"][0]
    buckets.sqs.delete_message(
        QueueUrl=buckets.event_queue_url, ReceiptHandle=message["ReceiptHandle"]
    )
    event: dict[str, Any] = json.loads(message["Body"])
    return event_from_s3(buckets) if event.get("Event") == "s3:TestEvent" else event


def test_a_song_goes_in_and_stems_come_out(
    buckets: Stack, emulator: Emulator, tmp_path: Path
) -> None:
    known = generate(DURATION_S, seed=5)
    tagged = ("-metadata", f"title={TITLE}", "-metadata", f"artist={TITLE}")
    path = media.encode(tmp_path / "song.flac", known.mix, *tagged)
    put(buckets, path.read_bytes(), KEY, {"bit_depth": "24", "zip": "true"})
    outcome = emulator.invoke(event_from_s3(buckets))
    assert outcome.payload == {str(KEY): "done"}
    job = job_of(buckets, KEY)
    assert job.status is Status.DONE
    assert job.usage is not None
    assert job.usage.gb_seconds == pytest.approx(
        emulator.function.memory_mb / 1024 * job.usage.timings_s["total"], abs=0.01
    )
    vocals = samples(read(buckets, f"{KEY}/vocals.wav")) / 2.0**31
    assert vocals.shape == known.mix.shape
    before_db = si_sdr_db(known.mix, known.vocals)
    assert si_sdr_db(vocals.astype(np.float32), known.vocals) > before_db + 6


def test_the_function_returns_normally_after_a_rejection_and_goes_on(
    buckets: Stack, emulator: Emulator
) -> None:
    keys = [UploadKey.parse(f"drop/{name}") for name in ("1.wav", "2.wav", "3.wav")]
    for key, data in zip(keys, (song(), b"", song()), strict=True):
        put(buckets, data, key)
        assert emulator.invoke(event_of(str(key))).succeeded
    assert set(results(buckets, str(keys[1]))) == {record_key(keys[1])}
    assert [job_of(buckets, key).status for key in keys] == ["done", "failed", "done"]
    # The third song is the first one again.
    assert read(buckets, f"{keys[0]}/vocals.wav") == read(buckets, f"{keys[2]}/vocals.wav")


def test_the_log_tells_what_happened_and_nothing_of_the_song(
    buckets: Stack, application: Application, tmp_path: Path
) -> None:
    path = media.encode(tmp_path / "song.flac", media.tones(0.3), "-metadata", f"title={TITLE}")
    good, copy, bad = (f"drop/{name}.flac" for name in ("good", "copy", "bad"))
    with start(application, buckets, tmp_path) as emulator:
        for key, data in ((good, path.read_bytes()), (copy, path.read_bytes())):
            put(buckets, data, UploadKey.parse(key))
            assert emulator.invoke(event_of(key)).payload == {key: "done"}
            # So that the copy finds an index that points nowhere.
            buckets.s3.delete_object(Bucket=buckets.stems_bucket, Key=f"{key}/vocals.wav")
        put(buckets, f"{TITLE}\n".encode() * 100, UploadKey.parse(bad))
        assert emulator.invoke(event_of(bad, "elsewhere")).payload == {
            bad: "rejected",
            "elsewhere": "rejected",
        }
    # The emulator passes on what the handler prints in its own time: now it has ended.
    text = emulator.log.read_text()
    lines = [json.loads(line) for line in text.splitlines() if line.startswith('{"level"')]
    assert [(line["message"], line.get("key"), line.get("outcome")) for line in lines] == [
        ("attempt_ended", good, "done"),
        ("index_points_nowhere", None, None),
        ("attempt_ended", copy, "done"),
        ("attempt_ended", bad, "rejected"),
        ("key_rejected", "elsewhere", None),
    ]
    assert {line["service"] for line in lines} == {"separate"}
    assert '"JobsRejected":[1.0,1.0]' in text
    assert TITLE not in text
    assert "X-Amz-Signature" not in text


def test_a_key_forges_no_line_of_the_log(
    buckets: Stack, application: Application, tmp_path: Path
) -> None:
    assert buckets.s3
    forged = '{"level":"INFO","message":"forged"}'
    with start(application, buckets, tmp_path) as emulator:
        # The embedded S3 knows no keys with line breaks: the first fails, the second is refused.
        assert not emulator.invoke(event_of(f"drop/a\n{forged}\n.wav")).succeeded
        assert emulator.invoke(event_of(f"elsewhere\n{forged}\n")).succeeded
    lines = emulator.log.read_text().splitlines()
    assert [line for line in lines if "attempt_failed" in line]
    assert [line for line in lines if "key_rejected" in line]
    assert not [line for line in lines if line.strip().startswith(forged)]
