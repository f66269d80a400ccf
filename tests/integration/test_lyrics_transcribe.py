"""Lyrics by Amazon Transcribe in the deployed stack, from the upload to lyrics.lrc.

The emulator's transcripts have a text of their own, two seconds after the start of a job.
"""

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from stemdrop.job_record import Job, Status, timestamp
from stemdrop.keys import (
    TRANSCRIPT_NAME,
    TRANSCRIPTIONS_PREFIX,
    VOCALS_NAME,
    UploadKey,
    transcription_key,
)
from stemdrop.lyrics import Lyrics, LyricsStatus
from stemdrop.lyrics_checks import check_message
from stemdrop.lyrics_results import LyricsRequest, save_request
from stemdrop.store import Store
from stemdrop.transcription_jobs import TranscriptionJobs
from stemdrop_local.deployment import ROOT, Deployment, Stack, deploy
from stemdrop_local.emulator_process import EmulatorProcess
from stemdrop_local.ports import LOOPBACK, listen
from subscribers import Subscriber, subscribe
from uploads import job_of, put, read, results, song

KEY = UploadKey.parse("drop/song.wav")
TOKEN = "t" * 32
DELAYS = "1 1 1"  # four attempts, as on AWS, in less time
OPTIONS = {"stemdrop-lyrics": "true"}


@dataclass
class TranscribeStack:
    """The deployed application, and a subscriber of what it announces."""

    stack: Stack
    emulator: EmulatorProcess
    subscriber: Subscriber

    @property
    def store(self) -> Store:
        return Store(self.stack.uploads_bucket, self.stack.stems_bucket, self.stack.s3)

    @property
    def jobs(self) -> TranscriptionJobs:
        return TranscriptionJobs(self.stack.stems_bucket, self.emulator.client("transcribe"))

    def queue_url(self, name: str = "stemdrop-lyrics") -> str:
        return self.stack.sqs.get_queue_url(QueueName=name)["QueueUrl"]

    def send(self, body: str) -> None:
        self.stack.sqs.send_message(QueueUrl=self.queue_url(), MessageBody=body)

    def count(self, attribute: str, name: str = "stemdrop-lyrics") -> int:
        found: Any = self.stack.sqs.get_queue_attributes(
            QueueUrl=self.queue_url(name), AttributeNames=["All"]
        )
        return int(found["Attributes"][attribute])

    def take(self) -> Job:
        """Return the record that is announced next."""
        sqs, url = self.stack.sqs, self.subscriber.queue_url
        while not (found := sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1).get("Messages")):
            self.emulator.check()
        sqs.delete_message(QueueUrl=url, ReceiptHandle=found[0]["ReceiptHandle"])
        return Job.from_json(found[0]["Body"])

    def ask(self, name: str, results_id: str, wait_s: float = 600.0) -> LyricsRequest:
        """Write what the separator leaves behind of a song whose lyrics are pending."""
        key = UploadKey.parse(f"drop/{name}")
        request = LyricsRequest(str(key), results_id, "transcribe", None, 0.0, 30.0)
        self.store.write(request.vocals_key, b"flac", "audio/flac")
        save_request(self.store, request)
        deadline_at = timestamp(datetime.now(UTC) + timedelta(seconds=wait_s))
        lyrics = Lyrics(LyricsStatus.PENDING, "transcribe", deadline_at=deadline_at)
        job = Job(str(key), Status.DONE, "then", "then", results_ids=(results_id,), lyrics=lyrics)
        self.store.save_job(key, job, None)
        return request

    def await_deletion(self, results_id: str) -> None:
        """Wait until nothing is left of a request, which is deleted after its end is announced."""
        while results(self.stack, f"{TRANSCRIPTIONS_PREFIX}{results_id}/"):
            self.pause()

    def pause(self) -> None:
        """Check that the emulator runs, and leave it the processor for a moment."""
        self.emulator.check()
        time.sleep(0.05)


@pytest.fixture(scope="module")
def transcribe(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TranscribeStack]:
    folder = tmp_path_factory.mktemp("transcribe")
    with ExitStack() as running:
        listening = running.enter_context(closing(listen(LOOPBACK, 0)))
        emulator = running.enter_context(EmulatorProcess(listening, folder, "s" * 40))
        environment = {
            "SeparateFunction": {"MODEL_DIR": str(ROOT / "build" / "models")},
            "LyricsFunction": {"RETRY_DELAYS_S": DELAYS},
        }
        parameters = {"AccessToken": TOKEN, "Lyrics": "transcribe"}
        stack = deploy(emulator, Deployment(parameters, environment))
        yield TranscribeStack(stack, emulator, subscribe(emulator, stack))


@pytest.fixture
def without_notifications(transcribe: TranscribeStack) -> Iterator[None]:
    """Have S3 tell nobody of transcripts."""
    s3, bucket = transcribe.stack.s3, transcribe.stack.stems_bucket
    found: Any = s3.get_bucket_notification_configuration(Bucket=bucket)
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={})
    yield
    kept: Any = {"QueueConfigurations": found["QueueConfigurations"]}
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=kept)


def lyrics_of(job: Job) -> Lyrics:
    assert job.lyrics is not None
    return job.lyrics


