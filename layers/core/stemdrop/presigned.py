"""URLs that let their holder do one thing with one object, for a while."""

import base64
import unicodedata
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from stemdrop.job_record import timestamp
from stemdrop.keys import UploadKey

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

CHECKSUM_HEADER = "x-amz-checksum-sha256"
# Source: RFC 5987, attr-char, besides letters, digits and -._~; everything else is percent-encoded.
ATTRIBUTE = "!#$&+^`|"
PLAIN = {chr(code) for code in range(ord(" "), ord("~") + 1)} - set('"\\%/')


@dataclass(frozen=True, slots=True)
class PresignedUpload:
    """An upload URL for one song: a request whose body is the file.

    Attributes
    ----------
    method : HTTP method, always PUT.
    url : Presigned URL. Its signature covers the key, the content length and the headers.
    headers : Headers to send along. Content-Length isn't listed: clients set it themselves.
    expires_at : UTC, ISO 8601; the upload has to begin before.
    """

    method: str
    url: str = field(repr=False)
    headers: dict[str, str]
    expires_at: str


class UrlSigner:
    """Signs with the credentials of a client, without asking S3.

    Parameters
    ----------
    uploads, stems : Names of the buckets.
    client : S3 client.
    lifetime_s : Lifetime of a signature, if the credentials live as long.
    """

    def __init__(self, uploads: str, stems: str, client: "S3Client", lifetime_s: int) -> None:
        self._uploads = uploads
        self._stems = stems
        self._s3 = client
        self._lifetime_s = lifetime_s

    def upload_url(
        self, key: UploadKey, size_bytes: int, sha256: str | None = None
    ) -> PresignedUpload:
        """Sign an upload URL.

        Parameters
        ----------
        key : Key of the song; the URL is good for no other.
        size_bytes : Exact size of the file; S3 refuses any other.
        sha256 : Digest of the file in hex; if given, S3 refuses other bytes.
        """
        expires_at = datetime.now(UTC) + timedelta(seconds=self._lifetime_s)
        params: dict[str, Any] = {
            "Bucket": self._uploads,
            "Key": str(key),
            "ContentLength": size_bytes,
        }
        headers: dict[str, str] = {}
        if sha256 is not None:
            checksum = base64.b64encode(bytes.fromhex(sha256)).decode()
            params["ChecksumSHA256"] = headers[CHECKSUM_HEADER] = checksum
        url = self._s3.generate_presigned_url(
            "put_object", Params=params, ExpiresIn=self._lifetime_s
        )
        return PresignedUpload("PUT", url, headers, timestamp(expires_at))

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
