"""The job record, ``job.json``: the only state, read and written by the functions."""

import json
import re
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Any

from stemdrop.errors import RecordError, RejectedError
from stemdrop.lyrics import Lyrics, LyricsFile, LyricsFormat, LyricsStatus
from stemdrop.music import Music

VERSION = 1
SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,8}\Z")


class Status(StrEnum):
    """Status of a job, which has ended if it is done or failed."""

    AWAITING_UPLOAD = "awaiting_upload"
    PROCESSING = "processing"
    DONE = "done"
    FAILED = "failed"


class Stage(StrEnum):
    """Stage of a job in processing."""

    DOWNLOADING = "downloading"
    SEPARATING = "separating"
    UPLOADING = "uploading"


@dataclass(frozen=True, slots=True)
class UploadSource:
    """The song in the upload bucket.

    Attributes
    ----------
    etag : ETag of the object, without quotes.
    uploaded_at : Time of the upload in UTC, ISO 8601.
    sha256 : SHA-256 digest of its bytes in hex; None before they are read.
    """

    key: str
    etag: str
    size_bytes: int
    uploaded_at: str
    sha256: str | None = None

    def is_same_as(self, other: "UploadSource") -> bool:
        """Return whether the other is the same upload, not a later one with the same bytes."""
        return (self.etag, self.uploaded_at) == (other.etag, other.uploaded_at)


@dataclass(frozen=True, slots=True)
class Track:
    """One of the audio tracks of a file.

    Attributes
    ----------
    number : Number from 1, as the option ``track`` takes it.
    language, title : Values in the file; None if it has none.
    is_default : Whether the file calls it the default track.
    """

    number: int
    language: str | None = None
    title: str | None = None
    is_default: bool = False


@dataclass(frozen=True, slots=True)
class Sound:
    """Sound in the upload's file.

    Attributes
    ----------
    duration_s : Seconds of the whole file; None if it doesn't say.
    sample_rate_hz, channels : Format of the separated track.
    has_title : Whether the song has a title in its tags; if not, its stems have its file's name.
    track : Number of that track, from 1.
    tracks : All tracks, at most 50; none in records of earlier versions.
    """

    duration_s: float | None
    sample_rate_hz: int
    channels: int
    has_title: bool = True
    track: int = 1
    tracks: tuple[Track, ...] = ()


@dataclass(frozen=True, slots=True)
class Stem:
    """A stem in the stems bucket.

    Attributes
    ----------
    duration_s : Seconds of sound.
    peak_dbfs : Largest sample; None for silence.
    clipped_samples : Number of samples beyond the format's range.
    gain_db : Gain of all stems of the song that keeps them from clipping.
    waveform : Largest sample in each of up to 1,024 parts of equal length, as two hex digits: 00 is
        silence, ff full scale.
    """

    stem: str
    key: str
    size_bytes: int
    duration_s: float
    peak_dbfs: float | None
    clipped_samples: int
    gain_db: float = 0.0
    waveform: str = ""


@dataclass(frozen=True, slots=True)
class ResultFile:
    """A result other than a stem or the lyrics: the zip, the stem file or the peaks."""

    key: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Results:
    """Fields of a job that a separation writes, and that a job with the same song copies."""

    sound: Sound | None
    music: Music | None
    stems: tuple[Stem, ...]
    zip: ResultFile | None
    stem_file: ResultFile | None
    peaks: ResultFile | None
    warnings: tuple[str, ...]
    lyrics: Lyrics | None = None

    def to_fields(self) -> dict[str, Any]:
        """Return the fields by name, for `Job.updated`."""
        return _fields(self)


@dataclass(frozen=True, slots=True)
class Failure:
    """Reason of a failed job.

    Attributes
    ----------
    code, message : Reason for programs, and for people.
    is_transient : Whether the same upload may work another time; its message is in the failure
        queue.
    is_announced : Whether the notification that all attempts failed was published.
    """

    code: str
    message: str
    is_transient: bool = False
    is_announced: bool = False

    @classmethod
    def of(cls, error: RejectedError) -> "Failure":
        """Describe an error."""
        return cls(error.code, error.message)


@dataclass(frozen=True, slots=True)
class SeparationEngine:
    """Engine that separated the song.

    Attributes
    ----------
    weights_sha256 : SHA-256 digest of the file with the weights that the backend runs.
    versions : Package to version.
    """

    backend: str
    model: str
    weights_sha256: str
    versions: dict[str, str]


@dataclass(frozen=True, slots=True)
class Usage:
    """Resources that the last attempt used.

    Attributes
    ----------
    timings_s : Stage to seconds of wall time.
    peak_rss_bytes : Peak memory of the process since its start.
    gb_seconds : Memory of the function times the billed time.
    cost_usd : Price of those; requests and storage are extra.
    """

    timings_s: dict[str, float]
    peak_rss_bytes: int
    gb_seconds: float
    cost_usd: float


