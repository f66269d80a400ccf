"""Uploads and downloads with presigned URLs, without the access token."""

import hashlib
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import httpx

from stemdrop.errors import EmptyAudioError
from stemdrop.presigned import PresignedUpload
from stemdrop_cli.api_client import is_temporary, reason
from stemdrop_cli.errors import (
    BusyError,
    DownloadExpiredError,
    SongError,
    UnreachableError,
    UploadExpiredError,
)
from stemdrop_cli.http_clients import open_client
from stemdrop_cli.inputs import require_song
from stemdrop_cli.responses import DownloadLink

TIMEOUT = httpx.Timeout(60.0, connect=10.0)
CHUNK_BYTES = 1 << 20
# Code of the 400 that a slow upload gets. Source: "Error responses", Amazon S3 API reference.
TOO_SLOW = "RequestTimeout"

# Called with the number of bytes so far; may raise to end the transfer.
OnProgress = Callable[[int], None]


class Transfers:
    """A context manager that holds the connections to S3. Threads may share it."""

    def __init__(self) -> None:
        self._http = open_client(timeout=TIMEOUT, follow_redirects=True)

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
        self, upload: PresignedUpload, song: Path, size_bytes: int, on_progress: OnProgress
    ) -> None:
        """Upload a song in constant memory.

        Parameters
        ----------
        size_bytes : Size that the URL is signed for.

        Raises
        ------
        UploadExpiredError : The URL has expired.
        SongError : The upload is rejected, or the file has changed or can't be read.
        UnreachableError, BusyError : A retry may succeed.
        """
        headers = upload.headers | {"Content-Length": str(size_bytes)}
        with _open_song(song) as file:
            if os.fstat(file.fileno()).st_size != size_bytes:
                raise SongError("The file has changed: submit it again.")
            body = _FileBody(file, size_bytes, on_progress)
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
            raise BusyError(f"The upload was rejected for now: {message or code}.")
        kind = UploadExpiredError if _has_expired(message) else SongError
        raise kind(f"The upload was rejected: {message or code}.")

    def download(self, wanted: DownloadLink, path: Path, on_progress: OnProgress) -> None:
        """Download a file, continuing where an earlier attempt ended.

        Raises
        ------
        DownloadExpiredError : The URL has expired.
        SongError : The file is gone, has the wrong size, or can't be written.
        UnreachableError, BusyError : A retry may succeed.
        """
        try:
            with path.open("ab") as file:
                self._continue(wanted, file, on_progress)
                size_bytes = file.tell()
        except httpx.RequestError as error:
            raise UnreachableError(f"The download broke off: {reason(error)}.") from error
        except OSError as error:
            raise SongError(f"The stems can't be written: {error.strerror}.") from error
        if size_bytes != wanted.size_bytes:
            kind = UnreachableError if size_bytes < wanted.size_bytes else SongError
            raise kind(f"The stems have {size_bytes} bytes instead of {wanted.size_bytes}.")

    def _continue(self, wanted: DownloadLink, file: BinaryIO, on_progress: OnProgress) -> None:
        have = file.tell()
        if have == wanted.size_bytes:
            return
        headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
        with self._http.stream("GET", wanted.url, headers=headers) as answer:
            said = f"The stems can't be downloaded: {answer.status_code} {answer.reason_phrase}."
            if is_temporary(answer):
                raise BusyError(said)
            if answer.is_error:
                answer.read()
                _, message = _s3_error(answer)
                is_forbidden = answer.status_code == httpx.codes.FORBIDDEN
                kind = DownloadExpiredError if is_forbidden or _has_expired(message) else SongError
                raise kind(said)
            if answer.status_code != httpx.codes.PARTIAL_CONTENT:
                file.seek(0)
                file.truncate()
            for chunk in answer.iter_raw():
                file.write(chunk)
                on_progress(file.tell())


def file_size(song: Path) -> int:
    """Return a song's size in bytes.

    Raises
    ------
    SongError : The file can't be read.
    """
    with _open_song(song) as file:
        return os.fstat(file.fileno()).st_size


def hash_file(song: Path, on_progress: OnProgress) -> tuple[int, str]:
    """Return a song's size in bytes and its SHA-256 in hex.

    Raises
    ------
    SongError : The file can't be read.
    EmptyAudioError : The file is empty.
    """
    sha256, size_bytes = hashlib.sha256(), 0
    with _open_song(song) as file:
        while chunk := file.read(CHUNK_BYTES):
            sha256.update(chunk)
            size_bytes += len(chunk)
            on_progress(size_bytes)
    if not size_bytes:
        raise EmptyAudioError("The file is empty.")
    return size_bytes, sha256.hexdigest()


class _FileBody:
    """A file as a request's body, which reports its progress.

    It ends at the declared size, even if the file grows. Unlike a generator, it can be read again,
    as httpx does if S3 redirects the request.
    """

    def __init__(self, file: BinaryIO, size_bytes: int, on_progress: OnProgress) -> None:
        self._file = file
        self._size_bytes = size_bytes
        self._on_progress = on_progress

    def __iter__(self) -> Iterator[bytes]:
        self._file.seek(0)
        while chunk := self._file.read(min(CHUNK_BYTES, self._size_bytes - self._file.tell())):
            self._on_progress(self._file.tell())
            yield chunk


@contextmanager
def _open_song(song: Path) -> Iterator[BinaryIO]:
    try:
        require_song(song)
        with song.open("rb") as file:
            yield file
    except OSError as error:
        raise SongError(f"The file can't be read: {error.strerror}.") from error


def _s3_error(answer: httpx.Response) -> tuple[str, str]:
    """Return the code and message of an S3 error, without parsing untrusted XML."""
    code = re.search(r"<Code>([^<]*)</Code>", answer.text)
    message = re.search(r"<Message>([^<]*)</Message>", answer.text)
    return code[1] if code else str(answer.status_code), message[1].rstrip(".") if message else ""


def _has_expired(message: str) -> bool:
    """Return whether a URL's signature has expired, or its credentials have: a 403 or a 400."""
    return "expired" in message.lower()
