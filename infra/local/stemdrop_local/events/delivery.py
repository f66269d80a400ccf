"""S3's events on their way to the function, as Lambda delivers asynchronous invocations.

At least once, in no certain order; again after a failure, later each time; to the failure queue
after the last one. How often an event was tried is the queue's own count, and an event leaves the
queue only at its end: whatever happens in between, it will be delivered.
"""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from stemdrop_local.events.attempt import Attempt, failure_record
from stemdrop_local.runtime.emulator import MARGIN_S
from stemdrop_local.runtime.execution import ExecutionEnvironment
from stemdrop_local.runtime.outcome import Outcome
from stemdrop_local.stack import Stack

if TYPE_CHECKING:
    from mypy_boto3_sqs.literals import MessageSystemAttributeNameType
    from mypy_boto3_sqs.type_defs import MessageTypeDef

# Lambda waits one minute before the second attempt and two before the third.
BACKOFF_S = 60
POLL_S = 1


class Delivery:
    """A context manager that delivers a stack's events, one emulator for each at the same time.

    Parameters
    ----------
    stack : whose events.
    emulators : of its function; they are started and stopped together with the delivery.
    backoff_s : seconds before the second attempt; twice as many before the third.
    report : called after each attempt, from a thread of the delivery.
    announce : called before each attempt with its event, likewise.
    """

    def __init__(
        self,
        stack: Stack,
        emulators: Sequence[ExecutionEnvironment],
        backoff_s: int = BACKOFF_S,
        report: Callable[[Attempt], object] = lambda _: None,
        announce: Callable[[Mapping[str, Any]], object] = lambda _: None,
    ) -> None:
        self._stack = stack
        self._emulators = emulators
        self._backoff_s = backoff_s
        self._report = report
        self._announce = announce
        self._stopping = Event()
        self._workers = ThreadPoolExecutor(len(emulators), thread_name_prefix="delivery")
        self._work: list[Future[None]] = []

    def __enter__(self) -> Self:
        try:
            for emulator in self._emulators:
                emulator.start()
        except BaseException:
            self._stop()
            raise
        self._work = [self._workers.submit(self._serve, emulator) for emulator in self._emulators]
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stop()
        if error is None:
            self.check()

    def check(self) -> None:
        """Raise what has ended the delivery, if anything has."""
        for work in self._work:
            if work.done():
                work.result()

    def _stop(self) -> None:
        self._stopping.set()
        with ThreadPoolExecutor(len(self._emulators)) as enders:
            list(enders.map(lambda emulator: emulator.stop(), self._emulators))
        self._workers.shutdown()

    def _serve(self, emulator: ExecutionEnvironment) -> None:
        while not self._stopping.is_set():
            answer = self._stack.sqs.receive_message(
                QueueUrl=self._stack.event_queue_url,
                MessageSystemAttributeNames=["ApproximateReceiveCount", "SentTimestamp"],
                VisibilityTimeout=int(emulator.function.timeout_s + 2 * MARGIN_S),
                WaitTimeSeconds=POLL_S,
            )
            for message in answer.get("Messages", []):
                self._deliver(message, emulator)

    def _deliver(self, message: "MessageTypeDef", emulator: ExecutionEnvironment) -> None:
        event = json.loads(message["Body"])
        if event.get("Event") == "s3:TestEvent":
            self._delete(message)
            return
        self._announce(event)
        began_s = time.monotonic()
        outcome = emulator.invoke(event)
        if self._stopping.is_set() and not outcome.succeeded:
            self._postpone(message, 0)  # it was us who ended it: for who delivers next
            return
        elapsed_s = time.monotonic() - began_s
        attempt = self._judge(message["Attributes"], event, outcome, elapsed_s)
        if outcome.succeeded:
            self._delete(message)
        elif attempt.is_last:
            self._give_up(message, failure_record(attempt, emulator.function.name))
        else:
            self._postpone(message, self._backoff_s * attempt.number)
        self._report(attempt)

    def _judge(
        self,
        attributes: "Mapping[MessageSystemAttributeNameType, str]",
        event: Mapping[str, Any],
        outcome: Outcome,
        elapsed_s: float,
    ) -> Attempt:
        """Tell whether there will be another attempt.

        An event that nobody has tried yet is never too old: here songs wait for each other as long
        as they have to, while on AWS they are worked on at the same time.
        """
        function = self._stack.application.function
        number = int(attributes["ApproximateReceiveCount"])
        age_s = time.time() - int(attributes["SentTimestamp"]) / 1000
        is_exhausted = number > function.retries
        is_too_old = not is_exhausted and age_s > function.max_event_age_s
        is_last = outcome.succeeded or is_exhausted or is_too_old
        return Attempt(event, number, outcome, elapsed_s, is_last, is_too_old)

    def _delete(self, message: "MessageTypeDef") -> None:
        self._stack.sqs.delete_message(
            QueueUrl=self._stack.event_queue_url, ReceiptHandle=message["ReceiptHandle"]
        )

    def _postpone(self, message: "MessageTypeDef", delay_s: int) -> None:
        self._stack.sqs.change_message_visibility(
            QueueUrl=self._stack.event_queue_url,
            ReceiptHandle=message["ReceiptHandle"],
            VisibilityTimeout=delay_s,
        )

    def _give_up(self, message: "MessageTypeDef", record: Mapping[str, Any]) -> None:
        self._stack.sqs.send_message(
            QueueUrl=self._stack.failure_queue_url, MessageBody=json.dumps(record)
        )
        self._delete(message)
