"""What the API says, as far as the client wants to know."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from stemdrop.errors import OptionError
from stemdrop.jobs import Stage, Status
from stemdrop.keys import JOB_ID, ZIP_NAME
from stemdrop.options import Options
from stemdrop.presigned import PresignedUpload
from stemdrop_cli.errors import ServerError
from stemdrop_cli.names import last_part


@dataclass(frozen=True, slots=True)
class Download:
    """A file to fetch; `url` is presigned, so it is never shown."""

    size_bytes: int
    url: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Clipping:
    """A stem with samples that its format could not hold."""

    stem: str
    samples: int
    peak_dbfs: float | None


@dataclass(frozen=True, slots=True)
class JobView:
    """A job as the server shows it.

    Attributes
    ----------
    filename : the last part of the song's path, safe to make a path of.
    progress : 0 to 1, of the separation.
    seconds_left : of the separation, if the server knows.
    given_options : as the server shows them; see `options`.
    downloads : names of stems, and of the zip, to their files.
    gain_db : by how much all stems were scaled so that none clips.
    failure : one sentence, if the job failed.
    """

    id: str
    filename: str
    status: Status
    stage: Stage | None
    progress: float
    seconds_left: float | None
    given_options: Mapping[str, object]
    downloads: Mapping[str, Download] = field(default_factory=dict)
    clippings: tuple[Clipping, ...] = ()
    gain_db: float = 0.0
    failure: str | None = None
    warnings: tuple[str, ...] = ()

    @property
    def is_finished(self) -> bool:
        """Return whether the job has ended, well or not."""
        return self.status in {Status.DONE, Status.FAILED}

    @property
    def options(self) -> Options:
        """Return the options; a job that failed because of them has none.

        Raises
        ------
        ServerError : they are not valid, so they are those of another version.
        """
        try:
            return Options.parse(self.given_options)
        except OptionError as error:
            raise ServerError(f"The server's options can't be read: {error.message}") from error


def read_job(shown: Any) -> JobView:
    """Read a job.

    Raises
    ------
    ServerError : this is no job.
    """
    try:
        if not JOB_ID.fullmatch(shown["id"]):
            raise ValueError
        stems = {stem["stem"]: stem for stem in shown["stems"]}
        files = stems | ({ZIP_NAME: shown["zip"]} if shown["zip"] else {})
        return JobView(
            id=shown["id"],
            filename=last_part(shown["filename"] or "") or shown["id"],
            status=Status(shown["status"]),
            stage=Stage(shown["stage"]) if shown["stage"] else None,
            progress=float(shown["progress"]),
            seconds_left=shown["seconds_left"],
            given_options=dict(shown["options"]),
            downloads={name: Download(int(f["size_bytes"]), f["url"]) for name, f in files.items()},
            clippings=tuple(
                Clipping(name, stem["clipped_samples"], stem["peak_dbfs"])
                for name, stem in stems.items()
                if stem["clipped_samples"]
            ),
            gain_db=min((float(stem.get("gain_db", 0)) for stem in stems.values()), default=0.0),
            failure=str(shown["error"]["message"]) if shown["error"] else None,
            warnings=tuple(map(str, shown["warnings"])),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ServerError("The server's answer is no job: is it of another version?") from error


def read_upload(shown: Any) -> PresignedUpload | None:
    """Read the upload URL of a new job; there is none if its stems are there already.

    Raises
    ------
    ServerError : this is no upload URL.
    """
    try:
        upload = shown["upload"]
        if not upload:
            return None
        if upload["method"] != "PUT":
            raise ValueError
        headers = {str(name): str(value) for name, value in upload["headers"].items()}
        return PresignedUpload("PUT", str(upload["url"]), headers, str(upload["expires_at"]))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        said = "The server's answer has no upload URL: is it of another version?"
        raise ServerError(said) from error
