"""What a deployment needs in the account: a stack that can be updated, names, limits."""

from collections.abc import Iterator, Mapping

from botocore.exceptions import BotoCoreError, ClientError

from stemdrop_cloud.account import Account, Stack
from stemdrop_cloud.errors import code_of

# Stacks in these states can only be deleted.
DEAD = {"ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED"}
STUCK = {"UPDATE_ROLLBACK_FAILED"}
# New accounts get no more. Nothing tells what an account gets; new ones have few runs at a time.
SAFE_MEMORY_MB = 3008
USUAL_CONCURRENCY = 1000
# Lambda keeps so many runs for functions that reserve none, or all that a new account has.
KEPT_CONCURRENCY = 100


def stack_problems(stack: Stack | None, name: str) -> Iterator[str]:
    """Yield why a stack can't be created or updated."""
    if stack is None or stack.status == "REVIEW_IN_PROGRESS":
        return
    if not stack.is_ours:
        yield f"There is a stack {name} already, and it is not stemdrop's: use another STACK."
    elif stack.status in DEAD:
        yield (
            f"The stack {name} is {stack.status} and can only be deleted: run `make destroy"
            f" STACK={name}`, then deploy again."
        )
    elif stack.status in STUCK:
        yield (
            f"The stack {name} is {stack.status}: have `aws cloudformation"
            f" continue-update-rollback --stack-name {name}` finish that first."
        )
    elif stack.status.endswith("_IN_PROGRESS"):
        yield f"The stack {name} is {stack.status}: wait until that has ended, then deploy again."


def bucket_problems(account: Account, name: str) -> Iterator[str]:
    """Yield which buckets are in the way of a new stack."""
    s3 = account.client("s3")
    for use in ("uploads", "stems"):
        bucket = f"{name}-{use}-{account.id}-{account.region}"
        try:
            s3.head_bucket(Bucket=bucket)
        except ClientError as error:
            if code_of(error) in {"404", "NoSuchBucket"}:
                continue
        yield (
            f"There is a bucket {bucket} already, which no stack has: delete it, or use another"
            " STACK."
        )


def limit_problems(
    account: Account, values: Mapping[str, str], stack: Stack | None
) -> Iterator[str]:
    """Yield which of Lambda's limits the values go beyond."""
    wanted = int(values["SeparateConcurrency"])
    limits = _limits(account)
    if wanted <= 0 or not limits:
        return
    held = int(stack.parameters.get("SeparateConcurrency", "-1")) if stack else -1
    free = limits["UnreservedConcurrentExecutions"] + max(0, held)
    kept = min(KEPT_CONCURRENCY, limits["ConcurrentExecutions"])
    if free - wanted < kept:
        yield (
            f"SeparateConcurrency can't be {wanted}: Lambda lets this account reserve"
            f" {max(0, free - kept)}. Use -1, or ask AWS for more concurrent executions."
        )


def limit_warnings(
    account: Account, values: Mapping[str, str], stack: Stack | None
) -> Iterator[str]:
    """Yield which of Lambda's limits may be in the way, though nobody can tell."""
    limits = _limits(account)
    if not limits:
        yield "Lambda's limits could not be asked for; a new account has 3,008 MB and 10 runs."
        return
    has_it = stack and stack.parameters.get("SeparateMemoryMb") == values["SeparateMemoryMb"]
    is_new = limits["ConcurrentExecutions"] < USUAL_CONCURRENCY
    if int(values["SeparateMemoryMb"]) > SAFE_MEMORY_MB and is_new and not has_it:
        yield (
            "This account looks new, and Lambda may allow it 3,008 MB at most: if the deployment"
            " fails by MemorySize, use SeparateMemoryMb=3008 or ask AWS for more."
        )
    if limits["ConcurrentExecutions"] < USUAL_CONCURRENCY:
        yield (
            f"This account may run {limits['ConcurrentExecutions']} functions at a time, those of"
            " the API among them: more songs wait for up to 6 hours."
        )


def _limits(account: Account) -> dict[str, int]:
    try:
        found: dict[str, int] = account.client("lambda").get_account_settings()["AccountLimit"]
    except (BotoCoreError, ClientError):  # it is only asked to help
        return {}
    return found
