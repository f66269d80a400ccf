"""Failed events are sent again, whatever goes wrong; by real HTTP, to moto's SQS and Lambda."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from stemdrop_local.events.attempt import Attempt, failure_record
from stemdrop_local.runtime.outcome import Ending, Outcome

from cloud_server import CloudServer, run, variables, words
from faults import Answer, Faults, first, unavailable
from stemdrop_cloud import failure_queue
from stemdrop_cloud.failure_queue import FailureQueue
from stemdrop_cloud.redrive import Redriver

FUNCTION = "stemdrop-separate"
UPLOADS = "stemdrop-uploads-123456789012-eu-central-1"
INVOKE = ("POST", f"functions/{FUNCTION}/invocations")


def event_of(key: str) -> dict[str, Any]:
    song = {"bucket": {"name": UPLOADS}, "object": {"key": key, "eTag": "0" * 32}}
    return {"Records": [{"eventSource": "aws:s3", "eventName": "ObjectCreated:Put", "s3": song}]}


def record_of(event: dict[str, Any], function: str = FUNCTION) -> dict[str, Any]:
    """Return what the embedded stack says of a failure, which is what Lambda says."""
    payload = {"errorType": "StorageError", "errorMessage": "S3 said no.", "requestId": "r"}
    outcome = Outcome(Ending.RAISED, payload)
    attempt = Attempt(event, 3, outcome, 1.0, is_last=True, is_too_old=False)
    return failure_record(attempt, function)


class Queue:
    """The failure queue, as somebody else sees it."""

    def __init__(self, cloud: CloudServer) -> None:
        self.sqs = cloud.client("sqs")
        self.url = cloud.outputs("stemdrop")["FailureQueueUrl"]

    def put(self, *bodies: object) -> None:
        for body in bodies:
            text = body if isinstance(body, str) else json.dumps(body)
            self.sqs.send_message(QueueUrl=self.url, MessageBody=text)

    def count(self, name: str = "ApproximateNumberOfMessages") -> int:
        found = self.sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=[name])
        return int(found["Attributes"][name])


@pytest.fixture
def queue(deployed: CloudServer) -> Queue:
    return Queue(deployed)


@pytest.fixture
def before(deployed: CloudServer) -> int:
    """Return how many invocations other tests have made."""
    return len(deployed.invocations())


@pytest.fixture
def faulty(deployed: CloudServer) -> Iterator[Faults]:
    with Faults(deployed.url) as proxy:
        yield proxy


def sent(cloud: CloudServer, before: int) -> list[dict[str, Any]]:
    return [json.loads(each["payload"]) for each in cloud.invocations()[before:]]


def redrive(url: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return run("redrive", "--stack", "stemdrop", *arguments, environment=variables(url))


def test_all_are_sent_again(deployed: CloudServer, queue: Queue, before: int) -> None:
    events = [event_of(f"drop/song+{number}.mp3") for number in range(25)]
    queue.put(*(record_of(event) for event in events))
    done = redrive(deployed.url)
    assert done.returncode == 0, done.stderr
    found = sent(deployed, before)
    assert sorted(map(json.dumps, found)) == sorted(map(json.dumps, events))
    assert {each["kind"] for each in deployed.invocations()[before:]} == {"Event"}
    assert queue.count() == queue.count("ApproximateNumberOfMessagesNotVisible") == 0
    assert "drop/song 7.mp3: failed 3 times, the last time by StorageError: S3 said no." in (
        done.stdout
    )
    assert done.stdout.endswith("25 events sent again, 0 left in the queue.\n")


def test_a_dry_run_only_tells(deployed: CloudServer, queue: Queue, before: int) -> None:
    queue.put(record_of(event_of("drop/a.mp3")), record_of(event_of("drop/b.mp3")))
    done = redrive(deployed.url, "--dry-run")
    assert done.returncode == 0, done.stderr
    assert "would send   drop/a.mp3" in done.stdout
    assert not sent(deployed, before)
    assert queue.count() == 2  # at once, not after the time that we held them


def test_what_is_not_ours_stays(deployed: CloudServer, queue: Queue, before: int) -> None:
    ours = record_of(event_of("drop/a.mp3"))
    elsewhere = record_of(event_of("drop/b.mp3"), "somebody-else")
    queue.put("hello", "[]", elsewhere, ours, json.dumps(ours)[:-200])
    done = redrive(deployed.url)
    assert done.returncode == 1
    assert sent(deployed, before) == [event_of("drop/a.mp3")]
    assert queue.count() == 4
    assert "it is not of stemdrop-separate" in done.stdout
    assert "1 event sent again, 4 left" in done.stdout


def test_what_lambda_refuses_stays(
    deployed: CloudServer, queue: Queue, before: int, faulty: Faults
) -> None:
    queue.put(*(record_of(event_of(f"drop/{name}.mp3")) for name in "abc"))
    faulty.on(unavailable, *INVOKE, times=5)  # as often as it is tried
    done = redrive(faulty.endpoint_url)
    assert done.returncode == 1
    assert "2 events sent again, 1 left" in done.stdout
    assert len(sent(deployed, before)) == 2
    assert queue.count() == 1
    assert redrive(deployed.url).returncode == 0
    assert len(sent(deployed, before)) == 3
    assert queue.count() == 0


def test_a_crash_sends_one_event_twice_at_most(
    deployed: CloudServer, queue: Queue, before: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is between Lambda's answer and the message's end, where a crash hurts most."""
    monkeypatch.setattr(failure_queue, "HOLD_S", 0)
    queue.put(record_of(event_of("drop/a.mp3")))

    class Crashed(BaseException):
        pass

    class Lambda:
        def invoke(self, **asked: object) -> None:
            deployed.client("lambda").invoke(**asked)
            raise Crashed

    with pytest.raises(Crashed):  # without the queue's own end, as if we were killed
        Redriver(Lambda(), FUNCTION, UPLOADS).empty(FailureQueue(queue.sqs, queue.url), 10)
    assert redrive(deployed.url).returncode == 0
    assert sent(deployed, before) == [event_of("drop/a.mp3")] * 2
    assert queue.count() == 0


