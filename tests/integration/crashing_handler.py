"""The real handler, killed once by each song whose name says so, at a moment that its name draws.

drop/7-mortal.wav   the first time, between its message and the answer to it
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

# A little longer than a short song takes, so that some are killed when all is done but told.
MAX_DELAY_S = 0.4


def handler(event: Any, context: Any) -> Any:
    """Handle a message of the song queue, if its song lets us."""
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
    """End this process as the kernel does when memory is short."""
    os.kill(os.getpid(), signal.SIGKILL)
