"""Separations in the deployed function, with S3 events, the queue, the role and the real model."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np
import pytest

import media
from benchmarks.metrics import si_sdr_db
from benchmarks.songs.song import generate
from lambda_context import event_of
from stemdrop.job_record import Job, Status
from stemdrop.keys import UploadKey, record_key
from stemdrop_local.completions import CompletionQueue
from stemdrop_local.deployment import ROOT, Deployment, Stack, deploy
from stemdrop_local.emulator_process import EmulatorProcess
from stemdrop_local.ports import LOOPBACK, listen
from uploads import put, read, result_named, results, samples, song

TITLE = "nobody's business"
FORGED = '{"level":"INFO","message":"forged"}'
DURATION_S = 12.5
TOKEN = "t" * 32


@dataclass
class EmulatedApplication:
    """The deployed application."""

    stack: Stack
    emulator: EmulatorProcess
    completions: CompletionQueue
    ended: list[Job]

    def separate(self, key: str, data: bytes, metadata: dict[str, str] | None = None) -> Job:
        """Upload a song, and return its final record."""
        put(self.stack, data, UploadKey.parse(key), metadata)
        return self.wait(key)

    def wait(self, key: str) -> Job:
        """Return the record of a song after its completion message."""
        while not (found := [job for job in self.ended if job.key == key]):
            self.completions.receive()
        self.ended.clear()
        return found[0]

    def notify(self, key: str) -> None:
        """Send a notification for any key."""
        message = json.dumps(event_of(key))
        self.stack.sqs.send_message(QueueUrl=self.stack.song_queue_url, MessageBody=message)

    def log(self) -> list[str]:
        """Return the lines that the function wrote."""
        logs = self.emulator.client("logs")
        group = self.stack.outputs["SeparateLogGroup"]
        events = logs.filter_log_events(logGroupName=group)["events"]
        return [line for event in events for line in event["message"].splitlines()]


@pytest.fixture(scope="module")
def application(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmulatedApplication]:
    folder = tmp_path_factory.mktemp("application")
    environment = {"MODEL_DIR": str(ROOT / "build" / "models"), "RETRY_DELAYS_S": "1 1"}
    with (
        closing(listen(LOOPBACK, 0)) as listening,
        EmulatorProcess(listening, folder, "s" * 40) as emulator,
    ):
        stack = deploy(
            emulator, Deployment({"AccessToken": TOKEN}, {"SeparateFunction": environment})
        )
        ended: list[Job] = []
        completions = CompletionQueue(stack, emulator.client("sns"), ended.append)
        yield EmulatedApplication(stack, emulator, completions, ended)


def test_song_is_separated(application: EmulatedApplication, tmp_path: Path) -> None:
    known = generate(DURATION_S, seed=5)
    path = media.encode(tmp_path / "song.flac", known.mix)
    key = "drop/2stems/a+b c%20 🎵.flac"
    job = application.separate(key, path.read_bytes(), {"bit_depth": "24", "zip": "true"})
    assert job.status is Status.DONE
    assert job.usage is not None
    gb_seconds = 3008 / 1024 * job.usage.timings_s["total"]
    assert job.usage.gb_seconds == pytest.approx(gb_seconds, abs=0.01)
    vocals = samples(read(application.stack, result_named(job, "vocals.wav"))) / 2.0**31
    assert vocals.shape == known.mix.shape
    before_db = si_sdr_db(known.mix, known.vocals)
    assert si_sdr_db(vocals.astype(np.float32), known.vocals) > before_db + 6


def test_function_works_after_a_rejection(application: EmulatedApplication) -> None:
    first = application.separate("drop/1.wav", song())
    rejected = application.separate("drop/2.wav", b"")
    # The third song is the first one again.
    copied = application.separate("drop/3.wav", song())
    assert [job.status for job in (first, rejected, copied)] == ["done", "failed", "done"]
    key = UploadKey.parse("drop/2.wav")
    assert set(results(application.stack, str(key))) == {record_key(key)}
    stems = [read(application.stack, result_named(job, "vocals.wav")) for job in (first, copied)]
    assert stems[0] == stems[1]
    assert application.stack.count_failures() == 0


def test_log_has_outcomes_and_no_song_content(
    application: EmulatedApplication, tmp_path: Path
) -> None:
    path = media.encode(tmp_path / "song.flac", media.tones(0.3), "-metadata", f"title={TITLE}")
    application.separate("drop/good.flac", path.read_bytes())
    application.separate("drop/bad.flac", f"{TITLE}\n".encode() * 100)
    application.notify(f"elsewhere\n{FORGED}\n")
    application.separate("drop/last.wav", song(0.3, seed=9))
    text = "\n".join(application.log())
    lines = [json.loads(line) for line in application.log() if line.startswith('{"level"')]
    ended = {line["key"]: line["outcome"] for line in lines if line["message"] == "attempt_ended"}
    assert ended["drop/good.flac"] == "done"
    assert ended["drop/bad.flac"] == "rejected"
    assert "forged" not in {line["message"] for line in lines}
    assert '"JobsRejected":[1.0]' in text
    assert TITLE not in text
    assert "X-Amz-Signature" not in text


def test_job_of_the_api_is_separated_reused_and_deleted(application: EmulatedApplication) -> None:
    data, headers = song(0.4, seed=3), {"authorization": f"Bearer {TOKEN}"}
    sha256 = hashlib.sha256(data).hexdigest()
    wanted = {"filename": "a.wav", "size_bytes": len(data), "sha256": sha256, "zip": True}
    base_url = application.stack.endpoint_url
    with httpx.Client(base_url=base_url, headers=headers, timeout=30) as api:
        job = api.post("/jobs", json=wanted).json()
        upload = job["upload"]
        assert httpx.put(upload["url"], headers=upload["headers"], content=data).is_success
        application.wait(job["key"])
        done, again = api.get(f"/jobs/{job['id']}").json(), api.post("/jobs", json=wanted).json()
        assert (done["status"], again["status"]) == ("done", "done")
        for view in (done, again):
            for file in (*view["stems"], view["zip"]):
                assert httpx.get(file["url"]).is_success
            assert api.delete(f"/jobs/{view['id']}").status_code == 204
    assert not results(application.stack, "jobs/")


def test_failed_message_is_returned_early(application: EmulatedApplication) -> None:
    """With the default visibility timeout, each attempt would take six minutes."""
    stack = application.stack
    stack.sqs.send_message(QueueUrl=stack.song_queue_url, MessageBody="{}")
    url = stack.failure_queue_url
    (message,) = stack.sqs.receive_message(QueueUrl=url, WaitTimeSeconds=20)["Messages"]
    assert message["Body"] == "{}"
    stack.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
