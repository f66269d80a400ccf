"""Credentials of the API, and access to jobs."""

import hashlib
import time
from collections.abc import Mapping

import pytest
from fastapi.routing import APIRoute

from api_events import TOKEN, Api, ApiResponse, Handler, create_handler, request_event
from fault_proxy import FaultProxy
from stemdrop.keys import UploadKey
from stemdrop.store import Store
from stemdrop_api import public_routes, routes, web_page
from stemdrop_local.deployment import Stack
from stemdrop_separate.job.context import JobContext
from uploads import attempt, put, results, song

ISSUER = "https://issuer.example"
JOB = {"filename": "a.wav", "size_bytes": 1}
GUARDED = [
    (method, route.path_format)
    for route in routes.router.routes
    if isinstance(route, APIRoute)
    for method in route.methods or ()
]
ALMOST = {
    "no header": {},
    "empty": {"authorization": ""},
    "nothing behind the scheme": {"authorization": "Bearer "},
    "only the scheme": {"authorization": "Bearer"},
    "only the token": {"authorization": TOKEN},
    "another scheme": {"authorization": f"Basic {TOKEN}"},
    "too short": {"authorization": f"Bearer {TOKEN[:-1]}"},
    "too long": {"authorization": f"Bearer {TOKEN}x"},
    "another case": {"authorization": f"Bearer {TOKEN.upper()}"},
    "a space too many": {"authorization": f"Bearer  {TOKEN}"},
    "two of them": {"authorization": f"Bearer {TOKEN},Bearer {TOKEN}"},
    "not ASCII": {"authorization": "Bearer Größe🎵" + "x" * 32},
    "NUL": {"authorization": f"Bearer {TOKEN}\0"},
    "elsewhere": {"x-authorization": f"Bearer {TOKEN}", "cookie": f"token={TOKEN}"},
}


def require_refused(answer: ApiResponse) -> None:
    assert (answer.status, answer.json["code"]) == (401, "unauthorized")
    assert answer.headers["www-authenticate"] == "Bearer"
    assert TOKEN not in str(answer)


def test_every_route_is_listed_as_guarded_or_open() -> None:
    """A new route must be listed here as guarded or open."""
    assert sorted(GUARDED) == [
        ("DELETE", "/jobs/{id}"),
        ("GET", "/drop/{key}"),
        ("GET", "/jobs"),
        ("GET", "/jobs/{id}"),
        ("GET", "/jobs/{id}/stems/{stem}"),
        ("GET", "/options"),
        ("POST", "/jobs"),
    ]
    opened = [*public_routes.router.routes, *web_page.router.routes]
    assert sorted(route.path_format for route in opened if isinstance(route, APIRoute)) == [
        "/",
        "/docs",
        "/docs/{name}",
        "/healthz",
        "/openapi.json",
        "/page/{wanted}/{name}",
    ]


BODIES = [None, JOB, b"{", b"x" * 100_000]


@pytest.mark.parametrize(("method", "path"), GUARDED)
def test_route_without_a_token_is_refused_before_its_body_is_read(
    api_handler: Handler, faults: FaultProxy, method: str, path: str
) -> None:
    stranger = Api(api_handler, token=None)
    for body in BODIES:
        require_refused(stranger.call(method, path, body))
    assert not faults.requests


@pytest.mark.parametrize("headers", ALMOST.values(), ids=ALMOST.keys())
def test_token_that_is_not_exact_is_refused(
    api_handler: Handler, faults: FaultProxy, headers: dict[str, str]
) -> None:
    require_refused(Api(api_handler, token=None).call("POST", "/jobs", JOB, headers))
    assert not faults.requests


def test_token_in_the_query_is_refused(api_handler: Handler) -> None:
    require_refused(
        Api(api_handler, token=None).call("GET", "/options", query=f"access_token={TOKEN}")
    )


def test_scheme_in_any_case_is_accepted(api_handler: Handler) -> None:
    for scheme in ("Bearer", "bearer", "BEARER"):
        answer = Api(api_handler, token=None).get("/options", authorization=f"{scheme} {TOKEN}")
        assert answer.status == 200


@pytest.mark.parametrize("path", ["/", "/healthz", "/docs", "/docs/init.js", "/openapi.json"])
def test_open_route_needs_no_token(api_handler: Handler, faults: FaultProxy, path: str) -> None:
    assert Api(api_handler, token=None).get(path).status in {200, 307}
    assert not faults.requests


def test_claims_without_an_issuer_are_refused(api_handler: Handler) -> None:
    require_refused(Api(api_handler, token=None, claims={"sub": "ann"}).get("/options"))


