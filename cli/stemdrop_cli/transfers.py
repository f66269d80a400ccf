"""Songs up, stems down, by presigned URLs; the token never goes along."""

import hashlib
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import httpx

from stemdrop.presigned import PresignedUpload
from stemdrop_cli.errors import (
    BusyError,
    LinkExpiredError,
    SongError,
    UnreachableError,
    UploadExpiredError,
)
from stemdrop_cli.responses import Download
from stemdrop_cli.server import DIRECT, is_temporary, reason

TIMEOUT = httpx.Timeout(60.0, connect=10.0)
CHUNK_BYTES = 1 << 20
# Source: "Error responses" in the Amazon S3 API reference; a slow upload is told so with a 400.
TOO_SLOW = "RequestTimeout"

# Told how many bytes there are so far; may raise to end the transfer.
Position = Callable[[int], None]


class Transfers:
    """Connections to where songs and stems are; a context manager. Threads may share it."""

    def __init__(self) -> None:
        self._http = httpx.Client(timeout=TIMEOUT, mounts=DIRECT, follow_redirects=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._http.close()

    def upload(
        self, upload: PresignedUpload, song: Path, size_bytes: int, position: Position
    ) -> None:
        """Send a song, read from the disk as it goes out.

        Parameters
        ----------
        size_bytes : Size that the URL is signed for.

        Raises
        ------
        UploadExpiredError : it needs another URL.
        SongError : it is refused, has changed, or can't be read.
        UnreachableError, BusyError : it may work the next time.
        """
        headers = upload.headers | {"Content-Length": str(size_bytes)}
        with _reading(song) as file:
            if os.fstat(file.fileno()).st_size != size_bytes:
                raise SongError("The file has changed: submit it again.")
            body = _Body(file, position)
            try:
                answer = self._http.request(
                    upload.method, upload.url, headers=headers, content=body
                )
            except httpx.RequestError as error:
                raise UnreachableError(f"The upload broke off: {reason(error)}.") from error
        if answer.is_success:
            return
        code, message = _s3_error(answer)
        if is_temporary(answer) or code == TOO_SLOW:
            raise BusyError(f"The upload can't be taken for now: {message or code}.")
        # The signature, or the credentials that it was made with.
        kind = UploadExpiredError if "expired" in message.lower() else SongError
        raise kind(f"The upload was refused: {message or code}.")

    def download(self, wanted: Download, path: Path, position: Position) -> None:
        """Fetch a file, from where an earlier try has ended.

        Raises
        ------
        LinkExpiredError : it needs another link.
        SongError : it is gone, isn't as large as it should be, or can't be written.
        UnreachableError, BusyError : it may work the next time.
        """
        try:
            with path.open("ab") as file:
                self._continue(wanted, file, position)
                size_bytes = file.tell()
        except httpx.RequestError as error:
            raise UnreachableError(f"The download broke off: {reason(error)}.") from error
        except OSError as error:
            raise SongError(f"The stems can't be written: {error.strerror}.") from error
        if size_bytes != wanted.size_bytes:
            kind = UnreachableError if size_bytes < wanted.size_bytes else SongError
            raise kind(f"The stems have {size_bytes} bytes instead of {wanted.size_bytes}.")

    def _continue(self, wanted: Download, file: BinaryIO, position: Position) -> None:
        have = file.tell()
        if have == wanted.size_bytes:
            return
        headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
        with self._http.stream("GET", wanted.url, headers=headers) as answer:
            said = f"The stems can't be fetched: {answer.status_code} {answer.reason_phrase}."
            if is_temporary(answer):
                raise BusyError(said)
            if answer.status_code == httpx.codes.FORBIDDEN:
                raise LinkExpiredError(said)
            if answer.is_error:
                raise SongError(said)
            if answer.status_code != httpx.codes.PARTIAL_CONTENT:
                file.truncate(0)
            for chunk in answer.iter_raw():
                file.write(chunk)
                position(file.tell())


def size_of(song: Path) -> int:
    """Return a song's size in bytes.

    Raises
    ------
    SongError : it can't be read.
    """
    with _reading(song) as file:
        return os.fstat(file.fileno()).st_size


def hash_file(song: Path, position: Position) -> tuple[int, str]:
    """Return a song's size in bytes and its sha256 in hex.

    Raises
    ------
    SongError : it can't be read, or there is nothing in it.
    """
    sha256, size_bytes = hashlib.sha256(), 0
    with _reading(song) as file:
        while chunk := file.read(CHUNK_BYTES):
            sha256.update(chunk)
            size_bytes += len(chunk)
            position(size_bytes)
    if not size_bytes:
        raise SongError("The file is empty.")
    return size_bytes, sha256.hexdigest()


class _Body:
    """A file as a request's body, which tells how much of it has been read.

    Unlike a generator, it can be read again, as httpx does if S3 redirects the request.
    """

    def __init__(self, file: BinaryIO, position: Position) -> None:
        self._file = file
        self._position = position

    def __iter__(self) -> Iterator[bytes]:
        self._file.seek(0)
        while chunk := self._file.read(CHUNK_BYTES):
            self._position(self._file.tell())
            yield chunk


@contextmanager
def _reading(song: Path) -> Iterator[BinaryIO]:
    if not song.is_file():
        raise SongError("There is no such file.")
    try:
        with song.open("rb") as file:
            yield file
    except OSError as error:
        raise SongError(f"The file can't be read: {error.strerror}.") from error


def _s3_error(answer: httpx.Response) -> tuple[str, str]:
    """Return the code and message of one of S3's errors; nobody's XML is parsed for it."""
    code = re.search(r"<Code>([^<]*)</Code>", answer.text)
    message = re.search(r"<Message>([^<]*)</Message>", answer.text)
    return code[1] if code else str(answer.status_code), message[1].rstrip(".") if message else ""
