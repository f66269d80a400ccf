"""How jobs are shown: with names for their files, signed URLs, and what follows from the time."""

import shlex
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from urllib.parse import quote

from stemdrop.errors import TimedOutError
from stemdrop.jobs import Failure, Job, Stage, Status, Stem, StemArchive, timestamp
from stemdrop.keys import Origin, UploadKey
from stemdrop.presigned import PresignedUpload
from stemdrop_api.dependencies import Service
from stemdrop_api.schemas import JobView, Links, StemView, UploadView, ZipView

TIMED_OUT = "The separation has died, or takes longer than it may: upload the song again."
# As small as a record has it; less says nothing about the rest.
MIN_PROGRESS = 0.001
# The longest name of a file on Linux, in bytes.
MAX_FILENAME_BYTES = 255


def as_of(job: Job, now: datetime) -> Job:
    """Return a job as it stands now: one that is worked on beyond its deadline has failed."""
    deadline_at = job.deadline_at if job.status is Status.PROCESSING else None
    if deadline_at is None or now <= datetime.fromisoformat(deadline_at):
        return job
    return replace(
        job,
        status=Status.FAILED,
        stage=None,
        error=Failure(TimedOutError.code, TIMED_OUT),
        finished_at=deadline_at,
    )


def seconds_left(job: Job, now: datetime) -> float | None:
    """Estimate how long a separation goes on, from how far it has come; None if nobody knows."""
    if job.stage is not Stage.SEPARATING or job.started_at is None or job.progress < MIN_PROGRESS:
        return None
    started_at = datetime.fromisoformat(job.started_at)
    spent_s = (datetime.fromisoformat(job.updated_at) - started_at).total_seconds()
    left_s = spent_s / job.progress - (now - started_at).total_seconds()
    return round(max(left_s, 0.0), 1)


def expires_at(job: Job, retention_days: int) -> str | None:
    """Return when S3 deletes the results of a job that has ended.

    Source: "Setting expiration rules" in the S3 user guide: the days are counted from the object's
    creation, and rounded up to the next midnight UTC.
    """
    if job.finished_at is None:
        return None
    last = datetime.fromisoformat(job.finished_at) + timedelta(days=retention_days)
    midnight = datetime.combine(last.date(), time(), UTC)
    return timestamp(midnight if midnight == last else midnight + timedelta(days=1))


def filename_of(job: Job, key: str) -> str:
    """Return the name under which a result is saved, such as ``Song - vocals.wav``."""
    ending = " - " + key.rpartition("/")[2]
    letters = (
        letter if letter.isprintable() and letter not in "/\\" else "_" for letter in job.title
    )
    room = MAX_FILENAME_BYTES - len(ending.encode())
    return "".join(letters).encode()[:room].decode(errors="ignore") + ending


def show_upload(upload: PresignedUpload, filename: str) -> UploadView:
    """Return what is said about an upload URL: the request for programs, a command for people."""
    # curl reads brackets and braces as patterns, and a lone dash as its standard input.
    options = ["--fail-with-body"] + ["--globoff"] * bool(set("[]{}") & set(filename))
    path = f"./{filename}" if filename.startswith("-") else filename
    headers = [word for pair in upload.headers.items() for word in ("-H", ": ".join(pair))]
    return UploadView(
        method="PUT",
        url=upload.url,
        headers=upload.headers,
        expires_at=upload.expires_at,
        command=shlex.join(["curl", *options, "-T", path, *headers, upload.url]),
    )


@dataclass(frozen=True, slots=True)
class Viewer:
    """Shows jobs to somebody.

    Attributes
    ----------
    base_url : of the API, as its caller sees it, with a slash at the end.
    now : the time.
    """

    service: Service
    base_url: str
    now: datetime

    def show(self, job: Job) -> JobView:
        """Return what is said about a job."""
        job = as_of(job, self.now)
        key = UploadKey.parse(job.key)
        settings = self.service.settings
        urls_expire_at = self.now + timedelta(seconds=settings.url_lifetime_s)
        return JobView(
            id=key.name if key.origin is Origin.JOBS else None,
            key=job.key,
            filename=job.name,
            status=job.status,
            stage=job.stage,
            progress=job.progress,
            seconds_left=seconds_left(job, self.now),
            options=job.options,
            source=job.source,
            sound=job.sound,
            stems=[self._stem(job, stem) for stem in job.stems],
            zip=self._zip(job, job.zip) if job.zip else None,
            error=job.error,
            warnings=list(job.warnings),
            usage=job.usage,
            attempt=job.attempt,
            created_at=job.created_at,
            started_at=job.started_at,
            updated_at=job.updated_at,
            finished_at=job.finished_at,
            deadline_at=job.deadline_at,
            expires_at=expires_at(job, settings.retention_days),
            urls_expire_at=timestamp(urls_expire_at) if job.stems else None,
            links=self._links(job, key),
        )

    def _stem(self, job: Job, stem: Stem) -> StemView:
        filename = filename_of(job, stem.key)
        return StemView(
            stem=stem.stem,
            filename=filename,
            size_bytes=stem.size_bytes,
            duration_s=stem.duration_s,
            peak_dbfs=stem.peak_dbfs,
            clipped_samples=stem.clipped_samples,
            gain_db=stem.gain_db,
            waveform=stem.waveform,
            url=self.service.signer.download_url(stem.key, filename),
        )

    def _zip(self, job: Job, archive: StemArchive) -> ZipView:
        filename = filename_of(job, archive.key)
        url = self.service.signer.download_url(archive.key, filename)
        return ZipView(filename=filename, size_bytes=archive.size_bytes, url=url)

    def _links(self, job: Job, key: UploadKey) -> Links:
        """Return links; the stems of the drop folder have none, as there is no call for them."""
        itself = self.base_url + quote(job.key)
        stems = job.stems if key.origin is Origin.JOBS else ()
        has_zip = key.origin is Origin.JOBS and job.zip is not None
        return Links(
            self=itself,
            stems={stem.stem: f"{itself}/stems/{stem.stem}" for stem in stems},
            zip=f"{itself}/stems/zip" if has_zip else None,
        )
