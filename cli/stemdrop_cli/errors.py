"""What can go wrong between this machine and the server, and the exit status that it means.

StemdropError
└── ClientError
    ├── SongError              1  this song can't be sent, failed, or can't be written
    │   ├── UploadExpiredError    its upload URL is too old: ask for another
    │   └── LinkExpiredError      a download link is too old: ask for another
    ├── ServerError            3  the server isn't there, or no stemdrop
    │   └── TroubleError          it may be better in a moment: try again
    │       ├── UnreachableError  there was no answer
    │       └── BusyError         the answer was: not now
    └── NotLetInError          4  the server wants another token
StoppedError                      somebody pressed Ctrl-C, so the threads end
"""

from typing import ClassVar

from stemdrop.errors import StemdropError

DONE = 0
SONG_FAILED = 1
WRONG_USAGE = 2
NO_SERVER = 3
NOT_LET_IN = 4
INTERRUPTED = 130


class ClientError(StemdropError):
    """Root of the client's errors."""

    code = "client"
    exit_status: ClassVar[int] = SONG_FAILED


class SongError(ClientError):
    """One song can't be sent, failed, or can't be written; the others go on."""

    code = "song"


class UploadExpiredError(SongError):
    """The upload URL is too old."""

    code = "upload_expired"


class LinkExpiredError(SongError):
    """The download link is too old."""

    code = "link_expired"


class ServerError(ClientError):
    """The server isn't there, or isn't one of stemdrop's."""

    code = "server"
    exit_status = NO_SERVER


class TroubleError(ServerError):
    """What may be better in a moment.

    Parameters
    ----------
    message : one sentence.
    retry_after_s : how long the server wants to be left alone.
    """

    code = "trouble"

    def __init__(self, message: str, retry_after_s: float = 0.0) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class UnreachableError(TroubleError):
    """There was no answer, or only a part of one."""

    code = "unreachable"


class BusyError(TroubleError):
    """The server answered that it can't, for now."""

    code = "busy"


class NotLetInError(ClientError):
    """The server doesn't take the token, or wants one."""

    code = "not_let_in"
    exit_status = NOT_LET_IN


class StoppedError(Exception):
    """The work is no longer wanted."""
