"""Uploads reach the handler, are tried again when it fails, and are never lost."""

import json
import os
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from queue import Queue
from typing import Any

import pytest
from botocore.exceptions import ClientError
from stemdrop_local.events.attempt import Attempt
from stemdrop_local.events.delivery import Delivery
from stemdrop_local.runtime.emulator import Emulator
from stemdrop_local.runtime.outcome import Ending

from stemdrop_local.deployment import Stack

WAIT_S = 30.0


@dataclass
class Watch:
    """A stack, and the attempts that its delivery reports."""

    stack: Stack
    folder: Path
    attempts: Queue[Attempt] = field(default_factory=Queue)
    times_s: list[float] = field(default_factory=list)

    def delivery(self, emulators: int = 1, timeout_s: int = 30, backoff_s: int = 0) -> Delivery:
        function = replace(self.stack.application.function, timeout_s=timeout_s)
        environment = {
            "PYTHONPATH": str(Path(__file__).parent),
            "SIGNAL": str(self.folder / "signal"),
        }
        made = [
            Emulator(
                function,
                self.stack.endpoint_url,
                self.folder / f"emulator-{number}.log",
                environment,
                "local_handlers.handler",
            )
            for number in range(emulators)
        ]
        return Delivery(self.stack, made, backoff_s=backoff_s, report=self.note)

    def note(self, attempt: Attempt) -> None:
        self.times_s.append(time.monotonic())
        self.attempts.put(attempt)

    def put(self, key: str) -> None:
        self.stack.s3.put_object(Bucket=self.stack.uploads_bucket, Key=key, Body=b"song")

    def next(self) -> Attempt:
        return self.attempts.get(timeout=WAIT_S)

    def waiting(self) -> int:
        names: Any = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        answer = self.stack.sqs.get_queue_attributes(
            QueueUrl=self.stack.event_queue_url, AttributeNames=names
        )
        return sum(map(int, answer["Attributes"].values()))

    def failed(self) -> list[dict[str, Any]]:
        answer = self.stack.sqs.receive_message(
            QueueUrl=self.stack.failure_queue_url, MaxNumberOfMessages=10
        )
        return [json.loads(message["Body"]) for message in answer.get("Messages", [])]


@pytest.fixture
def watch(stack: Stack, tmp_path: Path) -> Watch:
    return Watch(stack, tmp_path)


def key_of(attempt: Attempt) -> str:
    key: str = attempt.event["Records"][0]["s3"]["object"]["key"]
    return key


def test_an_upload_is_one_invocation(watch: Watch) -> None:
    with watch.delivery():
        watch.put("elsewhere/song.mp3")
        watch.put("drop/4stems/café + 🎵 100%.mp3")
        watch.put("jobs/7f3c9a5e2b814d60a1f4c8e97b25d036")
        attempts = [watch.next(), watch.next()]
    assert watch.attempts.empty()
    assert {key_of(attempt): attempt.number for attempt in attempts} == {
        "drop/4stems/caf%C3%A9+%2B+%F0%9F%8E%B5+100%25.mp3": 1,
        "jobs/7f3c9a5e2b814d60a1f4c8e97b25d036": 1,
    }
    assert {attempt.keys[0] for attempt in attempts} == {
        "drop/4stems/café + 🎵 100%.mp3",
        "jobs/7f3c9a5e2b814d60a1f4c8e97b25d036",
    }
    for attempt in attempts:
        assert attempt.is_last
        assert attempt.elapsed_s > 0
        assert attempt.outcome.ending is Ending.RETURNED
        assert attempt.outcome.payload == attempt.event
    assert watch.waiting() == 0
    assert watch.failed() == []


def test_what_was_uploaded_before_is_delivered(watch: Watch) -> None:
    watch.put("drop/early.mp3")
    with watch.delivery():
        assert key_of(watch.next()) == "drop/early.mp3"


