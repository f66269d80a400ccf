"""Time at which S3 deletes an object by a lifecycle rule."""

from datetime import UTC, datetime, time, timedelta


def expires_at(created_at: datetime, days: int) -> datetime:
    """Return the midnight, in UTC, at which S3 deletes an object.

    S3 adds the days of the rule to the object's creation, and rounds up to the next midnight. The
    guide doesn't say whether a time that is midnight counts as rounded. It does here, because the
    object exists until then in either case.

    Source: "Lifecycle configuration elements" in the Amazon S3 user guide; its example is an object
    of January 15, 10:30, that expires after 3 days: on January 19, 00:00.

    Parameters
    ----------
    created_at : Time with a time zone.
    days : Days of the lifecycle rule.
    """
    aged = created_at.astimezone(UTC) + timedelta(days=days)
    midnight = datetime.combine(aged.date(), time(), UTC)
    return midnight if midnight == aged else midnight + timedelta(days=1)
