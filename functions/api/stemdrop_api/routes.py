"""The calls that need a credential."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Body, Header, Path, Request, Response, Security, status
from starlette.convertors import Convertor, register_url_convertor

from stemdrop.jobs import Job
from stemdrop.keys import Origin
from stemdrop_api import documentation, examples
from stemdrop_api.auth import GuardedRoute, Owner, bearer
from stemdrop_api.capabilities import offer
from stemdrop_api.dependencies import Service, ServiceOfApp
from stemdrop_api.errors import POLL_S
from stemdrop_api.etag import is_known, tag_of
from stemdrop_api.jobs import create_job, delete_job, find, key_of, result_key
from stemdrop_api.presenters import Viewer, as_of, filename_of, show_upload
from stemdrop_api.schemas import CreatedJob, JobRequest, JobView, OptionsView

JobId = Annotated[str, Path(alias="id", description="Of a job.", examples=[examples.JOB_ID])]
Stem = Annotated[
    str, Path(description="A stem of the job, or `zip` for all of them.", examples=["vocals"])
]
Key = Annotated[
    str,
    Path(description="Of a song in the upload bucket, after `drop/`.", examples=["live/Song.mp3"]),
]
IfNoneMatch = Annotated[str | None, Header(description="The `ETag` of an earlier answer.")]

router = APIRouter(
    route_class=GuardedRoute, dependencies=[Security(bearer)], tags=["with a credential"]
)


class KeyConvertor(Convertor[str]):
    """The rest of a path, whatever is in it; the framework's own ends at a line break."""

    regex = r"(?s:.+)"

    def convert(self, value: str) -> str:
        """Return the key as it is."""
        return value

    def to_string(self, value: str) -> str:
        """Return the key as it is."""
        return value


register_url_convertor("key", KeyConvertor())


@router.post(
    "/jobs",
    operation_id="createJob",
    status_code=status.HTTP_201_CREATED,
    responses=documentation.CREATE_JOB,
)
def create(
    wanted: Annotated[JobRequest, Body(openapi_examples=documentation.REQUESTS)],
    request: Request,
    response: Response,
    service: ServiceOfApp,
    owner: Owner,
) -> CreatedJob:
    """Make a job for a song.

    The answer has an upload URL, to which the song goes straight to S3: send a `PUT` with the file
    as its body, as `curl -T` does. A song whose `sha256` is known needs no upload: the job is done.
    """
    job, upload = create_job(service, wanted, owner)
    view = _viewer(request, service).show(job)
    response.headers["Location"] = view.links.self
    shown = show_upload(upload, view.filename) if upload else None
    return CreatedJob(**dict(view), upload=shown)


@router.get(
    "/jobs/{id}",
    operation_id="showJob",
    response_model=JobView,
    responses=documentation.SHOW_JOB,
)
def show(
    job_id: JobId,
    request: Request,
    service: ServiceOfApp,
    owner: Owner,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """Show a job: where it stands, and its stems with URLs to download them.

    Ask again after the seconds of `Retry-After`, with the `ETag` as `If-None-Match`: while nothing
    has changed, the answer is 304.
    """
    job, etag = find(service.store, key_of(Origin.JOBS, job_id), owner)
    return _answer(_viewer(request, service), job, etag, if_none_match)


@router.get(
    "/jobs/{id}/stems/{stem}",
    operation_id="downloadStem",
    response_class=Response,
    status_code=status.HTTP_307_TEMPORARY_REDIRECT,
    responses=documentation.DOWNLOAD,
)
def download(
    job_id: JobId,
    stem: Stem,
    service: ServiceOfApp,
    owner: Owner,
) -> Response:
    """Lead to the file of a stem, by a URL that is signed at this moment.

    `curl -L -OJ` saves it under its name.
    """
    job, _ = find(service.store, key_of(Origin.JOBS, job_id), owner)
    key = result_key(as_of(job, datetime.now(UTC)), stem)
    url = service.signer.download_url(key, filename_of(job, key))
    return Response(status_code=status.HTTP_307_TEMPORARY_REDIRECT, headers={"Location": url})


@router.delete(
    "/jobs/{id}",
    operation_id="deleteJob",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=documentation.DELETE_JOB,
)
def delete(job_id: JobId, service: ServiceOfApp, owner: Owner) -> None:
    """Delete a job now: its record, its stems, its song, and what is remembered of it."""
    delete_job(service.store, key_of(Origin.JOBS, job_id), owner)


@router.get(
    "/drop/{key:key}",
    operation_id="showSong",
    response_model=JobView,
    responses=documentation.SHOW_SONG,
)
def show_song(
    key: Key,
    request: Request,
    service: ServiceOfApp,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """Show a song of the drop folder like a job.

    Everybody who gets in may see it. API Gateway ends a path at a question mark, even at an encoded
    one: songs with it in their key can't be asked for.
    """
    job, etag = find(service.store, key_of(Origin.DROP, key))
    return _answer(_viewer(request, service), job, etag, if_none_match)


@router.get("/options", operation_id="showOptions", responses=documentation.SHOW_OPTIONS)
def show_options(service: ServiceOfApp) -> OptionsView:
    """Tell what can be asked for here, within which limits, and what it costs."""
    return offer(service.settings)


def _viewer(request: Request, service: Service) -> Viewer:
    return Viewer(service, str(request.base_url), datetime.now(UTC))


def _answer(viewer: Viewer, job: Job, etag: str, if_none_match: str | None) -> Response:
    """Show a job to somebody who may have seen it before."""
    job = as_of(job, viewer.now)
    tag = tag_of(etag, job, viewer.service.settings.url_lifetime_s, viewer.now)
    headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
    if not job.is_finished:
        headers["Retry-After"] = str(POLL_S)
    if is_known(tag, if_none_match):
        return Response(status_code=status.HTTP_304_NOT_MODIFIED, headers=headers)
    body = viewer.show(job).model_dump_json()
    return Response(body, headers=headers, media_type="application/json")
