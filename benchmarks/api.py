"""Measure how long the API function's handler takes to answer.

    python -m benchmarks.api

Prints one line of JSON, for `make bench`. Calls go through the handler one after the other, as in
one execution environment of Lambda's, with the embedded S3 in a process of its own.
"""

import json
import os
import secrets
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from stemdrop_local.http.events import event_of
from stemdrop_local.runtime.environment import lambda_environment
from stemdrop_local.s3.server import S3Server
from stemdrop_local.stack import create_stack
from stemdrop_local.template import Application, read_application
from werkzeug.test import EnvironBuilder

from stemdrop.jobs import Job, Source, Status, Stem, now
from stemdrop.keys import Origin, UploadKey, result_key
from stemdrop.options import Options
from stemdrop.store import Store

CALLS = 1000
TOKEN = secrets.token_hex(16)


@dataclass(frozen=True, slots=True)
class Latency:
    """What calls of `GET /jobs/{id}` took.

    Attributes
    ----------
    median_ms, p99_ms : wall time of one call.
    """

    calls: int
    median_ms: float
    p99_ms: float


def main() -> int:
    """Measure, print, and return the exit status."""
    application = read_application(parameters={"AccessToken": TOKEN})
    with (
        tempfile.TemporaryDirectory(prefix="stemdrop-bench-") as folder,
        S3Server(Path(folder) / "s3.log") as server,
        create_stack(server, application),
    ):
        os.environ |= lambda_environment(application.api, server.endpoint_url)
        os.environ |= application.api.environment
        print(json.dumps(asdict(_measure(application))))
    return 0


def _measure(application: Application) -> Latency:
    from stemdrop_api.handler import handler

    key = UploadKey(Origin.JOBS, secrets.token_hex(16))
    _save_done_job(application, key)
    call = _call_of(handler, f"/{key}")
    times_ms = sorted(call() for _ in range(CALLS))
    return Latency(
        calls=CALLS,
        median_ms=round(statistics.median(times_ms), 1),
        p99_ms=round(times_ms[CALLS * 99 // 100], 1),
    )


def _save_done_job(application: Application, key: UploadKey) -> None:
    """Write the record of a job whose view has the most in it: two stems with signed URLs."""
    options = Options()
    stems = tuple(
        Stem(stem, result_key(key, f"{stem}.wav"), 31_752_044, 180.0, -1.0, 0)
        for stem in options.outputs
    )
    moment = now()
    job = Job(
        key=str(key),
        status=Status.DONE,
        created_at=moment,
        updated_at=moment,
        finished_at=moment,
        filename="song.mp3",
        options=options.to_json(),
        source=Source(str(key), "0" * 32, 4_320_000, moment, "0" * 64),
        stems=stems,
    )
    buckets = application.api.environment
    Store(buckets["UPLOADS_BUCKET"], buckets["STEMS_BUCKET"]).save_job(key, job, None)


def _call_of(handler: Callable[[Any, Any], Any], path: str) -> Callable[[], float]:
    headers = [("Authorization", f"Bearer {TOKEN}")]
    event = event_of(EnvironBuilder(path, headers=headers).get_request(), b"")
    context = SimpleNamespace(
        function_name="api",
        memory_limit_in_mb=1024,
        invoked_function_arn="arn:aws:lambda:eu-central-1:123456789012:function:api",
        aws_request_id="request",
    )

    def call() -> float:
        started_s = time.perf_counter()
        answer = handler(event, context)
        took_ms = (time.perf_counter() - started_s) * 1000
        if answer["statusCode"] != 200 or len(json.loads(answer["body"])["stems"]) != 2:
            raise SystemExit(f"The API answered {answer['statusCode']}.")
        return took_ms

    return call


if __name__ == "__main__":
    sys.exit(main())
