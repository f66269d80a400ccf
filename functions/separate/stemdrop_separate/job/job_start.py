"""Start of a job: its first record, its options, and whether it is done already."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from stemdrop.errors import EmptyAudioError, OptionError, TooLargeError, TransientError
from stemdrop.job_record import Job, Stage, Status, now, timestamp
from stemdrop.keys import Origin, UploadKey
from stemdrop.lyrics import LyricsStatus
from stemdrop.options import Options
from stemdrop.store import Upload
from stemdrop_separate.deadline import Deadline

METADATA_PREFIX = "stemdrop-"
# Options that metadata may name without the prefix. Clients add metadata of their own, such as
# rclone's btime, so later options need the prefix.
BARE_NAMES = frozenset(
    {
        "model", "stems", "codec", "bitrate", "bit_depth", "offset_s", "duration_s", "residual",
        "zip", "quality", "clip",
    }
)  # fmt: skip


def start_record(
    key: UploadKey, upload: Upload | None, previous: Job | None, deadline: Deadline
) -> Job:
    """Return the record of an attempt that starts now.

    Parameters
    ----------
    upload : Song in the upload bucket; None if it was deleted.
    previous : Record in the stems bucket; None if there is none.
    deadline : Moment at which Lambda ends the invocation.
    """
    source = upload.source if upload else previous.source if previous else None
    retried = previous and previous.source and source and previous.source.is_same_as(source)
    started_at = now()
    return Job(
        key=str(key),
        filename=previous.filename if previous else None,
        owner=previous.owner if previous else None,
        request_sha256=previous.request_sha256 if previous else None,
        callback_url=previous.callback_url if previous else None,
        status=Status.PROCESSING,
        stage=Stage.DOWNLOADING,
        options=_normalised(_given_options(key, upload, previous)),
        source=source,
        # Those of an attempt that may still be at work.
        results_ids=previous.results_ids if previous and retried and not previous.is_final else (),
        attempt=previous.attempt + 1 if previous and retried else 1,
        created_at=previous.created_at if previous else started_at,
        updated_at=started_at,
        started_at=started_at,
        deadline_at=timestamp(datetime.now(UTC) + timedelta(seconds=deadline.remaining_s)),
    )


def is_settled(previous: Job | None, job: Job) -> bool:
    """Return whether the work of an attempt is done already.

    Stems are the same for the same bytes and options. A rejection is final for its upload, but the
    same bytes uploaded again are tried again, and so is a song that all attempts failed on, or one
    whose lyrics failed.
    """
    if previous is None or previous.options != job.options or not previous.is_final:
        return False
    if previous.source is None or job.source is None:
        return previous.source is job.source  # the song was deleted before all attempts
    lyrics_failed = previous.lyrics and previous.lyrics.status is LyricsStatus.FAILED
    if previous.status is Status.DONE and not lyrics_failed:
        return previous.source.etag == job.source.etag
    return previous.source.is_same_as(job.source)


def require_size(upload: Upload, max_bytes: int, *, may_come: bool) -> None:
    """Reject a song that is empty or too large.

    Parameters
    ----------
    may_come : Whether the song may follow: some clients first make an empty object.

    Raises
    ------
    TransientError : The file has no bytes yet.
    EmptyAudioError : The file has no bytes.
    TooLargeError : The file exceeds the limit.
    """
    if upload.size_bytes == 0 and upload.is_readable:
        if may_come:
            raise TransientError("The file is empty: the song may follow.")
        raise EmptyAudioError("The file is empty: upload it again.")
    if upload.size_bytes > max_bytes:
        raise TooLargeError(
            f"The file has {upload.size_bytes / 1e6:.0f} MB, and at most {max_bytes / 1e6:.0f} MB "
            "are taken: send it compressed, as mp3 or flac, or in parts."
        )


def _given_options(
    key: UploadKey, upload: Upload | None, previous: Job | None
) -> Mapping[str, Any]:
    """Return the options that the API put into the record, or those of the folder and metadata."""
    if previous and (upload is None or key.origin is Origin.JOBS):
        return previous.options
    metadata = upload.metadata if upload else {}
    bare = {name: value for name, value in metadata.items() if name in BARE_NAMES}
    # With the prefix, a wrong name is an error; see Options.parse.
    prefixed = {
        name.removeprefix(METADATA_PREFIX).replace("-", "_"): value
        for name, value in metadata.items()
        if name.startswith(METADATA_PREFIX)
    }
    return key.folder_options | bare | prefixed


def _normalised(given: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return Options.parse(given).to_dict()
    except OptionError:
        return dict(given)
