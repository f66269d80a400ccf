"""URLs and forms that let their holder do one thing with one object, for a while."""

import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import quote

from stemdrop.jobs import timestamp
from stemdrop.keys import UploadKey

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# Source: RFC 5987, attr-char, beside letters, digits and -._~; everything else is percent-encoded.
ATTRIBUTE = "!#$&+^`|"
PLAIN = {chr(code) for code in range(ord(" "), ord("~") + 1)} - set('"\\%/')


@dataclass(frozen=True, slots=True)
class UploadForm:
    """An HTML form for one song.

    Attributes
    ----------
    url : where to send it, as multipart/form-data.
    fields : to send before the last field, ``file``.
    expires_at : UTC, ISO 8601; the upload has to begin before.
    """

    url: str
    fields: dict[str, str]
    expires_at: str


class Signer:
    """Signs with the credentials of a client, without asking S3.

    Parameters
    ----------
    uploads, stems : names of the buckets.
    client : of S3.
    lifetime_s : seconds that a signature is good for, if the credentials live as long.
    """

    def __init__(self, uploads: str, stems: str, client: "S3Client", lifetime_s: int) -> None:
        self._uploads = uploads
        self._stems = stems
        self._s3 = client
        self._lifetime_s = lifetime_s

    def upload_form(self, key: UploadKey, size_bytes: int) -> UploadForm:
        """Return a form for a file of exactly this size, and for no other key."""
        expires_at = datetime.now(UTC) + timedelta(seconds=self._lifetime_s)
        signed = self._s3.generate_presigned_post(
            self._uploads,
            str(key),
            Conditions=[["content-length-range", size_bytes, size_bytes]],
            ExpiresIn=self._lifetime_s,
        )
        return UploadForm(signed["url"], signed["fields"], timestamp(expires_at))

    def download_url(self, key: str, filename: str) -> str:
        """Return a URL of a result, that browsers save under a name."""
        return self._s3.generate_presigned_url(
            "get_object",
            Params={
                "Bucket": self._stems,
                "Key": key,
                "ResponseContentDisposition": attachment(filename),
            },
            ExpiresIn=self._lifetime_s,
        )


def attachment(filename: str) -> str:
    """Return a Content-Disposition that names a file in any alphabet.

    Source: RFC 6266, appendix D: a name in ASCII for those who know no other, then the real one.
    """
    decomposed = unicodedata.normalize("NFKD", filename)
    letters = (letter for letter in decomposed if not unicodedata.combining(letter))
    plain = "".join(letter if letter in PLAIN else "_" for letter in letters)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(filename, safe=ATTRIBUTE)}"
