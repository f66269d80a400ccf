"""Messages of the lyrics queue: notifications of S3, events of Transcribe, and checks."""

import re
from typing import Any

from stemdrop.errors import SetupError
from stemdrop.keys import RESULTS_ID, TRANSCRIPT_NAME, transcription_key
from stemdrop.transcription_jobs import results_id_of_job

TRANSCRIPT_KEY = re.compile(transcription_key(f"({RESULTS_ID.pattern})", TRANSCRIPT_NAME))


def results_ids(body: Any) -> list[str]:
    """Return the results IDs that a message is about.

    Raises
    ------
    SetupError : The message is something else: the queue has a sender that it should not have.
    """
    match body:
        case {"Event": "s3:TestEvent"}:  # S3 sends it when the notification is configured
            return []
        case {"Records": [*records]}:
            found = [TRANSCRIPT_KEY.fullmatch(each["s3"]["object"]["key"]) for each in records]
            if all(found):
                return [match[1] for match in found if match]
        case {"detail": {"TranscriptionJobName": str(name)}}:
            return [results_id_of_job(name)]
        case {"results_id": str(results_id)} if RESULTS_ID.fullmatch(results_id):
            return [results_id]
    raise SetupError("The message is neither a notification of a transcript, an event nor a check.")


def is_check(body: Any) -> bool:
    """Return whether a message has to be sent again while the transcription is running."""
    return "results_id" in body
