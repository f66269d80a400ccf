"""The one way to write a request that is signed.

Source: "Create a signed AWS API request" in the AWS IAM user guide, with what is different for S3:
its paths are encoded once, and left as they are otherwise.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import quote, unquote, unquote_plus

from stemdrop_local.s3.refusals import RefusedError

PREFIX = "x-amz-"
FORM = "multipart/form-data"
NOT_SIGNED = "There were headers present in the request which were not signed"


@dataclass(frozen=True, slots=True)
class Request:
    """What of a request may be signed.

    Attributes
    ----------
    path, query : as they came, percent-encoded.
    headers : names in lower case.
    """

    method: str
    path: str
    query: str
    headers: Mapping[str, str]

    @property
    def bucket(self) -> str:
        """Return the first part of the path."""
        return unquote(self.path.removeprefix("/").partition("/")[0])

    @property
    def is_form(self) -> bool:
        """Return whether this is an upload by a form, which goes to the bucket, not to a key."""
        key = self.path.removeprefix("/").partition("/")[2]
        return self.method == "POST" and not key and self.content_type.lower().startswith(FORM)

    @property
    def content_type(self) -> str:
        """Return the type of the body, empty if the request doesn't say it."""
        return self.headers.get("content-type", "")

    @property
    def parameters(self) -> Iterator[tuple[str, str]]:
        """Return the names and values of the query."""
        for part in filter(None, self.query.split("&")):
            name, _, value = part.partition("=")
            yield _decode(name), _decode(value)


def canonical_request(request: Request, signed_headers: str, payload: str) -> str:
    """Write a request in the one way that is signed.

    Parameters
    ----------
    signed_headers : names with a semicolon between them.
    payload : the hash of the body, or what stands for it.

    Raises
    ------
    RefusedError : headers that have to be signed aren't.
    """
    names = signed_headers.split(";")
    unsigned = sorted(
        name for name in request.headers if name.startswith(PREFIX) and name not in names
    )
    if unsigned or "host" not in names:
        raise RefusedError("AccessDenied", NOT_SIGNED, HeadersNotSigned=", ".join(unsigned))
    query = sorted(
        (_encode(name), _encode(value))
        for name, value in request.parameters
        if name != "X-Amz-Signature"
    )
    lines = [
        request.method,
        _encode(_decode_path(request.path), "/"),
        "&".join(f"{name}={value}" for name, value in query),
        *(f"{name}:{' '.join(request.headers.get(name, '').split())}" for name in sorted(names)),
        "",
        signed_headers,
        payload,
    ]
    return "\n".join(lines)


def _decode(text: str) -> str:
    return unquote_plus(text, errors="surrogateescape")


def _decode_path(path: str) -> str:
    return unquote(path, errors="surrogateescape")


def _encode(text: str, safe: str = "") -> str:
    return quote(text, safe=f"-_.~{safe}", errors="surrogateescape")
