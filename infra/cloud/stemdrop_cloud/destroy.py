"""Delete a stack with everything in it, after asking.

    python -m stemdrop_cloud.destroy --help

It can be interrupted and started again: it goes on with what is still there.
"""

import argparse
import contextlib
import sys
import threading
from collections.abc import Sequence

from botocore.exceptions import BotoCoreError, ClientError

from stemdrop_cloud.access_token import TokenFile
from stemdrop_cloud.account import Account, Stack, open_account
from stemdrop_cloud.belongings import SAM_STACK, Belongings, empty_repository, find_belongings
from stemdrop_cloud.bootstrap import find_bootstrap
from stemdrop_cloud.command import parser, run
from stemdrop_cloud.configuration import load_environment
from stemdrop_cloud.errors import DONE, CloudError, UnpreparedError, UnreachableError
from stemdrop_cloud.text import counted, in_one_line

POLL_S = 3.0
MAX_POLLS = 1200
# A song that was in work may leave stems in a bucket that we have just emptied.
ATTEMPTS = 3


def main(arguments: Sequence[str] | None = None) -> int:
    """Destroy a stack, and return the exit status."""
    made = parser("destroy", "Delete a stack with all songs and stems, after asking.")
    made.add_argument("--yes", metavar="STACK", help="the name of the stack, instead of asking")
    return run(_destroy, made, arguments)


def _destroy(parsed: argparse.Namespace) -> int:
    environment = load_environment(parsed.environment)
    account = open_account(parsed.region or environment.region)
    name = parsed.stack or environment.stack
    found = find_belongings(account, name)
    _require_destructible(found, name)
    print(f"In {account.region} of account {account.id}, this deletes for good:")
    for line in found:
        print(f"  {line}")
    _require_yes(name, parsed.yes)
    _delete_all(found)
    TokenFile.of(account, name).delete()
    print(f"\n{name} is gone.")
    _say_what_stays(account, name)
    return DONE


def _require_destructible(found: Belongings, name: str) -> None:
    if not found.stacks:
        raise UnreachableError(
            f"There is no stack {name} in {found.account.region} of account {found.account.id}."
        )
    if found.main and not found.main.is_ours:
        raise CloudError(f"The stack {name} is not stemdrop's: nothing was deleted.")
    for stack in found.stacks:
        if stack.is_protected:
            raise UnpreparedError(
                f"{stack.name} is protected from deletion: end that first, with `aws"
                f" cloudformation update-termination-protection --no-enable-termination-protection"
                f" --stack-name {stack.name}`."
            )
        if stack.status.endswith("_IN_PROGRESS") and not stack.status.startswith(
            ("DELETE", "REVIEW")
        ):
            raise UnpreparedError(f"{stack.name} is {stack.status}: wait until that has ended.")


def _require_yes(name: str, given: str | None) -> None:
    if given is None:
        if not sys.stdin.isatty():
            raise UnpreparedError(f"Nothing was deleted: say YES={name} where nobody can be asked.")
        with contextlib.suppress(EOFError):
            given = input("Type the stack's name to go on: ").strip()
    if given != name:
        raise UnpreparedError(f"Nothing was deleted: the name would have been {name}.")


def _delete_all(found: Belongings) -> None:
    if found.monitoring:
        _delete_stack(found.account, found.monitoring)
    if found.main:
        _stop_separating(found.account, found.main)
        _delete_with_buckets(found, found.main)
    for name in found.repositories():
        print(f"Emptying the image repository {name} ...")
        print(f"  {counted(empty_repository(found.account.client('ecr'), name), 'image')} deleted")
    if found.companion:
        _delete_stack(found.account, found.companion)


def _stop_separating(account: Account, stack: Stack) -> None:
    """Start no more separations, since they would fill the buckets again."""
    function = stack.outputs.get("SeparateFunction")
    if function:
        # Without the permission, or the function, deleting only takes another attempt.
        with contextlib.suppress(BotoCoreError, ClientError):
            account.client("lambda").put_function_concurrency(
                FunctionName=function, ReservedConcurrentExecutions=0
            )


def _delete_with_buckets(found: Belongings, stack: Stack) -> None:
    for attempt in range(1, ATTEMPTS + 1):
        for bucket in found.buckets():
            print(f"Emptying {bucket.name} ...")
            print(f"  {counted(bucket.empty(), 'object')} deleted")
        try:
            _delete_stack(found.account, stack)
        except CloudError as error:
            if attempt == ATTEMPTS or "not empty" not in error.message.lower():
                raise
        else:
            return


def _delete_stack(account: Account, stack: Stack) -> None:
    """Delete a stack, and return when it is gone.

    Raises
    ------
    CloudError : CloudFormation couldn't.
    """
    print(f"Deleting the stack {stack.name} ...")
    cloudformation = account.client("cloudformation")
    cloudformation.delete_stack(StackName=stack.id)
    for _ in range(MAX_POLLS):
        now = account.find_stack(stack.id)
        if now is None or now.status == "DELETE_COMPLETE":
            return
        if now.status != "DELETE_IN_PROGRESS":
            raise CloudError(
                f"The stack {stack.name} is {now.status}: {_reason(account, stack)} Once that is"
                " mended, `make destroy` goes on."
            )
        threading.Event().wait(POLL_S)
    raise CloudError(f"The stack {stack.name} is still being deleted: look again later.")


def _reason(account: Account, stack: Stack) -> str:
    events = account.client("cloudformation").describe_stack_events(StackName=stack.id)
    for event in events["StackEvents"]:
        is_resource = event["LogicalResourceId"] != stack.name
        if event["ResourceStatus"] == "DELETE_FAILED" and is_resource:
            said = in_one_line(event.get("ResourceStatusReason", ""))
            return f"{event['LogicalResourceId']} stays ({said})."
    return "CloudFormation says no reason."


def _say_what_stays(account: Account, name: str) -> None:
    print("What stays: metrics and traces, until CloudWatch and X-Ray drop them.")
    bootstrap = find_bootstrap(account, name)
    if bootstrap:
        print(f"And the stack {bootstrap.name}, with its images, as others may use them.")
    shared = account.find_stack(SAM_STACK)
    bucket = shared.outputs.get("SourceBucket") if shared else None
    if bucket:
        print(
            "And the packages in the bucket that SAM shares between all stacks:\n"
            f"  aws s3 rm --recursive s3://{bucket}/{name}/"
        )


if __name__ == "__main__":
    sys.exit(main())