@pytest.fixture
def behind_authorizer(
    api_environment: dict[str, str], store: Store, monkeypatch: pytest.MonkeyPatch
) -> Handler:
    """Return a handler with an issuer and without an access token."""
    assert store.uploads
    for name in api_environment.keys() - {"PATH", "TZ", "LANG"}:
        monkeypatch.setenv(name, api_environment[name])
    return create_handler(api_environment | {"JWT_ISSUER": ISSUER, "ACCESS_TOKEN": ""})


def user(handler: Handler, name: str, **claims: str) -> Api:
    """Return the API for a user whom the authorizer has accepted."""
    return Api(handler, token="a.b.c", claims={"sub": name, "iss": ISSUER, **claims})  # noqa: S106


@pytest.mark.parametrize(("method", "path"), GUARDED)
def test_route_without_claims_is_refused(
    behind_authorizer: Handler, method: str, path: str
) -> None:
    require_refused(Api(behind_authorizer).call(method, path, JOB))


@pytest.mark.parametrize(
    "claims",
    [
        {},
        {"iss": ISSUER},
        {"sub": ""},
        {"sub": "ann", "exp": "1700000000"},
        {"sub": "ann", "exp": "never"},
        {"sub": "ann", "exp": "nan"},
    ],
    ids=["empty", "no subject", "empty subject", "expired", "no time", "no number"],
)
def test_invalid_claims_are_refused(behind_authorizer: Handler, claims: Mapping[str, str]) -> None:
    require_refused(Api(behind_authorizer, claims=claims).call("POST", "/jobs", JOB))


@pytest.mark.parametrize(
    "authorizer",
    [None, {}, {"jwt": None}, {"jwt": {}}, {"jwt": {"claims": None}}, {"lambda": {"sub": "ann"}}],
)
def test_claims_of_another_authorizer_are_refused(
    behind_authorizer: Handler, authorizer: object
) -> None:
    event = request_event("GET", "/options")
    event["requestContext"]["authorizer"] = authorizer
    require_refused(Api(behind_authorizer).send(event))


def test_claims_are_accepted_until_they_expire(behind_authorizer: Handler) -> None:
    assert user(behind_authorizer, "ann").get("/options").status == 200
    soon = str(int(time.time()) + 60)
    assert user(behind_authorizer, "ann", exp=soon).get("/options").status == 200


def test_job_of_another_user_is_not_found(behind_authorizer: Handler) -> None:
    ann, bob = user(behind_authorizer, "ann"), user(behind_authorizer, "bob")
    job_id = ann.post("/jobs", JOB).json["id"]
    assert ann.get(f"/jobs/{job_id}").status == 200
    nowhere = "0" * 32
    for path in ("/jobs/{}", "/jobs/{}/stems/vocals"):
        theirs, missing = bob.get(path.format(job_id)), bob.get(path.format(nowhere))
        assert (theirs.status, theirs.body) == (404, missing.body)
    theirs, missing = bob.delete(f"/jobs/{job_id}"), bob.delete(f"/jobs/{nowhere}")
    assert (theirs.status, theirs.body) == (404, missing.body)
    assert ann.delete(f"/jobs/{job_id}").status == 204


def test_stems_of_another_user_are_not_reused(
    behind_authorizer: Handler, buckets: Stack, job_context: JobContext
) -> None:
    data = song()
    request = {
        "filename": "a.wav",
        "size_bytes": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
    }
    ann, bob = user(behind_authorizer, "ann"), user(behind_authorizer, "bob")
    created = ann.post("/jobs", request).json
    key = UploadKey.parse(created["key"])
    put(buckets, data, key)
    attempt(job_context, key)
    assert ann.post("/jobs", request).json["status"] == "done"
    assert bob.post("/jobs", request).json["status"] == "awaiting_upload"


def test_song_of_the_drop_folder_is_shown_to_every_user(
    behind_authorizer: Handler, buckets: Stack, job_context: JobContext
) -> None:
    put(buckets, song())
    attempt(job_context)
    for name in ("ann", "bob"):
        assert user(behind_authorizer, name).get("/drop/song.wav").status == 200


def test_job_of_a_user_is_not_found_with_the_access_token(
    behind_authorizer: Handler, api: Api, buckets: Stack
) -> None:
    job_id = user(behind_authorizer, "ann").post("/jobs", JOB).json["id"]
    assert api.get(f"/jobs/{job_id}").status == 404
    assert api.delete(f"/jobs/{job_id}").status == 404
    assert results(buckets)
