"""Responses of the API, reduced to the fields that the client reads."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from stemdrop.errors import OptionError
from stemdrop.job_record import Failure, Status
from stemdrop.keys import JOB_ID, ZIP_NAME
from stemdrop.lyrics import Lyrics, LyricsStatus
from stemdrop.music import Music
from stemdrop.options import OPTION_NAMES, STEM_FILE, Options
from stemdrop.presigned import PresignedUpload
from stemdrop_cli.errors import ServerError
from stemdrop_cli.names import safe_basename


@dataclass(frozen=True, slots=True)
class DownloadLink:
    """A file to download; `url` is presigned, so it is never shown."""

    size_bytes: int
    url: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class JobResponse:
    """A job.

    Attributes
    ----------
    filename : Last part of the song's path, safe to use in a path.
    progress : Progress of the separation, 0 to 1.
    seconds_left : Time left for the separation, if the server knows.
    given_options : Options as the server sent them; see `options`.
    downloads : Name of a stem, of the zip, of the stem file or of a file with the lyrics, to it.
    gain_db : Gain that was applied to all stems so that none clips.
    failure : Why the job failed, if it did.
    duration_s : Seconds of sound in each stem, if there are stems.
    music : Tempo, beats, key and loudness, if the job is done.
    lyrics : State of the lyrics, if the song gets some; their files are in `downloads`.
    """

    id: str
    filename: str
    status: Status
    progress: float
    seconds_left: float | None
    given_options: Mapping[str, object]
    downloads: Mapping[str, DownloadLink] = field(default_factory=dict)
    gain_db: float = 0.0
    failure: Failure | None = None
    warnings: tuple[str, ...] = ()
    duration_s: float | None = None
    music: Music | None = None
    lyrics: Lyrics | None = None

    @property
    def has_pending_lyrics(self) -> bool:
        """Return whether the lyrics may still come."""
        return self.lyrics is not None and self.lyrics.status is LyricsStatus.PENDING

    @property
    def options(self) -> Options:
        """Return the options; a job that failed because of them has none.

        Later versions of the server may have more options, which are ignored.

        Raises
        ------
        ServerError : The options aren't valid in this version.
        """
        known = {name: value for name, value in self.given_options.items() if name in OPTION_NAMES}
        try:
            return Options.parse(known)
        except OptionError as error:
            raise ServerError(f"The server's options can't be read: {error.message}") from error


def parse_job(shown: Any) -> JobResponse:
    """Parse a job.

    Raises
    ------
    ServerError : The value isn't a job.
    """
    try:
        if not JOB_ID.fullmatch(shown["id"]):
            raise ValueError
        stems = {stem["stem"]: stem for stem in shown["stems"]}
        archives = {ZIP_NAME: shown["zip"], STEM_FILE: shown.get(STEM_FILE)}
        files = stems | {name: file for name, file in archives.items() if file}
        lyrics = shown.get("lyrics") or {"files": []}  # earlier versions have none
        files |= {f"lyrics.{file['format']}": file for file in lyrics["files"]}
        return JobResponse(
            id=shown["id"],
            filename=safe_basename(shown["filename"] or "") or shown["id"],
            status=Status(shown["status"]),
            progress=_number(shown["progress"]),
            seconds_left=_number_or_none(shown["seconds_left"]),
            given_options=dict(shown["options"]),
            downloads={
                name: DownloadLink(int(_number(f["size_bytes"])), _url(f["url"]))
                for name, f in files.items()
            },
            gain_db=min((_number(stem.get("gain_db", 0)) for stem in stems.values()), default=0.0),
            failure=_parse_failure(shown["error"]),
            warnings=tuple(map(str, shown["warnings"])),
            duration_s=max((_number(stem["duration_s"]) for stem in stems.values()), default=None),
            music=_parse_music(shown["music"]),
            lyrics=_parse_lyrics(shown.get("lyrics")),
        )
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise ServerError("The server's response isn't a job: check its version.") from error


def _number(value: Any) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError
    return number


def _number_or_none(value: Any) -> float | None:
    return None if value is None else _number(value)


def _url(value: Any) -> str:
    """Return a URL that can be requested."""
    try:
        url = httpx.URL(value)
    except httpx.InvalidURL as error:
        raise ValueError from error
    if url.scheme not in {"http", "https"} or not url.host:
        raise ValueError
    return str(value)


def _word(value: Any) -> str:
    """Return the name or the value of a header."""
    text = str(value)
    if not (text.isascii() and text.isprintable()):
        raise ValueError
    return text


def _parse_failure(shown: Any) -> Failure | None:
    return Failure(str(shown["code"]), str(shown["message"])) if shown else None


def _parse_music(shown: Any) -> Music | None:
    if not shown:
        return None
    numbers = ("tempo_bpm", "tempo_confidence", "loudness_lufs", "peak_dbfs")
    return Music(
        **{name: _number_or_none(shown[name]) for name in numbers},
        key=str(shown["key"]) if shown["key"] else None,
        camelot=str(shown["camelot"]) if shown["camelot"] else None,
        beats_s=tuple(map(_number, shown["beats_s"])),
    )


def _parse_lyrics(shown: Any) -> Lyrics | None:
    if not shown:
        return None
    language, code, reason = (
        str(shown[name]) if shown[name] else None for name in ("language", "code", "reason")
    )
    return Lyrics(
        LyricsStatus(shown["status"]),
        str(shown["engine"]),
        language,
        int(_number(shown["words"])),
        code=code,
        reason=reason,
    )


def parse_upload(shown: Any) -> PresignedUpload | None:
    """Parse the upload URL of a new job; None if the server has its stems already.

    Raises
    ------
    ServerError : The value isn't an upload URL.
    """
    try:
        upload = shown["upload"]
        if not upload:
            return None
        if upload["method"] != "PUT":
            raise ValueError
        headers = {_word(name): _word(value) for name, value in upload["headers"].items()}
        return PresignedUpload("PUT", _url(upload["url"]), headers, str(upload["expires_at"]))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        said = "The server's response has no upload URL: check its version."
        raise ServerError(said) from error
