"""Schemas of requests and responses; types of the core are used as they are."""

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from stemdrop.callback_url import MAX_LETTERS
from stemdrop.codecs import Codec
from stemdrop.job_record import Failure, Sound, Stage, Status, UploadSource, Usage
from stemdrop.models import Model
from stemdrop.music import Music
from stemdrop.options import Options, Quality
from stemdrop_api import option_schema
from stemdrop_api.lyrics_schemas import LyricsEstimateView, LyricsView

# S3 can't limit the size of a PUT in any other way than by signing its length.
SIZE = "Exact size of the file. It is required: S3 accepts a body of this length only."
# Source: "Amazon S3 multipart upload limits", AWS documentation.
LARGEST_PUT_BYTES = 5 * 2**30
# No control characters; after the last slash of Unix or Windows, more than dots and spaces.
CONTROLS = r"\u0000-\u001f\u007f-\u009f"
FILENAME = rf"^[^{CONTROLS}]*[^{CONTROLS}/\\. ][^{CONTROLS}/\\]*$"


def _last_part(filename: str) -> str:
    if not re.fullmatch(FILENAME, filename):
        raise ValueError(
            "A filename has letters, no control characters, and doesn't end in a slash."
        )
    return re.split(r"[/\\]", filename)[-1]


Filename = Annotated[
    str,
    Field(min_length=1, max_length=255, json_schema_extra={"pattern": FILENAME}),
    AfterValidator(_last_part),
]
Sha256 = Annotated[str, Field(pattern="^[0-9A-Fa-f]{64}$"), AfterValidator(str.lower)]


def _add_options(schema: dict[str, Any]) -> None:
    schema["properties"] |= option_schema.properties()
    schema["additionalProperties"] = False


