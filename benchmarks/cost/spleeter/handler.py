"""A handler that runs stock Spleeter as `spleeter separate` does, except for the process pool.

A process pool needs shared memory, which Lambda doesn't have. Each song uses a new separator, as
with the command.
"""

import shutil
from pathlib import Path
from typing import Any

from spleeter.separator import Separator  # noqa: TID253 - loaded as the function starts

STEMS = Path("/tmp/stems")  # noqa: S108 - the only writable folder


def handler(event: dict[str, Any], _context: object) -> dict[str, int]:
    """Separate the file that the event names, and return the sizes of its stems in bytes."""
    try:
        separator = Separator("spleeter:2stems", multiprocess=False)
        separator.separate_to_file(event["song"], str(STEMS))
        return {path.name: path.stat().st_size for path in STEMS.rglob("*.wav")}
    finally:
        shutil.rmtree(STEMS, ignore_errors=True)