@pytest.mark.parametrize(
    ("wish", "ending", "kind"),
    [
        ("raise", Ending.RAISED, "ValueError"),
        ("exit", Ending.CRASHED, "Runtime.ExitError"),
        ("oversleep", Ending.TIMED_OUT, "Sandbox.Timedout"),
    ],
)
def test_an_event_that_always_fails_is_tried_three_times_and_kept(
    watch: Watch, wish: str, ending: Ending, kind: str
) -> None:
    with watch.delivery(timeout_s=1):
        watch.put(f"drop/{wish}")
        attempts = [watch.next() for _ in range(3)]
        watch.put("drop/good.mp3")
        assert watch.next().outcome.ending is Ending.RETURNED
    assert [attempt.number for attempt in attempts] == [1, 2, 3]
    assert [attempt.is_last for attempt in attempts] == [False, False, True]
    assert {attempt.outcome.ending for attempt in attempts} == {ending}
    (record,) = watch.failed()
    assert record["requestPayload"] == attempts[0].event
    assert record["responsePayload"]["errorType"] == kind
    assert record["responseContext"]["functionError"] == "Unhandled"
    assert record["requestContext"]["condition"] == "RetriesExhausted"
    assert record["requestContext"]["approximateInvokeCount"] == 3
    assert watch.waiting() == 0


def test_an_event_that_has_become_too_old_is_not_tried_again(watch: Watch) -> None:
    separator = replace(watch.stack.application.function, max_event_age_s=-1)
    watch.stack = replace(
        watch.stack, application=replace(watch.stack.application, function=separator)
    )
    with watch.delivery():
        watch.put("drop/raise")
        assert watch.next().is_last
        watch.put("drop/good.mp3")
        assert watch.next().outcome.succeeded
    (record,) = watch.failed()
    assert record["requestContext"]["condition"] == "EventAgeExceeded"
    assert record["requestContext"]["approximateInvokeCount"] == 1


def test_an_event_that_works_the_second_time_is_not_kept(watch: Watch) -> None:
    with watch.delivery():
        watch.put("drop/raise-once")
        endings = [watch.next().outcome.ending for _ in range(2)]
    assert endings == [Ending.RAISED, Ending.RETURNED]
    assert watch.failed() == []
    assert watch.waiting() == 0


def test_each_retry_waits_longer_and_holds_nobody_up(watch: Watch) -> None:
    with watch.delivery(backoff_s=1):
        watch.put("drop/raise")
        first = watch.next()
        watch.put("drop/good.mp3")
        assert key_of(watch.next()) == "drop/good.mp3"
        assert [first.number, watch.next().number, watch.next().number] == [1, 2, 3]
    failed_s = [watch.times_s[0], *watch.times_s[2:]]
    assert failed_s[1] - failed_s[0] > 0.9
    assert failed_s[2] - failed_s[1] > 1.9


def test_each_emulator_takes_an_event_at_the_same_time(watch: Watch) -> None:
    os.mkfifo(watch.folder / "signal")
    with watch.delivery(emulators=2):
        watch.put("drop/listen")
        watch.put("drop/talk")
        outcomes = {key_of(attempt): attempt.outcome for attempt in (watch.next(), watch.next())}
    assert outcomes["drop/listen"].payload == "hello"
    assert outcomes["drop/talk"].succeeded


def test_an_event_that_is_interrupted_stays_for_the_next_delivery(watch: Watch) -> None:
    os.mkfifo(watch.folder / "signal")
    with watch.delivery(timeout_s=600):
        watch.put("drop/oversleep")
        assert (watch.folder / "signal").read_text() == "asleep"
    assert watch.attempts.empty()
    assert watch.waiting() == 1
    (watch.folder / "signal").unlink()
    with watch.delivery(timeout_s=1):
        assert watch.next().outcome.ending is Ending.TIMED_OUT


def test_a_delivery_that_breaks_says_so(watch: Watch) -> None:
    watch.stack.sqs.delete_queue(QueueUrl=watch.stack.event_queue_url)
    with pytest.raises(ClientError, match="NonExistentQueue"):
        deliver_until_it_breaks(watch.delivery())


def deliver_until_it_breaks(delivery: Delivery) -> None:
    with delivery:
        while True:
            delivery.check()
