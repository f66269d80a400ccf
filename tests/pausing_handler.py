"""The real handler, which waits where a test wants to look: while a file is there, and not long.

before   an event has come, and nothing is done yet
between  a part of the song is separated
"""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from stemdrop_separate import handler as real
from stemdrop_separate import pipeline
from stemdrop_separate.separation.separate import SeparatedSegment, separate

MAX_PAUSE_S = 60.0
POLL_S = 0.05


def handler(event: Any, context: Any) -> Any:
    """Handle an event, when it may be handled."""
    wait("before")
    return real.handler(event, context)


def wait(name: str) -> None:
    """Wait until a file is gone."""
    deadline_s = time.monotonic() + MAX_PAUSE_S
    while Path(os.environ["PAUSES"], name).exists() and time.monotonic() < deadline_s:
        time.sleep(POLL_S)


def separate_with_pauses(*arguments: Any) -> Iterator[SeparatedSegment]:
    """Separate, and wait after each part."""
    for segment in separate(*arguments):
        yield segment
        wait("between")


vars(pipeline)["separate"] = separate_with_pauses
