"""The routes that need a credential."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Body, Header, Path, Query, Request, Response, Security, status
from pydantic import AfterValidator
from starlette.convertors import PathConvertor, register_url_convertor

from stemdrop.job_record import Job
from stemdrop.keys import Origin
from stemdrop_api import examples, openapi
from stemdrop_api.auth import AuthenticatedRoute, Owner, bearer
from stemdrop_api.capabilities import describe_capabilities
from stemdrop_api.dependencies import AppDependencies, Dependencies
from stemdrop_api.errors import POLL_S
from stemdrop_api.etag import etag_for, matches
from stemdrop_api.idempotency import IdempotencyKey
from stemdrop_api.job_creation import create_job
from stemdrop_api.job_index import parse_cursor
from stemdrop_api.jobs import delete_job, find_job, find_song, parse_key, result_key
from stemdrop_api.presenters import JobPresenter, as_of, filename_of, present_upload
from stemdrop_api.schemas import Capabilities, CreatedJob, JobList, JobRequest, JobView

DEFAULT_LIMIT = 20
# The response of so many jobs is smaller than Lambda's limit of 6 MB.
MAX_LIMIT = 50

JobId = Annotated[str, Path(alias="id", description="ID of a job.", examples=[examples.JOB_ID])]
StemName = Annotated[
    str,
    Path(
        description="Stem of the job, or `zip`, `stem_file`, or a file such as `lyrics.lrc`.",
        examples=["vocals", "lyrics.lrc"],
    ),
]
SongKey = Annotated[
    str,
    Path(description="Key in the upload bucket, after `drop/`.", examples=["live/Song.mp3"]),
]
Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT, description="Largest number of jobs.")]
Cursor = Annotated[
    str | None,
    Query(description="`next_cursor` of the page before, unchanged."),
    AfterValidator(parse_cursor),
]
IfNoneMatch = Annotated[str | None, Header(description="`ETag` of an earlier response.")]

router = APIRouter(route_class=AuthenticatedRoute, dependencies=[Security(bearer)])


class KeyConvertor(PathConvertor):
    """The rest of a path; Starlette's own convertor stops at a line break."""

    regex = r"(?s:.+)"


register_url_convertor("key", KeyConvertor())


@router.post(
    "/jobs",
    operation_id="createJob",
    tags=["jobs"],
    summary="Create a job for a song",
    status_code=status.HTTP_201_CREATED,
    responses=openapi.CREATE_JOB,
)
def create(
    wanted: Annotated[JobRequest, Body(openapi_examples=openapi.REQUESTS)],
    request: Request,
    response: Response,
    dependencies: AppDependencies,
    owner: Owner,
    idempotency_key: IdempotencyKey = None,
) -> CreatedJob:
    """Create a job, and an upload URL for its song.

    Upload the song straight to S3: send a `PUT` request with the file as its body, as `curl -T`
    does. A song with a known `sha256` needs no upload, and its job is `done` at once.

    With an `Idempotency-Key`, the request can be sent again. The response then has the job as it
    is, with a new upload URL while the song is awaited.
    """
    job, upload = create_job(dependencies, wanted, owner, idempotency_key)
    view = _presenter(request, dependencies).present(job)
    response.headers["Location"] = view.links.self
    shown = present_upload(upload, view.filename) if upload else None
    return CreatedJob(**dict(view), upload=shown)


