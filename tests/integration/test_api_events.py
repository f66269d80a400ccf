"""Valid and invalid events of API Gateway."""

import json
from pathlib import Path
from typing import Any

import pytest

from api_events import Api, ApiResponse, Handler, create_handler, parse_response, request_event
from lambda_context import Context
from stemdrop.errors import SetupError
from stemdrop.job_record import Job, Status
from stemdrop.keys import UploadKey
from stemdrop.store import Store
from stemdrop_local.deployment import Stack
from uploads import job_of

FOLDER = Path(__file__).parents[1] / "events"
EXPECTED = {
    "get": 200,
    "post": 201,
    "post-base64": 201,
    "post-no-body": 422,
    "post-binary": 415,
    "no-headers": 200,
    "nulls": 200,
    "cookies": 200,
    "odd-path": 404,
    "percent-path": 404,
    "empty-path": 404,
    "head": 200,
    "options": 405,
    "ipv6-host": 200,
    "odd-forwarded": 200,
}
REFUSED = ("rest-api", "version-1")


def sample(name: str) -> dict[str, Any]:
    event: dict[str, Any] = json.loads((FOLDER / f"api-{name}.json").read_text())
    return event


def test_every_sample_event_has_an_expected_status() -> None:
    names = {path.stem.removeprefix("api-") for path in FOLDER.glob("api-*.json")}
    assert names == {*EXPECTED, *REFUSED, "jwt"}


@pytest.mark.parametrize("name", EXPECTED)
def test_sample_event_gets_its_expected_status(api: Api, name: str) -> None:
    answer = api.send(sample(name))
    assert answer.status == EXPECTED[name]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cache-control"] == "no-store"
    if answer.status >= 400:
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json["request_id"] == "request"


@pytest.mark.parametrize("name", ["post", "post-base64"])
def test_body_as_text_or_base64_is_accepted(api: Api, buckets: Stack, name: str) -> None:
    created = api.send(sample(name)).json
    assert created["filename"] == "Größe.mp3"
    assert created["options"]["codec"] == "mp3"
    assert created["links"]["self"].startswith("https://k3jx9q2vzb.execute-api.eu-central-1.")
    assert job_of(buckets, UploadKey.parse(created["key"])).filename == "Größe.mp3"


@pytest.mark.parametrize(("name", "status"), [("healthz", 200), ("options", 200), ("jobs", 201)])
def test_event_of_sam_is_answered(api: Api, name: str, status: int) -> None:
    event: dict[str, Any] = json.loads((FOLDER / f"http_{name}.json").read_text())
    assert api.send(event).status == status


@pytest.mark.parametrize("name", ["odd-path", "percent-path"])
def test_path_is_decoded_once(api: Api, store: Store, name: str) -> None:
    event = sample(name)
    key = UploadKey.parse(event["rawPath"].removeprefix("/"))
    now = "2026-01-01T00:00:00.000Z"
    store.save_job(key, Job(str(key), Status.PROCESSING, now, now), None)
    answer = api.send(event)
    assert (answer.status, answer.json["key"]) == (200, str(key))


def test_claims_of_the_authorizer_are_accepted_with_an_issuer_only(
    api_handler: Handler, api_environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    event = sample("jwt")
    assert Api(api_handler).send(event).status == 401
    for name in api_environment.keys() - {"PATH", "TZ", "LANG"}:
        monkeypatch.setenv(name, api_environment[name])
    issuer = event["requestContext"]["authorizer"]["jwt"]["claims"]["iss"]
    handler = create_handler(api_environment | {"JWT_ISSUER": issuer, "ACCESS_TOKEN": ""})
    assert Api(handler).send(event).status == 200
    assert Api(handler).send(sample("get")).status == 401


@pytest.mark.parametrize("name", REFUSED)
def test_event_of_another_format_raises_setup_error(api_handler: Handler, name: str) -> None:
    """A wrong setup is an error of the function, not of a client."""
    with pytest.raises(SetupError, match=r"PayloadFormatVersion"):
        api_handler(sample(name), Context())


@pytest.mark.parametrize("event", [{}, {"version": "2.0"}, {"Records": []}, {"requestContext": {}}])
def test_event_that_is_no_request_raises_setup_error(
    api_handler: Handler, event: dict[str, Any]
) -> None:
    with pytest.raises(SetupError):
        api_handler(event, Context())


def test_text_that_is_not_unicode_is_replaced(api: Api) -> None:
    event = request_event("GET", "/healthz", query="\ud800", headers={"x-y": "\ud800"})
    assert api.send(event).status == 200


@pytest.mark.parametrize(
    ("proto", "scheme"), [("http", "http"), ("https", "https"), ("\x80", "https"), ("", "https")]
)
def test_links_have_a_valid_scheme(api: Api, proto: str, scheme: str) -> None:
    wanted = {"filename": "a.wav", "size_bytes": 1}
    created = api.call("POST", "/jobs", wanted, {"x-forwarded-proto": proto})
    assert created.headers["location"].startswith(f"{scheme}://")


def test_response_can_be_serialized_as_json(api_handler: Handler) -> None:
    returned = api_handler(sample("get"), Context())
    assert {type(value) for value in returned["headers"].values()} == {str}
    assert type(returned["statusCode"]) is int
    assert json.loads(json.dumps(returned)) == returned
    assert isinstance(parse_response(returned), ApiResponse)


def test_image_is_returned_in_base64(api: Api) -> None:
    answer = api.get("/docs/favicon-32x32.png")
    assert answer.headers["content-type"] == "image/png"
    assert answer.body.startswith(b"\x89PNG")