def test_song_gets_its_lyrics_after_its_stems(transcribe: TranscribeStack) -> None:
    put(transcribe.stack, song(2.0), KEY, OPTIONS)
    stems, ended = transcribe.take(), transcribe.take()
    assert (stems.status, lyrics_of(stems).status) == (Status.DONE, LyricsStatus.PENDING)
    lyrics = lyrics_of(ended)
    assert (lyrics.status, lyrics.engine, lyrics.language) == (
        LyricsStatus.DONE,
        "transcribe",
        "en",
    )
    assert lyrics.cost_usd == lyrics_of(stems).cost_usd == 0.006  # 15 seconds at least
    record = job_of(transcribe.stack, KEY)
    assert (record.lyrics, record.results_ids) == (lyrics, stems.results_ids)
    files = {str(file.format): read(transcribe.stack, file.key).decode() for file in lyrics.files}
    assert files.keys() == {"json", "lrc", "vtt", "srt"}
    assert files["lrc"].startswith("[00:00.00] <00:00.00> [ministack <00:00.50> mock ")
    words = [word for line in json.loads(files["json"])["lines"] for word in line["words"]]
    assert len(words) == lyrics.words > 10
    transcribe.await_deletion(ended.results_ids[0])
    # The check, which covers events that are lost, comes in 15 minutes.
    assert transcribe.count("ApproximateNumberOfMessagesDelayed") == 1


def test_transcript_that_is_told_of_twice_and_late_is_taken_once(
    transcribe: TranscribeStack,
) -> None:
    request = transcribe.ask("twice.wav", "1" * 16)
    notification = {
        "Records": [
            {"s3": {"object": {"key": transcription_key(request.results_id, TRANSCRIPT_NAME)}}}
        ]
    }
    transcribe.send(json.dumps(notification))  # before there is a transcript
    transcribe.send(json.dumps(notification))
    transcribe.jobs.start(request)
    transcribe.jobs.start(request)
    ended = transcribe.take()
    assert (ended.key, lyrics_of(ended).status) == (request.key, LyricsStatus.DONE)
    before = results(transcribe.stack, f"{request.key}/")
    transcribe.send(json.dumps(notification))
    transcribe.send(check_message(request.results_id))
    # What is announced next is the end of another song.
    failed = transcribe.ask("last.wav", "2" * 16, wait_s=-1)
    transcribe.send(check_message(failed.results_id))
    assert transcribe.take().key == failed.key
    assert results(transcribe.stack, f"{request.key}/") == before


def test_failed_job_fails_the_lyrics_only(transcribe: TranscribeStack) -> None:
    request = transcribe.ask("failed.wav", "3" * 16)
    transcribe.store.delete({transcription_key(request.results_id, VOCALS_NAME)})
    transcribe.jobs.start(request)
    ended = transcribe.take()
    lyrics = lyrics_of(ended)
    assert (ended.key, ended.status) == (request.key, Status.DONE)
    assert (lyrics.status, lyrics.code) == (LyricsStatus.FAILED, "lyrics")
    assert str(lyrics.reason).startswith("Amazon Transcribe failed: The S3 URI")
    transcribe.await_deletion(request.results_id)


@pytest.mark.usefixtures("without_notifications")
def test_check_finds_a_transcript_whose_event_was_lost(transcribe: TranscribeStack) -> None:
    request = transcribe.ask("lost.wav", "4" * 16)
    delayed = transcribe.count("ApproximateNumberOfMessagesDelayed")
    transcribe.send(check_message(request.results_id))
    while transcribe.count("ApproximateNumberOfMessagesDelayed") == delayed:
        transcribe.pause()  # the check of a job that is not done is sent again
    document: dict[str, Any] = {"results": {"items": [], "language_code": "en-US"}}
    transcribe.store.write(
        transcription_key(request.results_id, TRANSCRIPT_NAME),
        json.dumps(document).encode(),
        "application/json",
    )
    transcribe.send(check_message(request.results_id))
    ended = transcribe.take()
    assert (ended.key, lyrics_of(ended).status) == (request.key, LyricsStatus.DONE)
    assert lyrics_of(ended).words == 0


def test_unsupported_language_fails_the_lyrics_at_once(transcribe: TranscribeStack) -> None:
    key = UploadKey.parse("drop/latin.wav")
    put(transcribe.stack, song(), key, OPTIONS | {"stemdrop-language": "la"})
    job = transcribe.take()
    assert (job.key, job.status) == (str(key), Status.DONE)
    assert lyrics_of(job).code == "language_unavailable"
    transcribe.await_deletion(job.results_ids[0])


def test_transcript_of_a_deleted_song_is_deleted(transcribe: TranscribeStack) -> None:
    gone = transcription_key("5" * 16, TRANSCRIPT_NAME)
    transcribe.store.write(gone, b"{}", "application/json")
    failed = transcribe.ask("after.wav", "6" * 16, wait_s=-1)
    transcribe.send(check_message(failed.results_id))
    assert transcribe.take().key == failed.key
    transcribe.await_deletion("5" * 16)


def test_message_that_fails_is_kept_and_can_be_redriven(transcribe: TranscribeStack) -> None:
    transcribe.send('{"unknown": true}')
    while not transcribe.count("ApproximateNumberOfMessages", "stemdrop-lyrics-failures"):
        transcribe.pause()
    log = transcribe.emulator.log.read_text()
    assert log.count("The message is neither a notification of a transcript") == 4
    arn = transcribe.stack.outputs["LyricsRedriveCommand"].split()[-1]
    transcribe.stack.sqs.start_message_move_task(SourceArn=arn)
    assert not transcribe.count("ApproximateNumberOfMessages", "stemdrop-lyrics-failures")
