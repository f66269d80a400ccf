"""The API's log: one line per request, without credentials."""

import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

import api_process
from api_events import TOKEN, Api, ApiResponse, Event, parse_response, request_event
from stemdrop.keys import UploadKey, record_key
from stemdrop_local.deployment import Stack
from stemdrop_separate.job.context import JobContext
from uploads import attempt, put, song

SENT = "a-token-that-was-sent-by-mistake-000000"
LOST = "0" * 32


@pytest.fixture
def calls(api: Api, buckets: Stack, job_context: JobContext) -> list[Event]:
    """Return one request of each kind, and create what it needs."""
    data = song()
    known = {
        "filename": "a.wav",
        "size_bytes": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
        "zip": True,
    }
    job = api.post("/jobs", known).json
    for key in (UploadKey.parse(job["key"]), UploadKey.parse("drop/a.wav")):
        put(buckets, data, key)
        attempt(job_context, key)
    broken = record_key(UploadKey.parse(f"jobs/{LOST}"))
    buckets.s3.put_object(Bucket=buckets.stems_bucket, Key=broken, Body=b"{")
    return [
        call("POST", "/jobs", {"filename": "b.wav", "size_bytes": 5}),
        call("POST", "/jobs", known),
        call("POST", "/jobs", {"filename": SENT, "size_bytes": 0, "codec": SENT}),
        call("POST", "/jobs", {"filename": "c", "size_bytes": 1, SENT: SENT}),
        call("GET", f"/jobs/{job['id']}"),
        call("GET", f"/jobs/{job['id']}", token=SENT),
        call("GET", f"/jobs/{job['id']}", query=f"access_token={SENT}"),
        call("GET", f"/jobs/{job['id']}/stems/vocals"),
        call("GET", f"/jobs/{job['id']}/stems/zip"),
        call("GET", f"/jobs/{SENT}"),
        call("GET", "/drop/a.wav"),
        call("GET", f"/{SENT}"),
        call("GET", "/options"),
        call("HEAD", "/options"),
        call("GET", "/healthz"),
        call("GET", "/docs"),
        call("PUT", "/options"),
        call("GET", f"/jobs/{LOST}"),
        call("DELETE", f"/jobs/{job['id']}"),
    ]


def call(
    method: str, path: str, body: object = None, *, token: str = TOKEN, query: str = ""
) -> Event:
    headers = {"authorization": f"Bearer {token}", "cookie": f"session={SENT}"}
    if body is None:
        return request_event(method, path, headers=headers, query=query)
    headers["content-type"] = "application/json"
    return request_event(method, path, headers=headers, body=json.dumps(body).encode())


@pytest.fixture
def answered(
    calls: list[Event], api_environment: dict[str, str], tmp_path: Path
) -> tuple[list[ApiResponse], str]:
    """Return the responses, and the output of the process."""
    given, answers = tmp_path / "events.json", tmp_path / "answers.json"
    given.write_text(json.dumps(calls))
    done = subprocess.run(
        [sys.executable, "-W", "error", api_process.__file__, given, answers],
        env=api_environment | {"PYTHONPATH": os.pathsep.join(sys.path)},
        check=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
    )
    return [parse_response(returned) for returned in json.loads(answers.read_text())], done.stdout


def secrets_of(answers: list[ApiResponse]) -> set[str]:
    """Return all presigned URLs and signatures in the responses."""
    found = set()
    for answer in answers:
        text = answer.body.decode() + answer.headers.get("location", "")
        for url in re.findall(r"http[^\"\s]+X-Amz-Signature=\w+", text):
            found |= {url, parse_qs(urlsplit(url).query)["X-Amz-Signature"][0]}
    return found


def test_log_contains_no_credential_or_presigned_url(
    answered: tuple[list[ApiResponse], str],
) -> None:
    answers, log = answered
    secrets = secrets_of(answers)
    assert len(secrets) > 10
    for secret in {*secrets, TOKEN, SENT, "X-Amz-", "x-amz-", "Bearer"}:
        assert secret not in log


def test_every_request_has_one_log_line(
    answered: tuple[list[ApiResponse], str], calls: list[Event]
) -> None:
    answers, log = answered
    lines: list[dict[str, Any]] = [json.loads(line) for line in log.splitlines()]
    requests = [line for line in lines if line["message"] == "request"]
    assert [line["status"] for line in requests] == [answer.status for answer in answers]
    assert [line["method"] for line in requests] == [
        event["requestContext"]["http"]["method"] for event in calls
    ]
    for line in requests:
        assert line["duration_ms"] > 0
        assert line["service"] == "api"
        assert line["correlation_id"] == calls[0]["requestContext"]["requestId"]
        assert line["function_request_id"] == "request"
    assert [line.get("route") for line in requests] == [
        *["/jobs"] * 4,
        *["/jobs/{id}"] * 3,
        *["/jobs/{id}/stems/{stem}"] * 2,
        "/jobs/{id}",
        "/drop/{key}",
        None,
        *("/options", "/options", "/healthz", "/docs", "/options", "/jobs/{id}", "/jobs/{id}"),
    ]
    others = [(line["level"], line["message"]) for line in lines if line not in requests]
    assert others == [
        *[("INFO", "job_created")] * 2,
        ("ERROR", "record_unreadable"),
        ("INFO", "job_deleted"),
    ]


def test_log_names_the_job(answered: tuple[list[ApiResponse], str]) -> None:
    answers, log = answered
    lines = [json.loads(line) for line in log.splitlines()]
    created = [line for line in lines if line["message"] == "job_created"]
    assert [line["job"] for line in created] == [answers[0].json["id"], answers[1].json["id"]]
    assert [line["status"] for line in created] == ["awaiting_upload", "done"]
    failed = next(line for line in lines if line["message"] == "record_unreadable")
    assert "JSONDecodeError" in failed["reason"]
