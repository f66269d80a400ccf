"""A handler that reports to a test through a pipe. The last part of the key is the action.

drop/describe   reports its environment
drop/block      never returns
drop/...        works for a moment
"""

import fcntl
import json
import os
import signal
import time
from pathlib import Path
from typing import Any
from urllib.parse import unquote_plus

WORK_S = 0.1
MARKS = Path(os.environ["MARKS"])


def handler(event: Any, _: Any) -> dict[str, Any]:
    """Handle a message of the song queue."""
    body = json.loads(event["Records"][0]["body"])
    for record in body.get("Records", []):
        key = unquote_plus(record["s3"]["object"]["key"])
        action = key.rpartition("/")[2]
        with Path(MARKS, "lock").open("w") as lock:
            report(key=key, pid=os.getpid(), is_alone=try_lock(lock.fileno()))
            if action == "describe":
                report(environment=dict(os.environ))
            if action == "block":
                signal.pause()
            time.sleep(WORK_S)
    return {"batchItemFailures": []}


def try_lock(descriptor: int) -> bool:
    """Try to acquire the lock, and return whether it was free."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def report(**what: Any) -> None:
    """Write a line into the pipe."""
    with Path(MARKS, "pipe").open("w") as pipe:
        pipe.write(f"{json.dumps(what)}\n")
