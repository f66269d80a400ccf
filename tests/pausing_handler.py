"""The real handler, which pauses while a file exists in the folder PAUSES.

before   before an event is handled
between  after each separated segment
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
    """Handle an event after the pause."""
    wait("before")
    return real.handler(event, context)


def wait(name: str) -> None:
    """Wait until a file is deleted."""
    deadline_s = time.monotonic() + MAX_PAUSE_S
    while Path(os.environ["PAUSES"], name).exists() and time.monotonic() < deadline_s:
        time.sleep(POLL_S)


def separate_with_pauses(*arguments: Any) -> Iterator[SeparatedSegment]:
    """Separate, and pause after each segment."""
    for segment in separate(*arguments):
        yield segment
        wait("between")


vars(pipeline)["separate"] = separate_with_pauses
