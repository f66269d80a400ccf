"""Run the API's handler in a separate process whose only output is its log.

python api_process.py events.json answers.json
"""

import json
import sys
from pathlib import Path
from typing import Any, cast

from lambda_context import Context


def main(events: Path, answers: Path) -> None:
    from stemdrop_api.handler import handler

    context = cast(Any, Context(function_name="api"))
    answered = [handler(event, context) for event in json.loads(events.read_text())]
    answers.write_text(json.dumps(answered))


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
