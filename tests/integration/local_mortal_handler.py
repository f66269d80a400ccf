"""The real handler, killed at random by songs whose names say so.

drop/mortal-1.wav   the first time, somewhere between its event and the answer to it
drop/deadly.wav     every time, before there is anything of it
"""

import os
import random
import signal
import threading
from pathlib import Path
from typing import Any
from urllib.parse import unquote_plus

from stemdrop_separate import handler as real

# A little longer than a short song takes, so that some are killed when all is done but told.
LIFE_S = 0.4


def handler(event: Any, context: Any) -> Any:
    """Handle an event, if its song lets us."""
    name = unquote_plus(event["Records"][0]["s3"]["object"]["key"]).rpartition("/")[2]
    if "deadly" in name:
        die()
    mark = Path(os.environ["MARKS"], name)
    if "mortal" not in name or mark.exists():
        return real.handler(event, context)
    mark.touch()
    death = threading.Timer(random.uniform(0, LIFE_S), die)
    death.start()
    real.handler(event, context)
    return death.join()


def die() -> None:
    """End this process as the kernel does when memory is short."""
    os.kill(os.getpid(), signal.SIGKILL)