def test_an_interruption_loses_and_hides_nothing(
    deployed: CloudServer, queue: Queue, before: int, faulty: Faults
) -> None:
    queue.put(*(record_of(event_of(f"drop/{number}.mp3")) for number in range(10)))
    process = subprocess.Popen(
        words("redrive", "--stack", "stemdrop"),
        env=variables(faulty.endpoint_url),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    faulty.on(first(lambda: os.kill(process.pid, signal.SIGINT)), *INVOKE, after=3)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert b"Interrupted" in said
    assert b"Traceback" not in said
    left = queue.count()
    assert left in {6, 7}
    assert redrive(deployed.url).returncode == 0
    assert queue.count() == 0
    assert len({json.dumps(event) for event in sent(deployed, before)}) == 10


def test_it_gives_up_when_nothing_is_taken(
    queue: Queue, faulty: Faults, deployed: CloudServer, before: int
) -> None:
    queue.put(*(record_of(event_of(f"drop/{number}.mp3")) for number in range(20)))

    def denied(_: object) -> Answer:
        body = json.dumps({"Message": "not authorized to perform lambda:InvokeFunction"})
        return Answer(403, (("x-amzn-ErrorType", "AccessDeniedException"),), body.encode())

    faulty.on(denied, *INVOKE, times=100)
    done = redrive(faulty.endpoint_url)
    assert done.returncode == 4
    assert "may not call Invoke" in done.stderr
    assert faulty.seen(*INVOKE) == 1
    assert queue.count() == 20
    assert not sent(deployed, before)


def test_what_somebody_else_reads_is_mentioned(deployed: CloudServer, queue: Queue) -> None:
    queue.put(record_of(event_of("drop/a.mp3")))
    queue.sqs.receive_message(QueueUrl=queue.url, VisibilityTimeout=600)
    done = redrive(deployed.url)
    assert done.returncode == 0
    assert "1 message is being read by somebody else" in done.stdout


def test_an_unknown_stack_is_one_sentence(cloud: CloudServer) -> None:
    cloud.reset()
    done = redrive(cloud.url)
    assert done.returncode == 3
    assert done.stderr.startswith("stemdrop: There is no stack stemdrop in eu-central-1")
    assert done.stderr.count("\n") == 1
