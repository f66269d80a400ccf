"""Hostile events get a problem or the sender's own data, and nothing private gets into the log."""

import io
import logging
import os
import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import pytest
from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter
from hypothesis import HealthCheck, event, given, note, settings
from hypothesis import strategies as st

from api_events import TOKEN, Api, ApiResponse, ExecutionEnvironment, create_handler
from fault_proxy import Fault, FaultProxy, S3Request, forbidden, truncate_body, unavailable
from hostile_events import (
    DROPPED,
    JOB_IDS,
    NOBODY,
    OPEN_PATHS,
    PRIVATE,
    SHA256S,
    HostileEvent,
    hostile_events,
)
from stemdrop.job_record import UploadSource
from stemdrop.keys import UploadKey
from stemdrop.options import Options
from stemdrop_api import examples
from stemdrop_local.deployment import Stack
from uploads import results, save_done

# More of them by hand, such as 10,000.
EVENTS = int(os.environ.get("HOSTILE_EVENTS", "150"))


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """Return what is logged, in the format of the functions."""
    with closing(logging.StreamHandler(io.StringIO())) as handler:
        handler.setFormatter(LambdaPowertoolsFormatter())
        logging.getLogger().addHandler(handler)
        yield handler.stream
        logging.getLogger().removeHandler(handler)


@pytest.fixture
def with_issuer(
    api: Api, api_environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Api]:
    """Return the API with an issuer instead of an access token."""
    assert api.token
    for name in api_environment.keys() - {"PATH", "TZ", "LANG"}:
        monkeypatch.setenv(name, api_environment[name])
    issuer = {"JWT_ISSUER": "https://issuer.example", "ACCESS_TOKEN": ""}
    with ExecutionEnvironment(create_handler(api_environment | issuer)) as environment:
        yield Api(environment.handle)


def save_jobs(buckets: Stack) -> None:
    """Write a completed job of each owner, and a dropped song."""
    for owner, job_id in JOB_IDS.items():
        source = replace(UploadSource(**examples.SOURCE), size_bytes=1, sha256=SHA256S[owner])
        key = UploadKey.parse(f"jobs/{job_id}")
        save_done(buckets, key, source, Options(), owner=owner, filename=f"{PRIVATE}-{owner}.mp3")
    dropped = replace(UploadSource(**examples.SOURCE), sha256="d" * 64)
    save_done(buckets, UploadKey.parse(DROPPED), dropped, Options())


def require_problem(answer: ApiResponse, method: str) -> None:
    """Require that an error is a problem, and that no value splits a response."""
    if answer.status >= 400:
        assert answer.headers["content-type"] == "application/problem+json"
        assert method == "HEAD" or answer.json["status"] == answer.status
    assert not re.search(r"[\r\n\0]", "".join(answer.headers.values()))


def require_own_data(answer: ApiResponse, requests: list[S3Request], caller: object) -> None:
    """Require that nothing but the records of others was read, and that they aren't shown."""
    shown = answer.body.decode(errors="replace") + str(answer.headers)
    for owner in JOB_IDS.keys() - {caller}:
        folder = f"jobs/{JOB_IDS[owner]}/"
        assert f"{PRIVATE}-{owner}" not in shown
        assert not re.search(folder + r"\S*X-Amz-Signature", shown)
        for request in requests:
            assert folder not in request.headers.get("x-amz-copy-source", "")
            is_record = (request.method, request.key) == ("GET", f"{folder}job.json")
            assert is_record or not request.key.startswith(folder), request
    assert not requests or caller is not NOBODY


def require_private(log: str) -> None:
    """Require one line about the request, without a song's name, a credential or a signed URL."""
    assert log.count('"message":"request"') == 1
    for secret in (PRIVATE, TOKEN[:16], "X-Amz-"):
        assert secret not in log


@settings(
    max_examples=EVENTS,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(hostile_events(), st.sampled_from([None] * 9 + [unavailable, forbidden, truncate_body]))
def test_hostile_event_gets_a_problem_or_own_data(
    api: Api,
    with_issuer: Api,
    buckets: Stack,
    faults: FaultProxy,
    log: io.StringIO,
    hostile: HostileEvent,
    fault: Fault | None,
) -> None:
    note(str(hostile))
    if not results(buckets, DROPPED):
        save_jobs(buckets)
    faults.reset()
    if fault:
        for key in (DROPPED, *(f"jobs/{job_id}" for job_id in JOB_IDS.values())):
            faults.inject(fault, "GET", f"{key}/job.json", times=9)
    log.truncate(log.seek(0))
    answer = (with_issuer if hostile.has_issuer else api).send(hostile.event)
    requests = [*faults.requests]
    method, path = hostile.event["requestContext"]["http"]["method"], hostile.event["rawPath"]
    if method == "DELETE" and requests:
        save_jobs(buckets)
    assert answer.status < 500 or (fault and answer.status == 503)
    assert answer.status >= 400 or hostile.caller is not NOBODY or path in OPEN_PATHS
    require_problem(answer, method)
    require_own_data(answer, requests, hostile.caller)
    require_private(log.getvalue())
    event(f"{answer.status}{' without a credential' * (hostile.caller is NOBODY)}")
