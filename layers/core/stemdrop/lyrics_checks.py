"""Messages that have a pending transcription looked at, which covers events that were lost."""

import json

# The longest delay of SQS.
CHECK_DELAY_S = 900


def check_message(results_id: str) -> str:
    """Return the body of a message of the lyrics queue."""
    return json.dumps({"results_id": results_id})
