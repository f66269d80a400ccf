"""Conditional requests: a response that has not changed is not sent again."""

from datetime import datetime

from stemdrop.job_record import Job

# A response is valid for this share of the lifetime of its URLs.
SHARE_OF_LIFETIME = 1 / 3


def etag_for(record_etag: str, job: Job, url_lifetime_s: int, now: datetime) -> str:
    """Return the ETag of a response that shows a job.

    It changes with the record, with the status of job and lyrics at this time, and long before the
    presigned URLs in the response expire. It is weak, because `seconds_left` changes every second.

    Parameters
    ----------
    record_etag : ETag of the record from S3, in quotes.
    job : Job as it is at this time.
    """
    window = int(now.timestamp() / (url_lifetime_s * SHARE_OF_LIFETIME))
    states = f"{job.status}-{job.lyrics.status}" if job.lyrics else job.status
    return f'W/"{record_etag.strip(chr(34))}-{states}-{window}"'


def matches(etag: str, if_none_match: str | None) -> bool:
    """Return whether the caller already has the response with this ETag."""
    known = [given.strip().removeprefix("W/") for given in (if_none_match or "").split(",")]
    return etag.removeprefix("W/") in known or "*" in known
