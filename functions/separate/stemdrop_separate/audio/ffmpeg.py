"""ffmpeg as a subprocess that reads untrusted files."""

import contextlib
import errno
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import IO, Self, cast

if sys.platform == "linux":
    import resource

from stemdrop.errors import SetupError, TransientError
from stemdrop_separate.audio.pipes import PipeReader

# Containers and bare streams of sound and video. None of them opens another file by itself, as
# playlists, manifests, scripts and picture sequences do. ffmpeg ignores a name it doesn't know.
DEMUXERS = (
    "aac,ac3,aiff,amr,amrnb,amrwb,ape,asf,au,avi,caf,dsf,dts,dtshd,eac3,flac,flv,gsm,iff,loas,"
    "matroska,mlp,mov,mp3,mpc,mpc8,mpeg,mpegts,mxf,ogg,oma,qoa,rm,shn,sox,tak,truehd,tta,voc,vqf,"
    "w64,wav,webm,wv,xwma"
)
# Left and right, 32-bit floats each: what goes through every pipe.
BYTES_PER_SAMPLE = 8
KILLED_WITHIN_S = 10.0
# Good songs stay below 30 MB in one piece and 150 MB in all. Small files can ask for gigabytes.
LARGEST_ALLOCATION_BYTES = 200_000_000
MEMORY_LIMIT_BYTES = 768 << 20
# What says nothing about the cause, or repeats what an earlier line said better.
_NOISE = re.compile(
    "Error opening (in|out)put file |Error parsing options|Conversion failed|Failed to set value"
)
# What ffmpeg 5 says of a rate that changes in the middle, and what it then does right.
_HARMLESS = re.compile(r"Application provided invalid, non monotonically increasing dts to muxer")
# Anchored: further on in a line there may be text from the file. Windows has addresses without 0x.
_LOG_LINE = re.compile(
    r"^(?:\[[^\]\n]* @ (?:0x)?[0-9a-fA-F]+\] )*\[(?:error|fatal|panic)\] (.+)$", re.MULTILINE
)
_FORBIDDEN = re.compile(r"not on whitelist|Not detecting m3u8")
NO_ROOM = re.compile(r"No space left on device|Disk quota exceeded")
# Keeps Ctrl-C from ffmpeg on Windows, as a session of its own does elsewhere.
_NEW_GROUP = getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)
# Windows programs find libraries of the system by it.
_ENVIRONMENT = {k: v for k, v in os.environ.items() if k == "SYSTEMROOT"}  # noqa: TID251

_GENERAL = ["-nostdin", "-hide_banner", "-nostats", "-max_alloc", str(LARGEST_ALLOCATION_BYTES)]


def find_ffmpeg(configured: str | Path | None, setting: str = "FFMPEG") -> Path:
    """Find the ffmpeg program: the configured one, else the one that imageio-ffmpeg brings.

    Asking imageio-ffmpeg itself would start ffmpeg once more, which costs a tenth of a second.

    Parameters
    ----------
    configured : Path of the program, or its name, which is searched for in PATH.
    setting : Name of the caller's setting, for messages.

    Raises
    ------
    SetupError : The program doesn't exist.
    """
    if configured:
        program = shutil.which(configured)
        if not program:
            raise SetupError(
                f"{setting} names {str(configured)!r}, which is not a program that can run."
            )
        return Path(program).absolute()
    package = find_spec("imageio_ffmpeg")
    folders = package.submodule_search_locations if package else None
    for folder in folders or ():
        for path in sorted(Path(folder, "binaries").glob("ffmpeg-*")):
            if os.access(path, os.X_OK):
                return path
    raise SetupError(f"There is no ffmpeg: install imageio-ffmpeg, or name it with {setting}.")


def untrusted_input(path: Path, arguments: Sequence[str] = ()) -> list[str]:
    """Return the arguments that let ffmpeg read this file, no other, and only as sound or video."""
    allowed = ["-protocol_whitelist", "file", "-format_whitelist", DEMUXERS]
    return [*allowed, *arguments, "-i", f"file:{path.absolute()}"]


class FfmpegProcess:
    """A running ffmpeg: no shell, no environment, a session of its own, its messages collected.

    Leaving its context ends it.

    Parameters
    ----------
    program : Path of ffmpeg.
    arguments : Arguments that follow those of all calls.
    stdin, stdout : Streams as in `subprocess.Popen`; nothing by default.
    read_log : Reader of ffmpeg's messages.
    """

    def __init__(
        self,
        program: Path,
        arguments: Sequence[str],
        *,
        stdin: int = subprocess.DEVNULL,
        stdout: int = subprocess.DEVNULL,
        read_log: Callable[[IO[bytes]], PipeReader] = PipeReader,
    ) -> None:
        try:
            self.process = subprocess.Popen(
                [str(program), *_GENERAL, *arguments],
                stdin=stdin,
                stdout=stdout,
                stderr=subprocess.PIPE,
                env=_ENVIRONMENT,
                cwd=program.anchor,
                start_new_session=True,
                creationflags=_NEW_GROUP,
            )
        except OSError as error:
            busy = error.errno in {errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE}
            kind = TransientError if busy else SetupError
            raise kind(f"ffmpeg can't be started: {error.strerror}.") from error
        _limit_memory(self.process.pid)
        self._log = read_log(cast(IO[bytes], self.process.stderr))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End ffmpeg if it still runs, and close its pipes."""
        self.kill()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):  # ffmpeg doesn't read it anymore
                    pipe.close()

    def wait(self, within_s: float | None = None) -> int | None:
        """Wait until ffmpeg has ended, and return its exit code, or None if it still runs.

        The end of its messages is what shows its end: `subprocess.Popen.wait` with a limit would
        look for it every 50 ms only.
        """
        return self.process.wait() if self._log.ends(within_s) else None

    def kill(self) -> None:
        """End ffmpeg now, and wait until it has gone."""
        if sys.platform == "win32":
            self.process.kill()
        elif self.process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(KILLED_WITHIN_S)
        self._log.text()

    @property
    def log(self) -> str:
        """Return the messages; waits until ffmpeg has ended."""
        return self._log.text()

    @property
    def reason(self) -> str:
        """Return why ffmpeg failed, in its own words, or nothing if it reported no error."""
        return error_message(self.log)


def _limit_memory(process_id: int) -> None:
    """Limit the memory of a process, where the system can limit that of another one."""
    if sys.platform == "linux":
        limits = (MEMORY_LIMIT_BYTES, MEMORY_LIMIT_BYTES)
        with contextlib.suppress(ProcessLookupError):  # it has ended already
            resource.prlimit(process_id, resource.RLIMIT_DATA, limits)


def error_message(log: str) -> str:
    """Find the message of a log that tells most; needs the prefixes of ``-loglevel level+…``."""
    messages = [match[1].strip() for match in _LOG_LINE.finditer(log)]
    messages = [message for message in messages if not _HARMLESS.match(message)]
    if any(_FORBIDDEN.search(message) for message in messages):
        return "files of this kind are not read here"
    telling = [message for message in messages if not _NOISE.match(message)]
    if not telling:
        return messages[0][:200] if messages else ""
    # Paths of this machine are not shown to users.
    text = re.sub(r"^(Error opening input|file:.*): (?=[^:]+$)", "", telling[0])
    return text.rstrip(".")[:200]
