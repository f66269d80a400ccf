"""A stack with an issuer of JSON web tokens and an allowed origin, over HTTP."""

import re
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import httpx
import pytest

from stemdrop_local.deployment import Deployment, Stack, deploy
from stemdrop_local.emulator_process import EmulatorProcess
from stemdrop_local.ports import LOOPBACK, listen
from token_issuer import TokenIssuer

ORIGIN = "https://songs.example.org"
OTHER_ORIGIN = "https://songs.example.com"
PREFLIGHT = {
    "access-control-request-method": "POST",
    "access-control-request-headers": "authorization,content-type,idempotency-key",
}
JOB = {"filename": "a.wav", "size_bytes": 1}


@pytest.fixture(scope="module")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TokenIssuer]:
    with TokenIssuer(tmp_path_factory.mktemp("issuer")) as issuer:
        yield issuer


@pytest.fixture(scope="module")
def stack(issuer: TokenIssuer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Deploy the template with an issuer whose certificate the emulator trusts."""
    parameters = {"JwtIssuer": issuer.url, "JwtAudience": "stemdrop", "AllowedOrigin": ORIGIN}
    folder = tmp_path_factory.mktemp("users")
    with pytest.MonkeyPatch.context() as patch, closing(listen(LOOPBACK, 0)) as listening:
        patch.setenv("SSL_CERT_FILE", str(issuer.certificate))
        with EmulatorProcess(listening, folder, "s" * 40) as emulator:
            patch.undo()
            yield deploy(emulator, Deployment(parameters))


@pytest.fixture(scope="module")
def http(stack: Stack) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=stack.endpoint_url, timeout=30) as client:
        yield client


def user(token: str) -> dict[str, str]:
    """Return the headers of a user with a token."""
    return {"authorization": f"Bearer {token}"}


def test_job_is_private_to_its_user(http: httpx.Client, issuer: TokenIssuer) -> None:
    ann, bob = (user(issuer.token(sub=name)) for name in ("ann", "bob"))
    created = http.post("/jobs", json=JOB, headers=ann)
    assert created.status_code == 201
    path = f"/jobs/{created.json()['id']}"
    assert [http.get(path, headers=who).status_code for who in (ann, bob)] == [200, 404]
    assert [http.head(path, headers=who).status_code for who in (ann, bob)] == [200, 404]
    assert [http.delete(path, headers=who).status_code for who in (bob, ann)] == [404, 204]


@pytest.mark.parametrize(
    ("claims", "status"),
    [
        ({}, 200),
        ({"aud": ["other", "stemdrop"]}, 200),
        ({"aud": "other"}, 401),
        ({"iss": "https://issuer.example"}, 401),
        ({"exp": int(time.time()) - 60}, 401),
        ({"nbf": int(time.time()) + 3600}, 401),
        ({"sub": ""}, 401),
    ],
    ids=["right", "one of its audiences", "audience", "issuer", "expired", "early", "nobody"],
)
def test_token_of_another_api_or_time_is_refused(
    http: httpx.Client, issuer: TokenIssuer, claims: dict[str, Any], status: int
) -> None:
    token = issuer.token(**{"sub": "ann", **claims})
    for method in ("GET", "HEAD"):
        assert http.request(method, "/options", headers=user(token)).status_code == status


def test_token_of_another_signer_is_refused(http: httpx.Client, issuer: TokenIssuer) -> None:
    signed, _, signature = issuer.token(sub="ann").rpartition(".")
    others = ["x", f"{signed}.", f"{signed}.{'A' * len(signature)}"]
    for headers in [{}, *(user(token) for token in others)]:
        for method, path in (("GET", "/options"), ("POST", "/jobs"), ("DELETE", "/jobs/0")):
            assert http.request(method, path, headers=headers).status_code == 401


def test_open_routes_need_no_token(http: httpx.Client) -> None:
    for path in ("/", "/healthz", "/docs", "/openapi.json"):
        assert http.get(path).status_code == 200


@pytest.mark.parametrize(("origin", "allowed"), [(ORIGIN, ORIGIN), (OTHER_ORIGIN, None)])
def test_allowed_origin_uses_the_api(
    http: httpx.Client, issuer: TokenIssuer, origin: str, allowed: str | None
) -> None:
    preflight = http.options("/jobs", headers={"origin": origin, **PREFLIGHT})
    headers = {"origin": origin, **user(issuer.token(sub="ann"))}
    for answer in (preflight, http.post("/jobs", json=JOB, headers=headers)):
        assert answer.headers.get("access-control-allow-origin") == allowed
    if allowed:
        assert preflight.status_code == 204
        assert "POST" in preflight.headers["access-control-allow-methods"]
        allowed_headers = preflight.headers["access-control-allow-headers"]
        assert {"authorization", "idempotency-key"} <= {*re.split(", *", allowed_headers)}
        assert "location" in answer.headers["access-control-expose-headers"]


@pytest.mark.parametrize(("origin", "status"), [(ORIGIN, 200), (OTHER_ORIGIN, 403)])
def test_allowed_origin_uploads(
    http: httpx.Client, issuer: TokenIssuer, origin: str, status: int
) -> None:
    job = http.post("/jobs", json=JOB, headers=user(issuer.token(sub="ann"))).json()
    headers = {"origin": origin, "access-control-request-method": "PUT"}
    preflight = http.options(job["upload"]["url"], headers=headers)
    assert preflight.status_code == status
    uploaded = http.put(job["upload"]["url"], content=b"x", headers={"origin": origin})
    assert uploaded.status_code == 200
    expected = ORIGIN if origin == ORIGIN else None
    assert uploaded.headers.get("access-control-allow-origin") == expected
