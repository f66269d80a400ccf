"""A handler for the runtime interface emulator, which does what the event says."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote_plus

started_at = time.time_ns()
seen: set[str] = set()
sys.stdout.write("local_handlers was loaded\n")


def handler(event: Any, context: Any) -> Any:
    """Return the event, or do what its "do" or the last word of its object's key says."""
    match wish(event):
        case "describe":
            return describe(context)
        case "raise-once":
            return raise_once(event)
        case name if name in WISHES:
            return WISHES[name]()
    return event


def wish(event: Any) -> str:
    """Return what an event asks for: in its own words, or as the last word of an object's key."""
    if isinstance(event, dict) and "Records" in event:
        return unquote_plus(event["Records"][0]["s3"]["object"]["key"]).rpartition("/")[2]
    return str(event.get("do")) if isinstance(event, dict) else ""


def describe(context: Any) -> dict[str, Any]:
    """Return what the handler sees of the place where it runs."""
    return {
        "environment": dict(os.environ),
        "function_name": context.function_name,
        "memory_mb": int(context.memory_limit_in_mb),
        "remaining_ms": context.get_remaining_time_in_millis(),
        "pid": os.getpid(),
        "started_at": started_at,
    }


def raise_once(event: Any) -> Any:
    """Raise the first time that an event comes to this process."""
    if str(event) not in seen:
        seen.add(str(event))
        raise ValueError("not yet")
    return event


def fail() -> None:
    """Raise."""
    raise ValueError("no luck")


def oversleep() -> None:
    """Say that this is where we are, and stay."""
    Path(os.environ["SIGNAL"]).write_text("asleep")
    time.sleep(600)


def leave_a_process() -> int:
    """Start a process in a session of its own, and leave it behind."""
    sleep = [sys.executable, "-c", "import time; time.sleep(600)"]
    return subprocess.Popen(sleep, start_new_session=True).pid


WISHES: dict[str, Callable[[], Any]] = {
    "raise": fail,
    "exit": lambda: os._exit(3),
    "die": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "oversleep": oversleep,
    "leave": leave_a_process,
    "talk": lambda: Path(os.environ["SIGNAL"]).write_text("hello"),
    "listen": lambda: Path(os.environ["SIGNAL"]).read_text(),
}
