"""Views of jobs: the record, with filenames, presigned URLs, links, and times."""

import shlex
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from urllib.parse import quote

from stemdrop.errors import LyricsTimedOutError, TimedOutError
from stemdrop.expiry import expires_at
from stemdrop.job_record import Failure, Job, ResultFile, Stage, Status, Stem, timestamp
from stemdrop.keys import Origin, UploadKey, result_name
from stemdrop.lyrics import Lyrics, LyricsStatus
from stemdrop.options import LATER
from stemdrop.presigned import PresignedUpload
from stemdrop_api.dependencies import Dependencies
from stemdrop_api.lyrics_schemas import LyricsFields, LyricsFileView, LyricsView
from stemdrop_api.schemas import (
    JobFields,
    JobLinks,
    JobView,
    ResultFileView,
    StemFields,
    StemView,
    UploadView,
)

TIMED_OUT = "The separation stopped or exceeded its time limit: upload the song again."
LYRICS_TIMED_OUT = "The transcription stopped or exceeded its time limit: upload the song again."
# Until the next attempt after one that was killed or failed: SQS delivers the song again after 60
# or 120 s, and a function starts.
NEXT_ATTEMPT_S = 150
# The longest filename on Linux.
MAX_FILENAME_BYTES = 255


def as_of(job: Job, now: datetime) -> Job:
    """Return a job as it is at a time: after its deadline, it has failed, or its lyrics have.

    A separation still has time for another attempt to begin, which sets a new deadline.
    """
    last_attempt = now - timedelta(seconds=NEXT_ATTEMPT_S)
    if job.status is Status.PROCESSING and _is_past(job.deadline_at, last_attempt):
        job = replace(
            job,
            status=Status.FAILED,
            stage=None,
            error=Failure(TimedOutError.code, TIMED_OUT),
            finished_at=job.deadline_at,
        )
    if job.lyrics and job.has_pending_lyrics and _is_past(job.lyrics.deadline_at, now):
        lyrics = replace(
            job.lyrics,
            status=LyricsStatus.FAILED,
            code=LyricsTimedOutError.code,
            reason=LYRICS_TIMED_OUT,
            finished_at=job.lyrics.deadline_at,
        )
        job = replace(job, lyrics=lyrics)
    return job


def _is_past(deadline_at: str | None, now: datetime) -> bool:
    return deadline_at is not None and now > datetime.fromisoformat(deadline_at)


def seconds_left(job: Job, now: datetime) -> float | None:
    """Return the remaining time of a separation; None if it is unknown."""
    if job.stage is not Stage.SEPARATING or job.seconds_left is None:
        return None
    spent_s = (now - datetime.fromisoformat(job.updated_at)).total_seconds()
    return round(max(job.seconds_left - spent_s, 0.0), 1)


def results_expire_at(job: Job, retention_days: int) -> str | None:
    """Return the time at which S3 deletes the results of a finished job."""
    if job.finished_at is None:
        return None
    return timestamp(expires_at(datetime.fromisoformat(job.finished_at), retention_days))


def filename_of(job: Job, key: str) -> str:
    """Return the filename of a result for downloads, such as ``Song - vocals.wav``."""
    ending = " - " + result_name(key)
    letters = (
        letter if letter.isprintable() and letter not in "/\\" else "_" for letter in job.title
    )
    room = MAX_FILENAME_BYTES - len(ending.encode())
    return "".join(letters).encode()[:room].decode(errors="ignore") + ending


def present_upload(upload: PresignedUpload, filename: str) -> UploadView:
    """Return the view of an upload URL: the request for programs, a command for people."""
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
class JobPresenter:
    """Makes views of jobs.

    Attributes
    ----------
    base_url : URL of the API as the caller sees it, with a slash at the end.
    now : Time of the request.
    """

    dependencies: Dependencies
    base_url: str
    now: datetime

    def present(self, job: Job) -> JobView:
        """Return the view of a job."""
        job = as_of(job, self.now)
        # A record leaves out the defaults of later options; a caller needn't know them.
        defaults = {name: value for name, value in LATER.items() if name not in job.options}
        job = replace(job, options=job.options | defaults)
        key = UploadKey.parse(job.key)
        settings = self.dependencies.settings
        urls_expire_at = self.now + timedelta(seconds=settings.url_lifetime_s)
        return JobView(
            **dict(JobFields.model_validate(job)),
            id=key.name if key.origin is Origin.JOBS else None,
            filename=job.name,
            seconds_left=seconds_left(job, self.now),
            stems=[self._present_stem(job, stem) for stem in job.stems],
            zip=self._present_file(job, job.zip),
            stem_file=self._present_file(job, job.stem_file),
            peaks=self._present_file(job, job.peaks),
            lyrics=self._present_lyrics(job, job.lyrics),
            expires_at=results_expire_at(job, settings.retention_days),
            urls_expire_at=timestamp(urls_expire_at) if job.stems else None,
            links=self._links(job, key),
        )

    def _present_stem(self, job: Job, stem: Stem) -> StemView:
        filename, url = self._download(job, stem.key)
        return StemView(**dict(StemFields.model_validate(stem)), filename=filename, url=url)

    def _present_file(self, job: Job, file: ResultFile | None) -> ResultFileView | None:
        if file is None:
            return None
        filename, url = self._download(job, file.key)
        return ResultFileView(filename=filename, size_bytes=file.size_bytes, url=url)

    def _present_lyrics(self, job: Job, lyrics: Lyrics | None) -> LyricsView | None:
        if lyrics is None:
            return None
        files = []
        for file in lyrics.files:
            filename, url = self._download(job, file.key)
            files.append(
                LyricsFileView(
                    format=file.format, filename=filename, size_bytes=file.size_bytes, url=url
                )
            )
        return LyricsView(**dict(LyricsFields.model_validate(lyrics)), files=files)

    def _download(self, job: Job, key: str) -> tuple[str, str]:
        """Return the filename and the presigned URL of a result."""
        filename = filename_of(job, key)
        return filename, self.dependencies.signer.download_url(key, filename)

    def _links(self, job: Job, key: UploadKey) -> JobLinks:
        """Return links; songs of the drop folder have none to their stems."""
        itself = self.base_url + quote(job.key)
        has_links = key.origin is Origin.JOBS
        stems = job.stems if has_links else ()
        lyrics = job.lyrics.files if has_links and job.lyrics else ()
        return JobLinks(
            self=itself,
            stems={stem.stem: f"{itself}/stems/{stem.stem}" for stem in stems},
            zip=f"{itself}/stems/zip" if has_links and job.zip else None,
            stem_file=f"{itself}/stems/stem_file" if has_links and job.stem_file else None,
            lyrics={file.format: f"{itself}/stems/{file.format.filename}" for file in lyrics},
        )