@dataclass(frozen=True, slots=True)
class Job:
    """A song from the first call or event to its end; times are UTC, ISO 8601.

    Attributes
    ----------
    key : Key of the upload.
    filename : Name that the uploader gave the song, if it isn't in the key.
    owner : User who may see the job; None for all users.
    request_sha256 : Digest of the request that created the job in the API; requests with the same
        idempotency key must be equal.
    callback_url : URL to which the end of the job is sent, if any.
    options : Result of `Options.to_dict`, or the options as given if they are invalid.
    progress : Share that is done, 0 to 1.
    seconds_left : Estimate of the time from `updated_at` to the end of the separation.
    results_ids : Folders of the results: those that attempts write to now, or the finished one.
    warnings : Sentences about a song that was separated despite a defect.
    attempt : Number of the delivery of the upload's event, from 1.
    deadline_at : Time at which a job in processing counts as timed out.
    """

    key: str
    status: Status
    created_at: str
    updated_at: str
    filename: str | None = None
    owner: str | None = None
    request_sha256: str | None = None
    callback_url: str | None = None
    options: dict[str, Any] = field(default_factory=dict)
    version: int = VERSION
    stage: Stage | None = None
    progress: float = 0.0
    seconds_left: float | None = None
    source: UploadSource | None = None
    sound: Sound | None = None
    music: Music | None = None
    results_ids: tuple[str, ...] = ()
    stems: tuple[Stem, ...] = ()
    zip: ResultFile | None = None
    stem_file: ResultFile | None = None
    peaks: ResultFile | None = None
    lyrics: Lyrics | None = None
    error: Failure | None = None
    warnings: tuple[str, ...] = ()
    engine: SeparationEngine | None = None
    usage: Usage | None = None
    attempt: int = 0
    started_at: str | None = None
    finished_at: str | None = None
    deadline_at: str | None = None

    @property
    def name(self) -> str:
        """Return the song's name: that of its file, or the last part of its key."""
        return self.filename or self.key.rstrip("/").rpartition("/")[2]

    @property
    def title(self) -> str:
        """Return the song's name without its suffix."""
        return PurePosixPath(self.name).stem or self.name

    @property
    def suffix(self) -> str:
        """Return the suffix of the song's name, such as ``.mp3``, if it is an ordinary one."""
        match = SUFFIX.search(self.name)
        return match[0].lower() if match else ""

    @property
    def is_finished(self) -> bool:
        """Return whether the job has ended, successfully or not."""
        return self.status in {Status.DONE, Status.FAILED}

    @property
    def is_final(self) -> bool:
        """Return whether the job has ended, and not for a reason that may pass."""
        return self.is_finished and not (self.error and self.error.is_transient)

    @property
    def has_pending_lyrics(self) -> bool:
        """Return whether the lyrics may still come."""
        return self.lyrics is not None and self.lyrics.status is LyricsStatus.PENDING

    @property
    def result_keys(self) -> set[str]:
        """Return the keys of all results, the record aside."""
        files = (*self.stems, self.zip, self.stem_file, self.peaks)
        lyrics = self.lyrics.files if self.lyrics else ()
        return {file.key for file in (*files, *lyrics) if file}

    def updated(self, **changes: Any) -> "Job":
        """Return the job with some fields changed, updated now."""
        return replace(self, updated_at=now(), **changes)

    def to_json(self) -> str:
        """Return the record as text, for people and programs."""
        return json.dumps(self, indent=1, ensure_ascii=False, default=_fields) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes) -> "Job":
        """Read what `to_json` wrote.

        Raises
        ------
        RecordError : The text is not a record, or one of another version.
        """
        try:
            fields = json.loads(text)
            if fields["version"] != VERSION:
                raise RecordError(f"The job record has version {fields['version']}, not {VERSION}.")
            parts = {name: _part(name, value) for name, value in fields.items()}
            return cls(**parts)
        except (ValueError, TypeError, KeyError) as error:
            cause = f"{type(error).__name__}: {error}"  # its repr may have all bytes of the record
            raise RecordError(f"The job record can't be read: {cause}.") from error


def _fields(part: Any) -> dict[str, Any]:
    """Return the fields of a part by name. `asdict` also copies each beat and each option."""
    return {field.name: getattr(part, field.name) for field in fields(part)}


_PARTS: dict[str, type] = {
    "lyrics": Lyrics,
    "music": Music,
    "sound": Sound,
    "status": Status,
    "stage": Stage,
    "source": UploadSource,
    "zip": ResultFile,
    "stem_file": ResultFile,
    "peaks": ResultFile,
    "error": Failure,
    "engine": SeparationEngine,
    "usage": Usage,
}


def _part(name: str, value: Any) -> Any:
    if value is None:
        return None
    if name == "stems":
        return tuple(Stem(**stem) for stem in value)
    if name in {"warnings", "results_ids"}:
        return tuple(value)
    part = _PARTS.get(name)
    if part is None:
        return value
    return part(**_nested(name, value)) if isinstance(value, dict) else part(value)


def _nested(name: str, value: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a part, with those that are parts themselves."""
    match name:
        case "sound":
            tracks = tuple(Track(**track) for track in value.get("tracks", ()))
            return value | {"tracks": tracks}
        case "music":
            return value | {"beats_s": tuple(value.get("beats_s", ()))}
        case "lyrics":
            files = tuple(
                LyricsFile(**file | {"format": LyricsFormat(file["format"])})
                for file in value.get("files", ())
            )
            return value | {"status": LyricsStatus(value["status"]), "files": files}
    return value


def now() -> str:
    """Return the time: UTC, ISO 8601, to the millisecond."""
    return timestamp(datetime.now(UTC))


def timestamp(moment: datetime) -> str:
    """Write a time as the record has it: UTC, ISO 8601, to the millisecond."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
