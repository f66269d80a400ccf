"""Measure the latency of the API function's handler.

    python -m benchmarks.api_latency

Prints one line of JSON, for `make bench`. The handler processes one request at a time, as in an
execution environment of Lambda. The local AWS runs in a separate process.
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

from benchmarks.local_aws import function_variables, run_local_aws
from stemdrop.job_record import Job, Status, Stem, UploadSource, now
from stemdrop.keys import Origin, UploadKey, new_results_id, result_key
from stemdrop.options import Options
from stemdrop.store import Store
from stemdrop_local.deployment import ROOT, Deployment, Stack, deploy

CALLS = 1000
EVENT = ROOT / "tests" / "events" / "http_healthz.json"
TOKEN = secrets.token_hex(16)


@dataclass(frozen=True, slots=True)
class Latency:
    """Latency of `GET /jobs/{id}`.

    Attributes
    ----------
    calls : Number of requests.
    median_ms, p99_ms : Wall time of one request.
    """

    calls: int
    median_ms: float
    p99_ms: float


def main() -> int:
    """Measure, print, and return the exit status."""
    with (
        tempfile.TemporaryDirectory(prefix="stemdrop-bench-") as folder,
        run_local_aws(Path(folder)) as emulator,
    ):
        stack = deploy(emulator, Deployment({"AccessToken": TOKEN}))
        os.environ |= function_variables(emulator, stack, "ApiFunction")
        print(json.dumps(asdict(_measure(stack))))
    return 0


def _measure(stack: Stack) -> Latency:
    from stemdrop_api.handler import handler

    key = UploadKey(Origin.JOBS, secrets.token_hex(16))
    _save_done_job(stack, key)
    call = _call_of(handler, f"/{key}")
    times_ms = sorted(call() for _ in range(CALLS))
    return Latency(
        calls=CALLS,
        median_ms=round(statistics.median(times_ms), 1),
        p99_ms=round(times_ms[CALLS * 99 // 100], 1),
    )


def _save_done_job(stack: Stack, key: UploadKey) -> None:
    """Write the record of a completed job with two stems, whose URLs must be signed."""
    options = Options()
    results_id = new_results_id()
    stems = tuple(
        Stem(stem, result_key(key, results_id, f"{stem}.wav"), 31_752_044, 180.0, -1.0, 0)
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
        options=options.to_dict(),
        source=UploadSource(str(key), "0" * 32, 4_320_000, moment, "0" * 64),
        results_ids=(results_id,),
        stems=stems,
    )
    Store(stack.uploads_bucket, stack.stems_bucket, stack.s3).save_job(key, job, None)


def _call_of(handler: Callable[[Any, Any], Any], path: str) -> Callable[[], float]:
    event = json.loads(EVENT.read_text()) | {"rawPath": path}
    event["headers"]["authorization"] = f"Bearer {TOKEN}"
    event["requestContext"]["http"]["path"] = path
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