class JobRequest(BaseModel):
    """A song to upload, and the options of its separation."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra=_add_options,
    )

    filename: Filename = Field(description="Name of the song; a leading folder is removed.")
    size_bytes: int = Field(ge=1, le=LARGEST_PUT_BYTES, strict=True, description=SIZE)
    sha256: Sha256 | None = Field(
        None,
        description=(
            "SHA-256 of the file, in hex. S3 then accepts these bytes only, and a known song needs "
            "no upload."
        ),
    )

    callback_url: str | None = Field(
        None,
        max_length=MAX_LETTERS,
        description=(
            "URL to which a signed webhook is sent when the job has ended: https, on a host that "
            "this installation allows."
        ),
    )

    def options(self) -> Options:
        """Return all other fields of the request as options.

        Raises
        ------
        OptionError : An option is unknown, or its value is not allowed.
        """
        return option_schema.parse(self.model_extra or {})


class StemFields(BaseModel):
    """The fields of a stem that are shown as they are in the record."""

    model_config = ConfigDict(from_attributes=True)

    stem: str
    size_bytes: int
    duration_s: float
    peak_dbfs: float | None = Field(description="Largest sample; null for silence.")
    clipped_samples: int = Field(description="Number of samples that the format could not hold.")
    gain_db: float = Field(description="Gain that was applied to all stems so that none clips.")
    waveform: str = Field(
        description="Largest sample of each part, as two hex digits; ff is full scale."
    )


class StemView(StemFields):
    """A stem, and a URL of its file."""

    filename: str = Field(description="Name under which browsers save the file.")
    url: str = Field(description="Presigned URL: it needs no credential, and expires soon.")


class ResultFileView(BaseModel):
    """A result other than a stem or the lyrics: the zip, the stem file or the peaks."""

    filename: str
    size_bytes: int
    url: str


class JobLinks(BaseModel):
    """URLs of this API; they need the credential and do not expire."""

    self: str
    stems: dict[str, str] = Field(description="URL of each stem, which redirects to its file.")
    zip: str | None
    stem_file: str | None
    lyrics: dict[str, str] = Field(
        description="URL of the lyrics in each format, which redirects to the file."
    )


class JobFields(BaseModel):
    """The fields of a job that are shown as they are in the record."""

    model_config = ConfigDict(from_attributes=True)

    key: str
    status: Status
    stage: Stage | None
    progress: float = Field(ge=0, le=1)
    options: dict[str, Any]
    callback_url: str | None
    source: UploadSource | None
    sound: Sound | None
    music: Music | None
    error: Failure | None
    warnings: list[str]
    usage: Usage | None
    attempt: int
    created_at: str
    started_at: str | None
    updated_at: str
    finished_at: str | None
    deadline_at: str | None


class JobView(JobFields):
    """A job: its status, and its results."""

    id: str | None = Field(description="Null for a song of the drop folder.")
    filename: str
    seconds_left: float | None = Field(description="Estimate, while the song is separated.")
    stems: list[StemView]
    zip: ResultFileView | None
    stem_file: ResultFileView | None
    peaks: ResultFileView | None = Field(
        description="Waveforms of the song and its stems; null in results of earlier versions."
    )
    lyrics: LyricsView | None = Field(description="Null unless the job asked for lyrics.")
    expires_at: str | None = Field(description="Time at which S3 deletes the results.")
    urls_expire_at: str | None = Field(
        description="Time at which the presigned URLs expire: request the job again then."
    )
    links: JobLinks


class UploadView(BaseModel):
    """An upload URL: a request whose body is the song."""

    method: Literal["PUT"]
    url: str = Field(description="Presigned URL: it needs no credential.")
    headers: dict[str, str] = Field(
        description=(
            "Headers to send. Clients set `Content-Length` themselves: it must be `size_bytes`, so "
            "a chunked body is refused."
        )
    )
    expires_at: str = Field(description="Time before which the upload must begin.")
    command: str = Field(description="Command that uploads the song from its folder with curl.")


class CreatedJob(JobView):
    """A new job."""

    upload: UploadView | None = Field(description="Null if the song is known: the job is done.")


class JobList(BaseModel):
    """Jobs of the caller, the newest first."""

    jobs: list[JobView] = Field(description="May be fewer than `limit`, even if others follow.")
    next_cursor: str | None = Field(description="Cursor of the next page; null on the last one.")


class ModelView(BaseModel):
    """An installed model."""

    model: Model
    stems: list[str]


class CodecView(BaseModel):
    """A format of the stems."""

    codec: Codec
    bit_depths: list[str] = Field(description="Default first; empty for a lossy format.")


class OptionValue(BaseModel):
    """A value of an option."""

    value: str
    label: str


class OptionView(BaseModel):
    """An option, with what a form needs for its control."""

    name: str
    label: str
    description: str
    type: Literal["string", "number", "boolean", "array"]
    values: list[OptionValue] = Field(description="Allowed values; empty if there is no list.")
    examples: list[str] = Field(description="Common values, if there is no list.")
    minimum: float | None = Field(description="Lower limit of a number.")
    maximum: float | None = Field(description="Upper limit of a number.")
    default: Any = Field(description="Null if the default depends on other options.")


class SongLimits(BaseModel):
    """Limits of a song."""

    max_upload_bytes: int
    max_duration_s: int


class EstimateView(BaseModel):
    """Estimated time and cost of a separation on AWS, for each minute of the song."""

    model: Model
    quality: Quality
    seconds_per_audio_minute: float = Field(description="Without uploads and the queue.")
    usd_per_audio_minute: float = Field(description="Cost of Lambda, without storage and transfer.")


class Capabilities(BaseModel):
    """The options, limits and prices of this installation."""

    models: list[ModelView]
    codecs: list[CodecView]
    bitrate_range_kbps: tuple[int, int]
    defaults: dict[str, Any]
    options: list[OptionView]
    limits: SongLimits
    retention_days: int
    url_lifetime_s: int
    estimates: list[EstimateView]
    lyrics: LyricsEstimateView | None = Field(description="Null if there is no engine for them.")


class Health(BaseModel):
    """The health of the function."""

    status: Literal["ok"]
