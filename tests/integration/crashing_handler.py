"""The real handler, which each song with "mortal" in its name kills once.

drop/7-mortal.wav   kills it the first time, at a random moment seeded by the name
"""

import json
import os
import random
import signal
import threading
from pathlib import Path
from typing import Any
from urllib.parse import unquote_plus

from stemdrop_separate import handler as real

# Slightly longer than a short separation, so that some are killed after the work is complete.
MAX_DELAY_S = 0.4


def handler(event: Any, context: Any) -> Any:
    """Handle a message of the song queue, or kill the process."""
    body = json.loads(event["Records"][0]["body"])
    for record in body.get("Records", []):
        name = unquote_plus(record["s3"]["object"]["key"]).rpartition("/")[2]
        mark = Path(os.environ["MARKS"], name)
        if "mortal" in name and not mark.exists():
            mark.touch()
            timer = threading.Timer(random.Random(name).uniform(0, MAX_DELAY_S), kill_process)
            timer.start()
            real.handler(event, context)
            timer.join()
    return real.handler(event, context)


def kill_process() -> None:
    """Kill this process as the kernel does when memory is exhausted."""
    os.kill(os.getpid(), signal.SIGKILL)
