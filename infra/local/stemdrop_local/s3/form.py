"""An upload by an HTML form, read as it comes: first the fields, which decide about the file."""

import secrets
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import IO

from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge
from werkzeug.http import parse_options_header
from werkzeug.sansio.multipart import (
    Data,
    Epilogue,
    Event,
    Field,
    File,
    MultipartDecoder,
    NeedData,
    Preamble,
)

from stemdrop_local.s3.policy import SizeRange
from stemdrop_local.s3.refusals import RefusedError, malformed

CHUNK_BYTES = 1 << 16
# Source: "POST Object" in the Amazon S3 API reference.
MAX_FIELDS_BYTES = 20_000
MAX_IN_MEMORY_BYTES = 1 << 20
# Fields that the embedded S3 knows; the others have done their work by then.
PASSED_ON = {
    *("key", "cache-control", "content-type", "content-disposition", "content-encoding", "expires"),
    "success_action_redirect",
}
METADATA = "x-amz-meta-"
STATUSES = [("success_action_status", status) for status in ("200", "201", "204")]


@dataclass(frozen=True, slots=True)
class Body:
    """A form written anew; `file` stands at its beginning."""

    file: IO[bytes]
    content_type: str
    size_bytes: int


class Form:
    """Reads a form in two steps: `fields`, then `write_anew`.

    Parameters
    ----------
    stream : the body of the request; it ends where the body does.
    content_type : of the request.

    All methods raise RefusedError if the form isn't one.
    """

    def __init__(self, stream: IO[bytes], content_type: str) -> None:
        _, options = parse_options_header(content_type)
        self._events = _events(stream, options.get("boundary", ""))
        self.filename = ""

    def fields(self) -> dict[str, str]:
        """Return the fields before the file, names in lower case; S3 ignores those after it."""
        fields: dict[str, list[str]] = {}
        size_bytes = 0
        name, value = "", b""
        for event in self._events:
            match event:
                case Field() | File() if event.name.lower() == "file":
                    self.filename = event.filename if isinstance(event, File) else ""
                    return {name: ",".join(values) for name, values in fields.items()}
                case Field() | File():
                    name, value = event.name.lower(), b""
                case Data():
                    value += event.data
                    size_bytes += len(name) + len(event.data)
                    if not event.more_data:
                        fields.setdefault(name, []).append(value.decode(errors="replace"))
            if size_bytes > MAX_FIELDS_BYTES:
                raise malformed(
                    "MaxPostPreDataLengthExceeded",
                    "Your POST request fields preceding the upload file were too large.",
                )
        raise malformed("InvalidArgument", "POST requires exactly one file upload per request.")

    def write_anew(self, fields: dict[str, str], size: SizeRange) -> Body:
        """Return the form as the embedded S3 wants it, once all of it is there.

        Parameters
        ----------
        fields : that S3 has accepted.
        size : that the file may have.
        """
        boundary = secrets.token_hex(16)
        with ExitStack() as failing:
            spool = failing.enter_context(tempfile.SpooledTemporaryFile(MAX_IN_MEMORY_BYTES))
            for name, value in fields.items():
                if _is_passed_on(name, value):
                    spool.write(_head(boundary, f'name="{name}"') + value.encode() + b"\r\n")
            spool.write(_head(boundary, 'name="file"; filename="file"'))
            self._copy_file(spool, size)
            spool.write(f"\r\n--{boundary}--\r\n".encode())
            size_bytes = spool.tell()
            spool.seek(0)
            failing.pop_all()
        return Body(spool, f"multipart/form-data; boundary={boundary}", size_bytes)

    def _copy_file(self, target: IO[bytes], size: SizeRange) -> None:
        copied_bytes = 0
        for event in self._events:
            if isinstance(event, Data):
                copied_bytes += len(event.data)
                if copied_bytes > size.max_bytes:
                    break
                target.write(event.data)
                if not event.more_data:
                    break
        size.require(copied_bytes)
        for _ in self._events:  # to the end: a form that breaks off is none
            pass


def _is_passed_on(name: str, value: str) -> bool:
    return name in PASSED_ON or name.startswith(METADATA) or (name, value) in STATUSES


def _head(boundary: str, name: str) -> bytes:
    return f"--{boundary}\r\nContent-Disposition: form-data; {name}\r\n\r\n".encode()


def _events(stream: IO[bytes], boundary: str) -> Iterator[Event]:
    decoder = MultipartDecoder(boundary.encode("latin-1"), MAX_IN_MEMORY_BYTES)
    try:
        while True:
            event = decoder.next_event()
            if isinstance(event, NeedData):
                decoder.receive_data(stream.read(CHUNK_BYTES) or None)
            elif isinstance(event, Epilogue):
                return
            elif not isinstance(event, Preamble):
                yield event
    except ClientDisconnected as error:
        raise incomplete() from error
    except (ValueError, RequestEntityTooLarge) as error:
        raise malformed(
            "MalformedPOSTRequest",
            "The body of your POST request is not well-formed multipart/form-data.",
        ) from error


def incomplete() -> RefusedError:
    """Return the error of a body that breaks off."""
    return malformed(
        "IncompleteBody",
        "You did not provide the number of bytes specified by the Content-Length HTTP header.",
    )
