"""The API behind its HTTP API, over HTTP: every route of the template, HEAD, credentials, paths."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from api_events import TOKEN
from stemdrop.job_record import Job, Status, Stem
from stemdrop.keys import UploadKey, result_key
from stemdrop.store import Store
from stemdrop_local.deployment import TEMPLATE, Stack
from stemdrop_local.template_file import load_template
from uploads import RESULTS_ID

ID = "0" * 32
NOW = "2026-01-01T00:00:00.000Z"
# Each route, with a request and its expected status. DELETE is last.
GUARDED = {
    "GET /options": ("/options", 200),
    "HEAD /options": ("/options", 200),
    "POST /jobs": ("/jobs", 201),
    "GET /jobs": ("/jobs", 200),
    "HEAD /jobs": ("/jobs", 200),
    "GET /jobs/{id}": (f"/jobs/{ID}", 200),
    "HEAD /jobs/{id}": (f"/jobs/{ID}", 200),
    "GET /jobs/{id}/stems/{stem}": (f"/jobs/{ID}/stems/vocals", 307),
    "HEAD /jobs/{id}/stems/{stem}": (f"/jobs/{ID}/stems/vocals", 307),
    "GET /drop/{key+}": ("/drop/live/song.wav", 200),
    "HEAD /drop/{key+}": ("/drop/live/song.wav", 200),
    "DELETE /jobs/{id}": (f"/jobs/{ID}", 204),
}
OPEN = ["/", "/healthz", "/docs", "/openapi.json"]
WRONG = [None, "", "Bearer", f"Bearer {TOKEN}x", f"Basic {TOKEN}"]
# Path after /drop/, and the key: each escape is decoded once, and + isn't a space.
PATHS = {
    "a%20b+c.wav": "a b+c.wav",
    "live%2Fsong.wav": "live/song.wav",
    "100%25.wav": "100%.wav",
    "%2541.wav": "%41.wav",
    "%252F%2525.wav": "%2F%25.wav",
    "%F0%9F%8E%B5/Gr%C3%B6%C3%9Fe.wav": "🎵/Größe.wav",
    "a//b/": "a//b/",
    "a%3Fb%23c%26d=e;f.wav": "a?b#c&d=e;f.wav",
}


@pytest.fixture
def http(buckets: Stack) -> Iterator[httpx.Client]:
    """Return a client of the deployed API, without a credential."""
    with httpx.Client(base_url=buckets.endpoint_url, timeout=30) as client:
        yield client


@pytest.fixture
def done(buckets: Stack) -> Stack:
    """Return the stack with a completed job and a completed dropped song."""
    for key in (f"jobs/{ID}", "drop/live/song.wav"):
        save(buckets, UploadKey.parse(key), Status.DONE)
    return buckets


def save(stack: Stack, key: UploadKey, status: Status) -> None:
    """Write the record of a song."""
    stem = Stem("vocals", result_key(key, RESULTS_ID, "vocals.wav"), 1, 1.0, None, 0)
    store = Store(stack.uploads_bucket, stack.stems_bucket, stack.s3)
    job = Job(str(key), status, NOW, NOW, filename="a.wav", stems=(stem,))
    store.save_job(key, job, store.load_job(key)[1])


def call(http: httpx.Client, route: str, authorization: str | None) -> httpx.Response:
    """Call a guarded route."""
    method, path = route.partition(" ")[0], GUARDED[route][0]
    headers = {} if authorization is None else {"authorization": authorization}
    body: Any = {"filename": "a.wav", "size_bytes": 1} if method == "POST" else None
    return http.request(method, path, headers=headers, json=body)


def test_all_routes_of_the_template_are_known_to_this_test() -> None:
    resources = load_template(TEMPLATE)["Resources"].values()
    routes = [
        resource["Properties"]["RouteKey"]
        for resource in resources
        if resource["Type"] == "AWS::ApiGatewayV2::Route"
    ]
    assert sorted(routes) == sorted(["$default", *GUARDED])


@pytest.mark.usefixtures("done")
def test_every_route_accepts_the_token(http: httpx.Client) -> None:
    for route, (_, status) in GUARDED.items():
        answer = call(http, route, f"Bearer {TOKEN}")
        assert (answer.status_code, route) == (status, route), answer.text


@pytest.mark.usefixtures("done")
def test_head_is_get_without_the_body(http: httpx.Client) -> None:
    guarded = [(path, f"Bearer {TOKEN}") for path, _ in dict.fromkeys(GUARDED.values())]
    for path, authorization in [(path, "") for path in OPEN] + guarded:
        headers = {"authorization": authorization}
        got, head = (http.request(method, path, headers=headers) for method in ("GET", "HEAD"))
        assert (head.status_code, head.content) == (got.status_code, b""), path
        assert head.headers["content-type"] == got.headers["content-type"]


@pytest.mark.parametrize("authorization", WRONG)
def test_every_route_rejects_missing_token(http: httpx.Client, authorization: str | None) -> None:
    for route in GUARDED:
        answer = call(http, route, authorization)
        assert (answer.status_code, route) == (401, route)
        assert answer.headers["www-authenticate"] == "Bearer"


def test_open_routes_need_no_credential(http: httpx.Client) -> None:
    assert [http.get(path).status_code for path in OPEN] == [200] * len(OPEN)
    missing = http.get("/nowhere")
    assert (missing.status_code, missing.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize(("path", "name"), PATHS.items())
def test_path_is_decoded_once(buckets: Stack, http: httpx.Client, path: str, name: str) -> None:
    key = UploadKey.parse(f"drop/{name}")
    save(buckets, key, Status.PROCESSING)
    headers = {"authorization": f"Bearer {TOKEN}"}
    for address in (f"/drop/{path}", f"/{quote(str(key))}"):
        answer = http.get(address, headers=headers)
        assert (answer.status_code, answer.json()["key"]) == (200, str(key))
    link = answer.json()["links"]["self"]
    assert http.get(link, headers=headers).json()["key"] == str(key)


def test_cross_origin_request_is_refused_by_default(http: httpx.Client) -> None:
    headers = {"origin": "https://songs.example.org", "access-control-request-method": "POST"}
    for method in ("OPTIONS", "GET"):
        answer = http.request(method, "/options", headers=headers)
        assert "access-control-allow-origin" not in answer.headers
