"""The key grammar: one rule says where the results of an upload are.

The record of upload key K is ``K/job.json`` in the stems bucket. Its results are in a folder below
``K/`` whose ID the record has. Each attempt makes a new folder, so no two attempts, and no two
uploads, ever write the same object.

    uploads  drop/<any name>                       drop/<model>/<quality>/… sets options
             jobs/<id>                             upload URL of the API
    stems    <upload key>/job.json                 the record
             <upload key>/results-<id>/vocals.wav  other stems, peaks.dat, stems.zip, …
             content/<digest>.json                 the content index
             owners/<digest>/<name>                the API's index of jobs
             transcriptions/<results id>/<name>    vocals and request of lyrics that are pending
"""

import re
import secrets
from dataclasses import dataclass
from enum import StrEnum

from stemdrop.errors import BadKeyError
from stemdrop.models import Model
from stemdrop.options import Quality

DROP_PREFIX = "drop/"
JOBS_PREFIX = "jobs/"
CONTENT_PREFIX = "content/"
OWNERS_PREFIX = "owners/"
TRANSCRIPTIONS_PREFIX = "transcriptions/"
RECORD_NAME = "job.json"
ZIP_SUFFIX, STEM_FILE_SUFFIX = ".zip", ".stem.mp4"
ZIP_NAME = f"stems{ZIP_SUFFIX}"
STEM_FILE_NAME = f"stems{STEM_FILE_SUFFIX}"
PEAKS_NAME = "peaks.dat"
REQUEST_NAME = "request.json"
VOCALS_NAME = "vocals.flac"
TRANSCRIPT_NAME = "transcript.json"
RESULTS_ID = re.compile(r"[0-9a-f]{16}")
# S3 allows 1024 bytes; the longest result behind an upload key takes 44 of them.
MAX_UPLOAD_KEY_BYTES = 1024 - 64
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


def new_results_id() -> str:
    """Return an ID that no other results have."""
    return secrets.token_hex(8)


def results_prefix(upload: UploadKey) -> str:
    """Return the prefix of an upload's results, and of little else; see `is_result_of`."""
    return f"{upload}/results-"


def result_key(upload: UploadKey, results_id: str, name: str) -> str:
    """Return the key of one of an upload's results."""
    return f"{results_prefix(upload)}{results_id}/{name}"


def is_result_of(upload: UploadKey, key: str) -> bool:
    """Return whether a key is one that `result_key` makes for an upload.

    The record of another upload may have the same prefix: that of ``<upload>/results-<id>``.
    """
    prefix, _, below = key.partition(results_prefix(upload))
    results_id, _, name = below.partition("/")
    is_name = bool(name) and "/" not in name and name != RECORD_NAME
    return not prefix and is_name and bool(RESULTS_ID.fullmatch(results_id))


def results_id_of(key: str) -> str:
    """Return the ID of the folder that a result is in."""
    return key.rpartition("/")[0].rpartition("-")[2]


def result_name(key: str) -> str:
    """Return the name of a result, such as ``vocals.wav``."""
    return key.rpartition("/")[2]


def record_key(upload: UploadKey) -> str:
    """Return the key of an upload's job record."""
    return f"{upload}/{RECORD_NAME}"


def transcription_key(results_id: str, name: str) -> str:
    """Return the key of a file that a transcription needs until it ends."""
    return f"{TRANSCRIPTIONS_PREFIX}{results_id}/{name}"


def content_key(digest: str) -> str:
    """Return the key of an entry of the content index."""
    return f"{CONTENT_PREFIX}{digest}.json"


def _encoded(key: str) -> bytes:
    try:
        return key.encode()
    except UnicodeEncodeError as error:
        raise BadKeyError(f"{key!r} is no text that S3 could have as a key.") from error
