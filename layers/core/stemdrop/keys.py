"""The key grammar: one rule says where the results of an upload are.

The results of upload key K live under ``K/`` in the stems bucket, ``K/job.json`` among them. A
result's name has no slash, so no two uploads ever share one.

    uploads  drop/<any name>           drop folder; drop/<model>/<quality>/… sets options
             jobs/<id>                 upload URL of the API
    stems    <upload key>/vocals.wav   and every other stem, stems.zip, job.json
             content/<digest>.json     the content index
"""

import re
from dataclasses import dataclass
from enum import StrEnum

from stemdrop.errors import BadKeyError
from stemdrop.models import Model
from stemdrop.options import Quality

DROP_PREFIX = "drop/"
JOBS_PREFIX = "jobs/"
CONTENT_PREFIX = "content/"
RECORD_NAME = "job.json"
ZIP_NAME = "stems.zip"
# S3 allows 1024 bytes; the longest name of a result, with its slash, takes 19 of them.
MAX_UPLOAD_KEY_BYTES = 1024 - 24
# Names of folders to the options that they set.
FOLDER_OPTIONS = {
    **{model.value: "model" for model in Model},
    **{quality.value: "quality" for quality in Quality},
}
SYSTEM_FILES = {".ds_store", "thumbs.db", "desktop.ini"}
JOB_ID = re.compile(r"[0-9a-f]{32}")


class Origin(StrEnum):
    """Origin of an upload."""

    DROP = "drop"
    JOBS = "jobs"


@dataclass(frozen=True, slots=True)
class UploadKey:
    """The key of a song in the upload bucket; `str` gives the key back.

    Attributes
    ----------
    origin : Drop folder or API.
    name : Rest of the key behind the prefix.
    """

    origin: Origin
    name: str

    @classmethod
    def parse(cls, key: str) -> "UploadKey":
        """Parse a key as S3 has it, not as an event quotes it.

        Raises
        ------
        BadKeyError : The key is not that of an upload, or too long to have results.
        """
        origin, slash, name = key.partition("/")
        if not slash or not name or origin not in {*Origin}:
            raise BadKeyError(f"{key!r} is not an upload: put songs under {DROP_PREFIX}.")
        if len(_encoded(key)) > MAX_UPLOAD_KEY_BYTES:
            raise BadKeyError(
                f"The key has more than {MAX_UPLOAD_KEY_BYTES} bytes: give the song a shorter name."
            )
        if origin == Origin.JOBS and not JOB_ID.fullmatch(name):
            raise BadKeyError(f"{name!r} is not the id of a job: let the API make one.")
        return cls(Origin(origin), name)

    def __str__(self) -> str:
        return f"{self.origin}/{self.name}"

    @property
    def is_folder(self) -> bool:
        """Return whether this may be the empty object that consoles make for a folder."""
        return self.name.endswith("/")

    @property
    def is_system_file(self) -> bool:
        """Return whether macOS or Windows put the file into a folder that was uploaded."""
        filename = self.name.rpartition("/")[2].lower()
        return filename.startswith("._") or filename in SYSTEM_FILES

    @property
    def folder_options(self) -> dict[str, str]:
        """Return the options that the first folders set, such as ``drop/4stems/high/song.mp3``.

        A model and a quality, in any order; the first folder that is neither ends them.
        """
        found: dict[str, str] = {}
        folders = self.name.split("/")[:-1] if self.origin is Origin.DROP else []
        for folder in folders:
            option = FOLDER_OPTIONS.get(folder)
            if option is None or option in found:
                break
            found[option] = folder
        return found


def result_key(upload: UploadKey, name: str) -> str:
    """Return the key of one of an upload's results."""
    return f"{upload}/{name}"


def parse_result_key(key: str) -> tuple[UploadKey, str]:
    """Return the upload and the name that `result_key` was made of.

    Raises
    ------
    BadKeyError : The key is not that of a result.
    """
    upload, _, name = key.rpartition("/")
    if not name:
        raise BadKeyError(f"{key!r} is not the key of a result.")
    return UploadKey.parse(upload), name


def record_key(upload: UploadKey) -> str:
    """Return the key of an upload's job record."""
    return result_key(upload, RECORD_NAME)


def content_key(digest: str) -> str:
    """Return the key of an entry of the content index."""
    return f"{CONTENT_PREFIX}{digest}.json"


def _encoded(key: str) -> bytes:
    try:
        return key.encode()
    except UnicodeEncodeError as error:
        raise BadKeyError(f"{key!r} is no text that S3 could have as a key.") from error
