"""Cheap polling: an answer that hasn't changed isn't sent again."""

from datetime import datetime

from stemdrop.jobs import Job

# An answer is good for this share of the lifetime of the URLs in it.
SHARE_OF_LIFETIME = 1 / 3


def tag_of(record_etag: str, job: Job, url_lifetime_s: int, now: datetime) -> str:
    """Return the ETag of an answer about a job.

    It changes with the record, with what the time makes of it, and long before the signed URLs in
    the answer end. It is a weak one: `seconds_left` differs from second to second.

    Parameters
    ----------
    record_etag : as S3 gives it, in quotes.
    job : as it stands now.
    """
    window = int(now.timestamp() / (url_lifetime_s * SHARE_OF_LIFETIME))
    return f'W/"{record_etag.strip(chr(34))}-{job.status}-{window}"'


def is_known(tag: str, if_none_match: str | None) -> bool:
    """Return whether the caller has the answer with this ETag already."""
    known = [given.strip().removeprefix("W/") for given in (if_none_match or "").split(",")]
    return tag.removeprefix("W/") in known or "*" in known
