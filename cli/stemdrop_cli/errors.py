"""Errors of the command line, and the exit status of each.

StemdropError
└── ClientError
    ├── SongError                   1  this song can't be sent, failed, or can't be written
    │   ├── FailedJobError             the server refused it, or could not separate it
    │   ├── UploadExpiredError         its upload URL has expired: request a new one
    │   └── DownloadExpiredError       its download URL has expired: request a new one
    ├── ServerError                 3  the server is unreachable, or isn't stemdrop
    │   └── TemporaryServerError       a retry may succeed
    │       ├── UnreachableError       no response
    │       └── BusyError              a response that says "not now"
    └── TokenRejectedError          4  the server rejects the token
StoppedError                           another thread has stopped the work
"""

from typing import ClassVar

from stemdrop.errors import StemdropError
from stemdrop.job_record import Failure

DONE = 0
SONG_FAILED = 1
USAGE_ERROR = 2
SERVER_UNAVAILABLE = 3
UNAUTHORIZED = 4
INTERRUPTED = 130


class ClientError(StemdropError):
    """Root of the client's errors."""

    code = "client"
    exit_status: ClassVar[int] = SONG_FAILED


class SongError(ClientError):
    """One song can't be sent, failed, or can't be written; the others continue."""

    code = "song"


class FailedJobError(SongError):
    """The server refused or could not separate the song, for a reason with a code of its own."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


class UploadExpiredError(SongError):
    """The upload URL has expired."""

    code = "upload_expired"


class DownloadExpiredError(SongError):
    """The download URL has expired."""

    code = "download_expired"


class ServerError(ClientError):
    """The server is unreachable, or isn't stemdrop."""

    code = "server"
    exit_status = SERVER_UNAVAILABLE


class TemporaryServerError(ServerError):
    """A retry may succeed.

    Parameters
    ----------
    message : One sentence.
    retry_after_s : Delay in the server's Retry-After header.
    """

    code = "temporary"

    def __init__(self, message: str, retry_after_s: float = 0.0) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class UnreachableError(TemporaryServerError):
    """The server sent no response, or only a part of one."""

    code = "unreachable"


class BusyError(TemporaryServerError):
    """The server can't handle the request now."""

    code = "busy"


class TokenRejectedError(ClientError):
    """The server rejects the token, or requires one."""

    code = "unauthorized"
    exit_status = UNAUTHORIZED


class StoppedError(Exception):
    """Another thread has stopped the work."""


def describe_os_error(error: OSError) -> SongError:
    """Return the error of a file that was deleted, or is denied, while it is used."""
    return SongError(f"{error.filename or 'A file'} can't be read or written: {error.strerror}.")
