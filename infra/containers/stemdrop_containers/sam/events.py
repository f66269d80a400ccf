"""Make the sample events of tests/events by `sam local generate-event`, one for every trigger.

    python -m stemdrop_containers.sam.events

They name the buckets as the embedded stack has them. What SAM can't be told is changed afterwards:
it knows one kind of upload, and calls of an API with many things at once.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stemdrop_containers.sam.cli import FOLDER, PROGRAM
from stemdrop_local.intrinsics import REGION
from stemdrop_local.template import ROOT, read_application

EVENTS = ROOT / "tests" / "events"
JOB = "jobs/7f3c9a5e2b814d60a1f4c8e97b25d036"
# The token is the tests'; sam-local's own lets in with another one.
CALLER = {
    "authorization": "Bearer a-token-of-the-tests.0123456789~+/=",
    "host": "localhost:3000",
    "x-forwarded-proto": "http",
}
JSON = {"content-type": "application/json"}
PLAIN: Mapping[str, Any] = {
    "cookies": None,
    "rawQueryString": "",
    "queryStringParameters": None,
    "pathParameters": None,
    "stageVariables": None,
}


@dataclass(frozen=True, slots=True)
class Sample:
    """How an event is made.

    Attributes
    ----------
    words : of SAM's command.
    event_name : of the upload, in place of SAM's.
    changes : at the top of a call; None takes something away.
    """

    words: Sequence[str]
    event_name: str = ""
    changes: Mapping[str, Any] = field(default_factory=dict)


def samples() -> dict[str, Sample]:
    """Return the events' names, and how they are made."""
    bucket = read_application().function.environment["UPLOADS_BUCKET"]

    def upload(key: str, event_name: str = "ObjectCreated:Put") -> Sample:
        options = ["--region", REGION, "--bucket", bucket, "--key", key]
        return Sample(["s3", "put", *options], event_name)

    def call(method: str, path: str, body: str = "", **headers: str) -> Sample:
        options = ["--method", method, "--path", path[1:], "--body", body]
        changes = {**PLAIN, "routeKey": f"{method} {path}", "headers": headers}
        if not body:
            changes |= {"body": None, "isBase64Encoded": False}
        return Sample(["apigateway", "http-api-proxy", *options], changes=changes)

    wanted = '{"filename": "song.mp3", "size_bytes": 4320000}'
    return {
        "s3_put": upload("drop/song.mp3"),
        "s3_copy": upload("drop/4stems/café.mp3", "ObjectCreated:Copy"),
        "s3_multipart": upload("drop/concert.wav", "ObjectCreated:CompleteMultipartUpload"),
        "s3_job": upload(JOB),
        "http_healthz": call("GET", "/healthz", **CALLER),
        "http_options": call("GET", "/options", **CALLER),
        "http_jobs": call("POST", "/jobs", wanted, **JSON, **CALLER),
    }


def generate(sample: Sample) -> dict[str, Any]:
    """Have SAM make an event."""
    run = subprocess.run(
        [PROGRAM, "local", "generate-event", *sample.words],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "SAM_CLI_TELEMETRY": "0", "__SAM_CLI_APP_DIR": str(FOLDER / "home")},
    )
    event: dict[str, Any] = json.loads(run.stdout)
    for record in event.get("Records", []):
        record["eventName"] = sample.event_name
    changed = {**event, **sample.changes}
    if "requestContext" in changed:
        changed["requestContext"] = _context(changed)
    return {name: value for name, value in changed.items() if value is not None}


def text_of(event: Mapping[str, Any]) -> str:
    """Return an event as its file has it."""
    return f"{json.dumps(event, indent=2, ensure_ascii=False)}\n"


def _context(event: Mapping[str, Any]) -> dict[str, Any]:
    """Return what API Gateway tells of a call, without a certificate and claims of anybody."""
    context = {**event["requestContext"], "routeKey": event["routeKey"]}
    left_out = {"authentication", "authorizer"}
    return {name: value for name, value in context.items() if name not in left_out}


def main(folder: Path = EVENTS) -> int:
    """Write all events, and return the exit status."""
    for name, sample in samples().items():
        path = folder / f"{name}.json"
        path.write_text(text_of(generate(sample)))
        print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