@router.get(
    "/jobs",
    operation_id="listJobs",
    tags=["jobs"],
    summary="List jobs",
    responses=openapi.LIST_JOBS,
)
def list_jobs(
    request: Request,
    dependencies: AppDependencies,
    owner: Owner,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> JobList:
    """List the caller's jobs, the newest first, a page at a time.

    All clients with the access token share a list. Songs of the drop folder have no owner and are
    not listed.
    """
    page = dependencies.index.list_jobs(owner, limit, cursor)
    presenter = _presenter(request, dependencies)
    jobs = [presenter.present(job) for job in page.jobs]
    return JobList(jobs=jobs, next_cursor=page.next_cursor)


@router.get(
    "/jobs/{id}",
    operation_id="showJob",
    tags=["jobs"],
    summary="Show a job",
    response_model=JobView,
    responses=openapi.SHOW_JOB,
)
def show(
    job_id: JobId,
    request: Request,
    dependencies: AppDependencies,
    owner: Owner,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """Show the status of a job, and its stems with URLs to download them.

    To poll a job, wait for the seconds of `Retry-After` and send the `ETag` as `If-None-Match`. The
    response is 304 while the job has not changed.
    """
    job, etag = find_job(dependencies.store, parse_key(Origin.JOBS, job_id), owner)
    return _respond(_presenter(request, dependencies), job, etag, if_none_match)


@router.get(
    "/jobs/{id}/stems/{stem}",
    operation_id="downloadStem",
    tags=["jobs"],
    summary="Download a stem",
    response_class=Response,
    status_code=status.HTTP_307_TEMPORARY_REDIRECT,
    responses=openapi.DOWNLOAD,
)
def download(
    job_id: JobId,
    stem: StemName,
    dependencies: AppDependencies,
    owner: Owner,
) -> Response:
    """Redirect to a new presigned URL of a stem, or of the lyrics.

    `curl -L -OJ` saves it under its name.
    """
    job, _ = find_job(dependencies.store, parse_key(Origin.JOBS, job_id), owner)
    key = result_key(as_of(job, datetime.now(UTC)), stem)
    url = dependencies.signer.download_url(key, filename_of(job, key))
    return Response(status_code=status.HTTP_307_TEMPORARY_REDIRECT, headers={"Location": url})


@router.delete(
    "/jobs/{id}",
    operation_id="deleteJob",
    tags=["jobs"],
    summary="Delete a job",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=openapi.DELETE_JOB,
)
def delete(job_id: JobId, dependencies: AppDependencies, owner: Owner) -> None:
    """Delete the record of a job, its stems, its song, and its entry in the content index."""
    delete_job(dependencies, parse_key(Origin.JOBS, job_id), owner)


@router.get(
    "/drop/{key:key}",
    operation_id="showSong",
    tags=["drop folder"],
    summary="Show a song of the drop folder",
    response_model=JobView,
    responses=openapi.SHOW_JOB,
)
def show_song(
    key: SongKey,
    request: Request,
    dependencies: AppDependencies,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """Show a song of the drop folder like a job.

    Every user may see it. A key with a question mark can't be shown: API Gateway ends the path at
    it, even if it is encoded.
    """
    job, etag = find_song(dependencies.store, key)
    return _respond(_presenter(request, dependencies), job, etag, if_none_match)


@router.get(
    "/options",
    operation_id="showOptions",
    tags=["options"],
    summary="Show options, limits and prices",
    responses=openapi.SHOW_OPTIONS,
)
def show_options(dependencies: AppDependencies) -> Capabilities:
    """Show the options that this installation accepts, its limits, and its prices."""
    return describe_capabilities(dependencies.settings)


def _presenter(request: Request, dependencies: Dependencies) -> JobPresenter:
    return JobPresenter(dependencies, str(request.base_url), datetime.now(UTC))


def _respond(presenter: JobPresenter, job: Job, etag: str, if_none_match: str | None) -> Response:
    """Return the view of a job, or status 304 if the caller already has it."""
    job = as_of(job, presenter.now)
    lifetime_s = presenter.dependencies.settings.url_lifetime_s
    etag = etag_for(etag, job, lifetime_s, presenter.now)
    headers = {"ETag": etag, "Cache-Control": "private, no-cache"}
    if not job.is_finished or job.has_pending_lyrics:
        headers["Retry-After"] = str(POLL_S)
    if matches(etag, if_none_match):
        return Response(status_code=status.HTTP_304_NOT_MODIFIED, headers=headers)
    body = presenter.present(job).model_dump_json()
    return Response(body, headers=headers, media_type="application/json")
