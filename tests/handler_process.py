"""Run the handler once in a separate process, with the event and the result as JSON.

python handler_process.py < event.json > answer.json
"""

import json
import sys
from typing import cast

from aws_lambda_powertools.utilities.typing import LambdaContext

from lambda_context import Context


def main() -> None:
    from stemdrop_separate.handler import handler

    answer = handler(json.load(sys.stdin), cast(LambdaContext, Context()))
    # After everything that the handler has printed.
    sys.stdout.write("\n" + json.dumps(answer))


if __name__ == "__main__":
    main()
