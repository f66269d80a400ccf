"""A handler that reports its environment, and what it can do in a container."""

import multiprocessing
import os
import pwd
import resource
import shutil
from collections.abc import Callable
from pathlib import Path
from threading import Event, Thread
from typing import Any

# File systems of the kernel.
PSEUDO = ("/proc", "/sys")
CHUNK = bytes(1 << 20)


def handler(event: Any, context: Any) -> Any:
    """Run the action that the event names."""
    return ACTIONS[event["do"]](context)


def describe(context: Any) -> dict[str, Any]:
    """Return the user, capabilities, limits and environment."""
    status = dict(
        line.split(":\t", 1) for line in Path("/proc/self/status").read_text().splitlines()
    )
    try:
        name = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        name = None
    return {
        "user": [os.getuid(), os.getgid()],
        "name": name,
        "capabilities": [status[f"Cap{kind}"] for kind in ("Inh", "Prm", "Eff", "Bnd", "Amb")],
        "no_new_privileges": status["NoNewPrivs"],
        "processors": len(os.sched_getaffinity(0)),
        "files": resource.getrlimit(resource.RLIMIT_NOFILE),
        "tmp_bytes": shutil.disk_usage("/tmp").total,  # noqa: S108
        "environment": dict(os.environ),
        "memory_mb": int(context.memory_limit_in_mb),
        "remaining_ms": context.get_remaining_time_in_millis(),
    }


def write(_: Any) -> list[str]:
    """Return all writable folders."""
    writable = []
    for folder, inner, _names in os.walk("/"):
        inner[:] = [name for name in inner if os.path.join(folder, name) not in PSEUDO]  # noqa: PTH118
        try:
            file = Path(folder, "written")
            file.touch(exist_ok=False)
            file.unlink()
        except OSError:
            continue
        writable.append(folder)
    return writable


def share(_: Any) -> str:
    """Allocate shared memory, as a process pool does, and return the error, if any."""
    try:
        multiprocessing.Lock()
    except OSError as error:
        return type(error).__name__
    return "shared"


def fill(_: Any) -> int:
    """Fill /tmp, and return its size in megabytes."""
    path = Path("/tmp/fill")  # noqa: S108
    written = 0
    try:
        with path.open("wb", buffering=0) as file:
            while file.write(CHUNK) == len(CHUNK):
                written += 1
    except OSError:
        pass
    finally:
        path.unlink()
    return written


def swarm(_: Any) -> int:
    """Start threads up to the limit, and return their number."""
    ending = Event()
    threads = []
    try:
        for _number in range(4096):
            thread = Thread(target=ending.wait)
            thread.start()
            threads.append(thread)
    except RuntimeError:
        pass
    finally:
        ending.set()
    for thread in threads:
        thread.join()
    return len(threads)


def swell(_: Any) -> int:
    """Allocate memory until the process is killed."""
    taken: list[bytearray] = []
    while len(taken) < 1 << 14:
        taken.append(bytearray(CHUNK))
        taken[-1][:] = b"x" * len(CHUNK)
    return len(taken)


ACTIONS: dict[str, Callable[[Any], Any]] = {
    "describe": describe,
    "write": write,
    "share": share,
    "fill": fill,
    "swarm": swarm,
    "swell": swell,
}
