"""Send the songs that wait in the failure queue to the separator again.

    python -m stemdrop_cloud.redrive --help

A message is deleted once Lambda has taken its event. If we end in between, the event is sent twice,
which does no harm: a song that is done is not separated again.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from stemdrop_cloud.account import open_account, require_output, require_stack
from stemdrop_cloud.command import count, parser, run
from stemdrop_cloud.configuration import load_environment
from stemdrop_cloud.errors import DONE, FAILED, CloudError, DeniedError, translated
from stemdrop_cloud.failure_queue import HOLD_S, FailureQueue, Message
from stemdrop_cloud.failures import Failure, ForeignError, read_failure
from stemdrop_cloud.text import counted, in_one_line

LIMIT = 10_000
# After so many refusals in a row, the next one isn't worth a try.
PATIENCE = 5


@dataclass(slots=True)
class Tally:
    """What has become of the messages so far."""

    sent: int = 0
    left: int = 0
    refused_in_a_row: int = 0


@dataclass(frozen=True, slots=True)
class Redriver:
    """Sends failures of one stack again.

    Parameters
    ----------
    lambda_client : boto3's.
    function : the name of the separator.
    bucket : that songs come into.
    is_dry : only say what would be done.
    """

    lambda_client: Any
    function: str
    bucket: str
    is_dry: bool = False

    def empty(self, queue: FailureQueue, limit: int) -> Tally:
        """Send again what is in a queue, and say of each song what was done.

        Raises
        ------
        CloudError : Lambda takes nothing; what wasn't sent is still in the queue.
        """
        tally = Tally()
        for message in queue.messages(limit):
            try:
                self._redrive(queue, message)
            except ForeignError as error:
                tally.left += 1
                print(f"left         message {message.id}: {in_one_line(error.message)}")
            except CloudError as error:
                tally.left += 1
                tally.refused_in_a_row += 1
                print(f"left         message {message.id}: {error.message}")
                if isinstance(error, DeniedError) or tally.refused_in_a_row >= PATIENCE:
                    raise
            else:
                tally.sent += 1
                tally.refused_in_a_row = 0
        return tally

    def _redrive(self, queue: FailureQueue, message: Message) -> None:
        failure = read_failure(message.body, self.function, self.bucket)
        if not self.is_dry:
            self._send(failure)
            _delete(queue, message)
        for key in failure.keys:
            done = "would send" if self.is_dry else "sent again"
            print(f"{done}   {in_one_line(key)}: {failure.reason}")

    def _send(self, failure: Failure) -> None:
        try:
            answer = self.lambda_client.invoke(
                FunctionName=self.function,
                InvocationType="Event",
                Payload=json.dumps(failure.event).encode(),
            )
        except (BotoCoreError, ClientError) as error:
            raise translated(error) from error
        if answer["StatusCode"] != HTTPStatus.ACCEPTED:
            raise CloudError(f"Lambda answered {answer['StatusCode']}.")


def _delete(queue: FailureQueue, message: Message) -> None:
    try:
        queue.delete(message)
    except (BotoCoreError, ClientError) as error:
        reason = translated(error).message
        raise CloudError(f"it was sent again, but can't be deleted: {reason}") from error


def main(arguments: Sequence[str] | None = None) -> int:
    """Redrive, and return the exit status."""
    made = parser(
        "redrive", "Send the songs that wait in the failure queue to the separator again."
    )
    made.add_argument("--dry-run", action="store_true", help="only show what would be sent")
    made.add_argument(
        "--limit", type=count, default=LIMIT, help="messages to read at most, default %(default)s"
    )
    return run(_redrive, made, arguments)


def _redrive(parsed: argparse.Namespace) -> int:
    environment = load_environment(parsed.environment)
    account = open_account(parsed.region or environment.region)
    stack = require_stack(account, parsed.stack or environment.stack)
    redriver = Redriver(
        account.client("lambda"),
        require_output(stack, "SeparateFunction"),
        require_output(stack, "UploadsBucket"),
        parsed.dry_run,
    )
    with FailureQueue(account.client("sqs"), require_output(stack, "FailureQueueUrl")) as queue:
        tally = redriver.empty(queue, parsed.limit)
        elsewhere = queue.count_read_elsewhere()
    would = "would be sent" if parsed.dry_run else "sent"
    print(f"{counted(tally.sent, 'event')} {would} again, {tally.left} left in the queue.")
    if elsewhere:
        verb = "is" if elsewhere == 1 else "are"
        print(
            f"{counted(elsewhere, 'message')} {verb} being read by somebody else: look again in"
            f" {HOLD_S // 60} minutes."
        )
    return FAILED if tally.left else DONE


if __name__ == "__main__":
    sys.exit(main())
