"""Requests become events of API Gateway's payload format 2.0, and answers responses."""

import base64
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stemdrop_local.http.events import FunctionError
from stemdrop_local.http.gateway import Gateway, RequestTooLargeError
from werkzeug.test import Client, TestResponse

ORIGIN = "http://localhost:5000"


def echo(event: dict[str, Any]) -> dict[str, Any]:
    """Return the event as the body of an answer."""
    return {"statusCode": 200, "body": json.dumps(event)}


def client(invoke: Callable[[dict[str, Any]], Any], *origins: str) -> Client:
    return Client(Gateway(invoke, origins), use_cookies=False)


def event_for(method: str, url: str, **given: Any) -> dict[str, Any]:
    """Return what a function is told of a request."""
    response = client(echo).open(
        url,
        method=method,
        base_url="http://api.example:5000",
        environ_base={"REMOTE_ADDR": "192.0.2.7"},
        **given,
    )
    event: dict[str, Any] = json.loads(response.data)
    return event


def test_a_request_is_described() -> None:
    headers = {"Accept": "text/x", "User-Agent": "curl/8"}
    event = event_for("GET", "/jobs/7?b=1&a=2&b=3%2C4", headers=headers)
    assert event["version"] == "2.0"
    assert event["routeKey"] == event["requestContext"]["routeKey"] == "$default"
    assert event["rawPath"] == "/jobs/7"
    assert event["rawQueryString"] == "b=1&a=2&b=3%2C4"
    assert event["queryStringParameters"] == {"b": "1,3,4", "a": "2"}
    assert event["headers"]["accept"] == "text/x"
    assert event["headers"]["host"] == "api.example:5000"
    assert event["headers"]["x-forwarded-for"] == "192.0.2.7"
    assert event["headers"]["x-forwarded-port"] == "5000"
    assert event["headers"]["x-forwarded-proto"] == "http"
    assert event["headers"]["x-amzn-trace-id"].startswith("Root=1-")
    assert event["isBase64Encoded"] is False
    assert not {"body", "cookies"} & event.keys()
    context = event["requestContext"]
    assert context["http"]["method"] == "GET"
    assert context["http"]["path"] == "/jobs/7"
    assert context["http"]["protocol"] == "HTTP/1.1"
    assert context["http"]["sourceIp"] == "192.0.2.7"
    assert context["http"]["userAgent"] == event["headers"]["user-agent"] == "curl/8"
    assert context["domainName"] == "api.example"
    assert context["stage"] == "$default"
    assert context["timeEpoch"] > 1.7e12
    assert context["time"].endswith(" +0000")


def test_each_request_has_an_id_that_its_answer_tells() -> None:
    answers = [client(echo).get("/") for _ in range(2)]
    ids = [json.loads(answer.data)["requestContext"]["requestId"] for answer in answers]
    assert ids[0] != ids[1]
    assert [answer.headers["apigw-requestid"] for answer in answers] == ids


@pytest.mark.parametrize(
    "path", ["/", "/a//b/", "/drop/a b+c%41.mp3", "/drop/ä🎵?#.mp3", "/../..", "/%2e%2e/%"]
)
def test_the_path_comes_decoded_once(path: str) -> None:
    assert event_for("GET", quote(path, safe="/."))["rawPath"] == path


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=30))
def test_any_path_comes_as_it_is(name: str) -> None:
    environ = {"PATH_INFO": f"/{name}".encode().decode("latin-1")}
    event = event_for("GET", "/", environ_overrides=environ)
    assert event["rawPath"] == event["requestContext"]["http"]["path"] == f"/{name}"


def test_a_path_that_is_no_text_is_told_somehow() -> None:
    assert event_for("GET", "/", environ_overrides={"PATH_INFO": "/\xff"})["rawPath"] == "/�"


def test_cookies_have_a_field_of_their_own() -> None:
    event = event_for("GET", "/", headers={"Cookie": "a=1; b=two;; "})
    assert event["cookies"] == ["a=1", "b=two"]
    assert "cookie" not in event["headers"]


def test_headers_of_the_connection_go_no_further() -> None:
    event = event_for("GET", "/", headers={"Connection": "close", "X-Forwarded-For": "10.0.0.1"})
    assert "connection" not in event["headers"]
    assert event["headers"]["x-forwarded-for"] == "10.0.0.1, 192.0.2.7"


@pytest.mark.parametrize(
    "kind", ["application/json", "Text/Plain; charset=utf-8", "application/xml", "text/csv"]
)
def test_text_is_handed_over_as_it_is(kind: str) -> None:
    event = event_for("POST", "/", data="ü🎵".encode(), headers={"Content-Type": kind})
    assert (event["body"], event["isBase64Encoded"]) == ("ü🎵", False)
    assert event["headers"]["content-length"] == "6"


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("audio/mpeg", b"ID3\xff"),
        ("application/x-www-form-urlencoded", b"a=b"),
        ("text/plain", b"\xff\xfe"),
        ("", b"{}"),
    ],
)
def test_anything_else_is_handed_over_in_base64(kind: str, body: bytes) -> None:
    event = event_for("POST", "/", data=body, headers={"Content-Type": kind})
    assert event["isBase64Encoded"] is True
    assert base64.b64decode(event["body"]) == body


