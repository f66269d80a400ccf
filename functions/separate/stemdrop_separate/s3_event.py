"""S3's notifications: which uploads they name."""

from typing import Any
from urllib.parse import unquote_plus

from aws_lambda_powertools.utilities.data_classes import S3Event

from stemdrop.errors import SetupError


def upload_keys(notification: Any) -> list[str]:
    """Return the keys of the objects that an S3 notification names; none for S3's test event.

    Raises
    ------
    SetupError : It is something else.
    """
    match notification:
        case {"Event": "s3:TestEvent"}:  # sent when notifications are configured
            return []
        case {"Records": [*_]}:
            records = S3Event(notification).records
            # Powertools leaves a key as S3 quotes it.
            return [unquote_plus(record.s3.get_object.key) for record in records]
        case _:
            raise SetupError("This is no S3 notification: let only S3 send to the song queue.")
