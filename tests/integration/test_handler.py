"""The handler, in this process, with events of S3."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from api_events import Handler
from fault_proxy import FaultProxy, unavailable
from lambda_context import TEST_EVENT, Context, event_of
from stemdrop.errors import TransientError
from stemdrop.job_record import Status
from stemdrop.keys import UploadKey
from stemdrop.store import Store
from stemdrop_local.deployment import Stack
from uploads import job_of, put, results, song

GOOD, OTHER, BAD = "drop/good.wav", "drop/other.wav", "drop/bad.wav"
STRANGE_KEYS = [
    "drop/a b+c.wav",
    "drop/100% %20 %2B.wav",
    "drop/'q' \"q\" &=?#.wav",
    "drop/🎵/Größe.wav",
    "drop/../up.wav",
    "drop/" + "x" * 891 + ".wav",
]


@pytest.fixture(autouse=True)
def ready(handler: Handler, store: Store) -> None:
    """Provide empty buckets, no faults, and retries without delays."""
    assert callable(handler)
    assert store.uploads


def measured(printed: str) -> dict[str, Any]:
    """Return the metrics that an invocation printed, name to value."""
    found: dict[str, Any] = {}
    for line in printed.splitlines():
        if '"_aws"' in line:
            entry = json.loads(line)
            for directive in entry["_aws"]["CloudWatchMetrics"]:
                assert directive["Namespace"] == "stemdrop"
                for metric in directive["Metrics"]:
                    value = entry[metric["Name"]]
                    found[metric["Name"]] = sum(value) if isinstance(value, list) else value
                    found[metric["Name"] + " in"] = metric["Unit"]
    return {name: value for name, value in found.items() if not name.startswith("ColdStart")}


def test_separated_song_emits_metrics(
    handler: Handler, buckets: Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    put(buckets, song(), UploadKey.parse(GOOD))
    assert handler(event_of(GOOD), Context()) == {GOOD: "done"}
    job = job_of(buckets, UploadKey.parse(GOOD))
    assert job.status is Status.DONE
    assert job.usage is not None
    assert measured(capsys.readouterr().out) == {
        "JobsDone": 1,
        "JobsDone in": "Count",
        "JobsRejected": 0,
        "JobsRejected in": "Count",
        "AudioSeconds": 0.5,
        "AudioSeconds in": "Seconds",
        "SeparationSeconds": job.usage.timings_s["separate"],
        "SeparationSeconds in": "Seconds",
        "CostUsd": job.usage.cost_usd,
        "CostUsd in": "None",
    }
    # The event is delivered again, and there is nothing to do.
    assert handler(event_of(GOOD), Context()) == {GOOD: "skipped"}
    assert measured(capsys.readouterr().out) == {"JobsSkipped": 1, "JobsSkipped in": "Count"}


def test_copied_song_emits_no_separation_metrics(
    handler: Handler, buckets: Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    for key in (GOOD, OTHER):
        put(buckets, song(), UploadKey.parse(key))
    handler(event_of(GOOD), Context())
    capsys.readouterr()
    assert handler(event_of(OTHER), Context()) == {OTHER: "done"}
    assert measured(capsys.readouterr().out).keys() == {
        "JobsDone", "JobsDone in", "JobsRejected", "JobsRejected in", "CostUsd", "CostUsd in"
    }  # fmt: skip


def test_rejected_song_emits_metrics_and_returns_normally(
    handler: Handler, buckets: Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    put(buckets, b"no song", UploadKey.parse(BAD))
    assert handler(event_of(BAD), Context()) == {BAD: "rejected"}
    metrics = measured(capsys.readouterr().out)
    assert metrics["JobsRejected"] == 1
    assert "JobsDone" not in metrics
    assert "JobsFailed" not in metrics


@pytest.mark.parametrize("key", STRANGE_KEYS, ids=ascii)
def test_keys_are_decoded_once(handler: Handler, buckets: Stack, key: str) -> None:
    put(buckets, song(), UploadKey.parse(key))
    assert handler(event_of(key), Context()) == {key: "done"}
    job = job_of(buckets, UploadKey.parse(key))
    assert set(results(buckets, f"{key}/")) == {f"{key}/job.json", *job.result_keys}


@pytest.mark.parametrize(
    "key",
    ["song.wav", "content/x.json", "jobs/not-an-id", "drop/" + "x" * 1019],
    ids=["no prefix", "the index", "no id", "1024 bytes"],
)
def test_invalid_keys_are_rejected(
    handler: Handler,
    buckets: Stack,
    faults: FaultProxy,
    capsys: pytest.CaptureFixture[str],
    key: str,
) -> None:
    buckets.s3.put_object(Bucket=buckets.uploads_bucket, Key=key, Body=song())
    assert handler(event_of(key), Context()) == {key: "rejected"}
    assert measured(capsys.readouterr().out)["JobsRejected"] == 1
    assert not faults.requests


def test_folder_marker_is_skipped(handler: Handler, faults: FaultProxy) -> None:
    assert handler(event_of("drop/live/"), Context()) == {"drop/live/": "skipped"}
    assert [request.method for request in faults.requests] == ["HEAD"]


@pytest.mark.filterwarnings("ignore:No application metrics to publish")
def test_event_without_songs_is_handled(handler: Handler, faults: FaultProxy) -> None:
    assert handler(TEST_EVENT, Context()) == {}
    assert handler({"Records": []}, Context()) == {}
    assert not faults.requests


def test_songs_of_an_event_are_independent(
    handler: Handler, buckets: Stack, faults: FaultProxy, capsys: pytest.CaptureFixture[str]
) -> None:
    put(buckets, b"no song", UploadKey.parse(BAD))
    for key, seed in ((GOOD, 1), (OTHER, 2)):
        put(buckets, song(0.5, seed), UploadKey.parse(key))
    event = event_of("elsewhere/x", OTHER, BAD, "drop/folder/", GOOD)
    faults.inject(unavailable, "GET", OTHER, times=100)
    with pytest.raises(TransientError, match=r"1 of the event's songs failed: 'drop/other\.wav'"):
        handler(event, Context())
    metrics = measured(capsys.readouterr().out)
    names = ("JobsFailed", "JobsDone", "JobsRejected", "JobsSkipped")
    assert [metrics[name] for name in names] == [1, 1, 2, 1]
    assert job_of(buckets, UploadKey.parse(GOOD)).status is Status.DONE
    assert job_of(buckets, UploadKey.parse(BAD)).status is Status.FAILED
    # The event is delivered again, and only the failed song is separated.
    faults.reset()
    assert handler(event, Context()) == {
        "elsewhere/x": "rejected",
        OTHER: "done",
        BAD: "skipped",
        "drop/folder/": "skipped",
        GOOD: "skipped",
    }
    assert job_of(buckets, UploadKey.parse(OTHER)).attempt == 2


def test_error_of_an_event_names_every_failed_song(
    handler: Handler, buckets: Stack, faults: FaultProxy
) -> None:
    for key in (GOOD, OTHER):
        put(buckets, song(), UploadKey.parse(key))
        faults.inject(unavailable, "HEAD", key, times=100)
    with pytest.raises(TransientError, match=r"2 of .*good\.wav.*other\.wav"):
        handler(event_of(GOOD, OTHER), Context())


def test_invocation_near_its_end_is_rejected(handler: Handler, buckets: Stack) -> None:
    key = UploadKey.parse(GOOD)
    put(buckets, song(), key)
    assert handler(event_of(GOOD), Context(remaining_s=14.0)) == {GOOD: "rejected"}
    job = job_of(buckets, key)
    assert job.error is not None
    assert job.error.code == "timed_out"
    # This upload is settled. A new upload of the song is tried again.
    assert handler(event_of(GOOD), Context()) == {GOOD: "skipped"}


def load(environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Load the handler in a fresh process."""
    command = [sys.executable, "-c", "import stemdrop_separate.handler"]
    return subprocess.run(command, check=False, env=environment, capture_output=True, text=True)


def test_garbage_is_not_searched_for_in_what_is_loaded(environment: dict[str, str]) -> None:
    count = "import gc; print(gc.get_freeze_count(), len(gc.get_objects()))"
    command = [sys.executable, "-c", f"import stemdrop_separate.handler; {count}"]
    frozen, searched = map(int, subprocess.check_output(command, env=environment).split())
    assert frozen > 10 * searched


def test_invalid_installation_does_not_start(environment: dict[str, str], tmp_path: Path) -> None:
    missing = {name: value for name, value in environment.items() if name != "STEMS_BUCKET"}
    for variables, words in (
        (missing, "SetupError: The environment variable STEMS_BUCKET is missing."),
        (
            environment | {"MODEL_DIR": str(tmp_path)},
            f"SetupError: MODEL_DIR has no models: {tmp_path}.",
        ),
    ):
        loaded = load(variables)
        assert loaded.returncode == 1
        assert loaded.stderr.strip().endswith(words)
