"""Entries of the log groups as lines for people.

What Lambda says of each run is left out, but for what it cost and how it ended; so are the metrics
that are written as log entries, and what is the same in every entry.
"""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from stemdrop_cloud.text import printable

# Of Powertools and the access log; time, level and message have places of their own.
UNINTERESTING = {
    *("level", "message", "timestamp", "time", "service", "location", "sampling_rate"),
    *("function_name", "function_arn", "function_memory_size", "xray_trace_id"),
    *("exception", "exception_name", "stack_trace", "cold_start", "correlation_id"),
}
# These come first, since they say which song a line is about.
FIRST = ("key", "job")
BOILERPLATE = re.compile(r"(INIT_START|START RequestId:|END RequestId:|EXTENSION|XRAY TraceId)")
REPORT = re.compile(
    r"REPORT RequestId: (?P<request>\S+).*?Billed Duration: (?P<ms>\d+) ms"
    r".*?Memory Size: (?P<size>\d+) MB.*?Max Memory Used: (?P<used>\d+) MB",
    re.DOTALL,
)
STATUS = re.compile(r"Status: (?P<status>\w+)")
INDENT = " " * 4


def render(timestamp_ms: int, source: str, text: str) -> str | None:
    """Return an entry as a line, with those of its exception below it; None if it isn't worth one.

    Parameters
    ----------
    timestamp_ms : since 1970, UTC.
    source : what wrote it, such as separate, api or access.
    text : the entry.
    """
    level, message, details, trace = _parts(text.rstrip("\r\n"))
    if not message:
        return None
    moment = datetime.fromtimestamp(timestamp_ms / 1000, UTC)
    when = moment.strftime("%Y-%m-%d %H:%M:%S.") + f"{timestamp_ms % 1000:03d}"
    line = "  ".join([f"{when} {source:<8} {level:<7} {message}", *details])
    return "\n".join([printable(line), *(INDENT + printable(row) for row in trace.splitlines())])


def _parts(text: str) -> tuple[str, str, list[str], str]:
    """Return level, message, details and traceback of an entry."""
    entry = _entry(text)
    if entry is None:
        return _plain(text)
    if "_aws" in entry:
        return "", "", [], ""
    if "route" in entry and "status" in entry and "message" not in entry:
        level = "ERROR" if str(entry["status"]).startswith("5") else "INFO"
        return level, str(entry["route"]), _details(entry, {"route"}), ""
    message = entry.get("message") or entry.get("errorMessage") or "-"
    message = message if isinstance(message, str) else json.dumps(message)
    trace = str(entry.get("exception") or "\n".join(map(str, entry.get("stackTrace", []))))
    hidden = {"errorMessage", "stackTrace"} if "errorMessage" in entry else set()
    level = str(entry.get("level") or ("ERROR" if hidden else "INFO"))
    return level, message, _details(entry, hidden), trace


def _entry(text: str) -> Mapping[str, Any] | None:
    if not text.startswith("{"):
        return None
    try:
        entry = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return entry if isinstance(entry, dict) else None


def _plain(text: str) -> tuple[str, str, list[str], str]:
    if BOILERPLATE.match(text):
        return "", "", [], ""
    report = REPORT.match(text)
    if not report:
        level = "ERROR" if "Task timed out" in text or "[ERROR]" in text else "INFO"
        first, _, rest = text.partition("\n")
        return level, first.strip(), [], rest
    status = STATUS.search(text)
    details = [
        f"billed_ms={report['ms']}",
        f"memory_mb={report['used']}/{report['size']}",
        f"function_request_id={report['request']}",
    ]
    if status:
        return "ERROR", "run_ended", [f"status={status['status']}", *details], ""
    return "INFO", "run_ended", details, ""


def _details(entry: Mapping[str, Any], hidden: set[str]) -> list[str]:
    names = [name for name in FIRST if name in entry]
    names += [name for name in entry if name not in FIRST]
    shown = [name for name in names if name not in UNINTERESTING | hidden]
    return [f"{name}={_value(entry[name])}" for name in shown if entry[name] not in ("", "-", None)]


def _value(value: object) -> str:
    if isinstance(value, str):
        return value if value and " " not in value else json.dumps(value, ensure_ascii=False)
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
