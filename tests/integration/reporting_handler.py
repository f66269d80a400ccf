"""A handler that tells a test by a pipe what it is doing; the last word of a key says what to do.

drop/describe   tells its environment
drop/block      never ends
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
    """Return whether no other process has the lock."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def report(**what: Any) -> None:
    """Write a line into the pipe."""
    with Path(MARKS, "pipe").open("w") as pipe:
        pipe.write(f"{json.dumps(what)}\n")