def test_an_answer_becomes_a_response() -> None:
    answer = {
        "statusCode": 201,
        "headers": {"Content-Type": "application/x", "X-Number": 7, "content-length": "99"},
        "cookies": ["a=1; Secure", "b=2"],
        "body": base64.b64encode(b"\xff\x00").decode(),
        "isBase64Encoded": True,
    }
    response = client(lambda _: answer).get("/")
    assert response.status_code == 201
    assert response.data == b"\xff\x00"
    assert response.headers["content-type"] == "application/x"
    assert response.headers["x-number"] == "7"
    assert response.headers["content-length"] == "2"
    assert response.headers.getlist("set-cookie") == ["a=1; Secure", "b=2"]


@pytest.mark.parametrize(
    ("answer", "body"), [("hi", "hi"), ({"a": 1}, '{"a": 1}'), (None, "null"), ([1], "[1]")]
)
def test_an_answer_without_a_status_is_the_body(answer: object, body: str) -> None:
    response = client(lambda _: answer).get("/")
    assert (response.status_code, response.text) == (200, body)
    assert response.headers["content-type"] == "application/json"


def test_head_and_answers_without_content_have_no_body() -> None:
    assert client(lambda _: {"statusCode": 200, "body": "abc"}).head("/").data == b""
    response = client(lambda _: {"statusCode": 304, "headers": {"etag": '"a"'}}).get("/")
    assert (response.status_code, response.data) == (304, b"")
    assert response.headers["etag"] == '"a"'


@pytest.mark.parametrize(
    "answer",
    [
        {"statusCode": "abc"},
        {"statusCode": None},
        {"statusCode": 99},
        {"statusCode": 200, "body": 7},
        {"statusCode": 200, "body": "%", "isBase64Encoded": True},
        {"statusCode": 200, "headers": ["a"]},
        {"statusCode": 200, "headers": {"a": "b\r\nc: d"}},
        {"statusCode": 200, "cookies": 7},
    ],
)
def test_an_answer_that_describes_no_response_is_an_error(answer: object) -> None:
    response = client(lambda _: answer).get("/")
    assert (response.status_code, response.json) == (500, {"message": "Internal Server Error"})


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (FunctionError("secret"), 500, "Internal Server Error"),
        (TimeoutError("secret"), 503, "Service Unavailable"),
        (RequestTooLargeError("secret"), 413, "Request Entity Too Large"),
    ],
)
def test_a_function_that_fails_is_told_without_its_reason(
    error: Exception, status: int, message: str
) -> None:
    def invoke(_: object) -> None:
        raise error

    response = client(invoke).get("/")
    assert (response.status_code, response.json) == (status, {"message": message})


def test_a_body_beyond_10_mb_never_reaches_the_function() -> None:
    seen: list[object] = []
    largest = b"x" * (10 << 20)
    assert client(seen.append).post("/", data=largest).status_code == 200
    response = client(seen.append).post("/", data=largest + b"x")
    assert (response.status_code, response.json) == (413, {"message": "Request Entity Too Large"})
    assert len(seen) == 1


def test_a_body_that_ends_too_early_is_no_request() -> None:
    environ = {"CONTENT_LENGTH": "10"}
    response = client(echo).post("/", data=b"abc", environ_overrides=environ)
    assert (response.status_code, response.json) == (400, {"message": "Bad Request"})


def preflight(origin: str, *allowed: str) -> TestResponse:
    asks = {"Origin": origin, "Access-Control-Request-Method": "DELETE"}
    return client(echo, *allowed).options("/jobs/7", headers=asks)


def test_the_gateway_itself_answers_a_preflight() -> None:
    response = preflight(ORIGIN, "http://elsewhere", ORIGIN)
    assert (response.status_code, response.data) == (204, b"")
    assert response.headers["access-control-allow-origin"] == ORIGIN
    assert "DELETE" in response.headers["access-control-allow-methods"].split(",")
    assert "authorization" in response.headers["access-control-allow-headers"].split(",")


@pytest.mark.parametrize("origin", ["http://elsewhere", "null", ORIGIN + "0", ORIGIN.upper()])
def test_no_other_origin_is_let_in(origin: str) -> None:
    for response in (
        preflight(origin, ORIGIN),
        client(echo, ORIGIN).get("/", headers={"Origin": origin}),
    ):
        assert not [name for name, _ in response.headers if "Access-Control" in name]


def test_without_origins_a_preflight_is_the_functions_business() -> None:
    event = json.loads(preflight(ORIGIN).data)
    assert event["requestContext"]["http"]["method"] == "OPTIONS"


def test_cors_headers_of_the_function_are_replaced() -> None:
    headers = {"Access-Control-Allow-Origin": "*", "access-control-allow-credentials": "true"}
    api = client(lambda _: {"statusCode": 200, "headers": headers}, ORIGIN)
    response = api.get("/", headers={"Origin": ORIGIN})
    assert response.headers["access-control-allow-origin"] == ORIGIN
    assert "etag" in response.headers["access-control-expose-headers"].split(",")
    assert "access-control-allow-credentials" not in response.headers
    assert "access-control-allow-origin" not in api.get("/").headers
