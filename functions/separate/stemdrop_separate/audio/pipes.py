"""Pipes of a subprocess, each read or written by a thread of its own."""

import contextlib
import queue
import threading
from typing import IO

LOG_LIMIT_BYTES = 1 << 20
# One segment of the network, 11.9 s, is 4 chunks, so it can continue with the next one.
MAX_WAITING_CHUNKS = 4


class PipeReader:
    """Reads a pipe to its end, so that its writer never waits.

    Parameters
    ----------
    pipe : Pipe, which is closed at its end.
    limit_bytes : Number of bytes to keep, from the start.
    """

    def __init__(self, pipe: IO[bytes], limit_bytes: int = LOG_LIMIT_BYTES) -> None:
        self._pipe = pipe
        self._limit_bytes = limit_bytes
        self._kept = bytearray()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def ends(self, within_s: float | None = None) -> bool:
        """Wait for the end of the pipe, and return whether it came in time."""
        self._thread.join(within_s)
        return not self._thread.is_alive()

    def text(self) -> str:
        """Wait for the end of the pipe, and return what was kept."""
        self._thread.join()
        return self._kept.decode("utf-8", "replace")

    def _read(self) -> None:
        with self._pipe:
            while chunk := self._pipe.read(1 << 16):
                self._keep(chunk)

    def _keep(self, chunk: bytes) -> None:
        self._kept += chunk[: self._limit_bytes - len(self._kept)]


class PipeWriter:
    """Writes into a pipe, with a few chunks waiting.

    Parameters
    ----------
    pipe : Pipe, which is closed at its end.
    stall_timeout_s : Seconds that its reader may take for the next chunk.
    """

    def __init__(self, pipe: IO[bytes], stall_timeout_s: float) -> None:
        self._pipe = pipe
        self._stall_timeout_s = stall_timeout_s
        self._chunks: queue.Queue[bytes | None] = queue.Queue(MAX_WAITING_CHUNKS)
        self._broken = False
        self._thread = threading.Thread(target=self._write, daemon=True)
        self._thread.start()

    def put(self, chunk: bytes | None) -> bool:
        """Write a chunk, or None for the end, and return whether the reader still reads."""
        try:
            self._chunks.put(chunk, timeout=self._stall_timeout_s)
        except queue.Full:
            return False
        if chunk is None:
            self._thread.join(self._stall_timeout_s)
        return not (self._broken or (chunk is None and self._thread.is_alive()))

    def _write(self) -> None:
        # Chunks are taken even when the reader has gone, so that no caller waits for it.
        # Windows says EINVAL instead of EPIPE, so this is not only about BrokenPipeError.
        with contextlib.suppress(OSError), self._pipe:
            while (chunk := self._chunks.get()) is not None:
                if not self._broken:
                    try:
                        self._pipe.write(chunk)
                    except OSError:
                        self._broken = True
