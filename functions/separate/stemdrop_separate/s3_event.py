"""S3's notifications: which uploads they name."""

from typing import Any
from urllib.parse import unquote_plus

from aws_lambda_powertools.utilities.data_classes import S3Event

from stemdrop.errors import SetupError


def announced_uploads(notification: Any) -> dict[str, str | None]:
    """Return the uploads that an S3 notification announces; none for S3's test event.

    Returns
    -------
    Key to the ETag that the object had; None if the notification, such as one by hand, has none.

    Raises
    ------
    SetupError : It is something else.
    """
    match notification:
        case {"Event": "s3:TestEvent"}:  # sent when notifications are configured
            return {}
        case {"Records": [*_]}:
            records = S3Event(notification).records
            objects = [record.s3.get_object for record in records]
            # Powertools leaves a key as S3 quotes it.
            return {unquote_plus(each.key): each.get("eTag") for each in objects}
        case _:
            raise SetupError("This is no S3 notification: let only S3 send to the song queue.")
