"""What goes in and comes out, as JSON; what the core knows is taken from there as it is."""

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from stemdrop.codecs import Codec
from stemdrop.jobs import Failure, Sound, Stage, Status, UploadSource, Usage
from stemdrop.models import Model
from stemdrop.options import Options, Quality
from stemdrop_api import option_schema as choices

# S3 can't limit the size of a PUT in any other way than by signing its length.
SIZE = "The size of the file, exactly. It is required: S3 takes a body of this length only."
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
    schema["properties"] |= choices.properties()
    schema["additionalProperties"] = False


class JobRequest(BaseModel):
    """A song that is to be uploaded, and what to make of it."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra=_add_options,
    )

    filename: Filename = Field(description="The song's; a folder in front of it is left out.")
    size_bytes: int = Field(ge=1, strict=True, description=SIZE)
    sha256: Sha256 | None = Field(
        None,
        description=(
            "Of the file, in hex. S3 then takes these bytes only, and a song that is known needs "
            "no upload."
        ),
    )

    def options(self) -> Options:
        """Return everything else in the request as options.

        Raises
        ------
        OptionError : one is unknown, or its value isn't allowed.
        """
        return choices.parse(self.model_extra or {})


class StemView(BaseModel):
    """One stem, as in the record, with a URL of its file."""

    stem: str
    filename: str = Field(description="Under which browsers save it.")
    size_bytes: int
    duration_s: float
    peak_dbfs: float | None = Field(description="The largest sample; null for silence.")
    clipped_samples: int = Field(description="How many samples the format could not hold.")
    gain_db: float = Field(description="By how much all stems were scaled so that none clips.")
    waveform: str = Field(
        description="The largest sample of each part, two hex digits for one: ff is full scale."
    )
    url: str = Field(description="Presigned: it needs no credential, and ends soon.")


class ZipView(BaseModel):
    """The zip of all stems."""

    filename: str
    size_bytes: int
    url: str


class Links(BaseModel):
    """URLs of this API, which need the credential and don't end."""

    self: str
    stems: dict[str, str] = Field(description="Stem to a URL that leads to its file.")
    zip: str | None


class JobView(BaseModel):
    """A job: where it stands, and what has come out of it."""

    id: str | None = Field(description="Null for a song of the drop folder.")
    key: str
    filename: str
    status: Status
    stage: Stage | None
    progress: float = Field(ge=0, le=1)
    seconds_left: float | None = Field(description="An estimate, while it is being separated.")
    options: dict[str, Any]
    source: UploadSource | None
    sound: Sound | None
    stems: list[StemView]
    zip: ZipView | None
    error: Failure | None
    warnings: list[str]
    usage: Usage | None
    attempt: int
    created_at: str
    started_at: str | None
    updated_at: str
    finished_at: str | None
    deadline_at: str | None
    expires_at: str | None = Field(description="When S3 deletes the results.")
    urls_expire_at: str | None = Field(description="When the presigned URLs end: ask again then.")
    links: Links


class UploadView(BaseModel):
    """An upload URL: a request whose body is the song itself."""

    method: Literal["PUT"]
    url: str = Field(description="Presigned: it needs no credential.")
    headers: dict[str, str] = Field(
        description=(
            "Send these along. `Content-Length` is not among them, as clients set it themselves: "
            "it must be `size_bytes`, so a chunked body is refused."
        )
    )
    expires_at: str = Field(description="The upload has to begin before.")
    command: str = Field(description="Uploads by curl, from the folder of the song.")


class CreatedJob(JobView):
    """A new job."""

    upload: UploadView | None = Field(description="Null if the song is known: the job is done.")


class ModelView(BaseModel):
    """A model that the separator has."""

    model: Model
    stems: list[str]


class CodecView(BaseModel):
    """A format of stems."""

    codec: Codec
    bit_depths: list[str] = Field(description="The default first; none for a lossy format.")


class Limits(BaseModel):
    """What a song may have."""

    max_upload_bytes: int
    max_duration_s: int


class OptionsView(BaseModel):
    """What can be asked for here."""

    models: list[ModelView]
    codecs: list[CodecView]
    bitrate_range_kbps: tuple[int, int]
    defaults: dict[str, Any]
    limits: Limits
    retention_days: int
    url_lifetime_s: int
    usd_per_audio_minute: dict[Quality, float] = Field(
        description="What Lambda asks for each quality: an estimate, for 2stems."
    )


class Health(BaseModel):
    """The function runs."""

    status: Literal["ok"]
