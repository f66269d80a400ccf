"""Handle events one after another in this process, and write what it holds after each.

python warm_process.py events.json held.json
"""

import json
import resource
import sys
import tempfile
from pathlib import Path
from typing import Any, cast

from lambda_context import Context


def held() -> dict[str, int]:
    """Return the numbers of open and temporary files, threads and child processes, and memory."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    folder = Path(tempfile.gettempdir())
    children = Path("/proc/self/task").glob("*/children")
    return {
        "files": len([*Path("/proc/self/fd").iterdir()]),
        "threads": len([*Path("/proc/self/task").iterdir()]),
        "children": sum(len(path.read_text().split()) for path in children),
        "temporary_files": sum(path.is_file() for path in folder.rglob("*")),
        "resident_bytes": pages * resource.getpagesize(),
    }


def main(events: Path, measured: Path) -> None:
    from stemdrop_separate.handler import handler

    found = []
    for event in json.loads(events.read_text()):
        outcomes = handler(event, cast(Any, Context()))
        found.append({"outcomes": [*outcomes.values()]} | held())
    measured.write_text(json.dumps(found))


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
