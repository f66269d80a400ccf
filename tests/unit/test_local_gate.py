"""The gate lets through what boto3 has signed, and nothing that was changed since."""

import secrets
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import pytest
from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st
from stemdrop_local.s3.gate import HEADERS

from gates import HOST, SIGNER, STEMS, UPLOADS, URL, Visitor, body_of, client, headers_of, prepared

KEYS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40).filter(
    lambda key: not key.startswith("/")
)
S3 = client()


def signed(key: str = "drop/song.mp3", method: str = "get_object", **parameters: Any) -> str:
    return S3.generate_presigned_url(
        method, Params={"Bucket": STEMS, "Key": key, **parameters}, ExpiresIn=900
    )


def another(text: str, position: int) -> str:
    """Return a text with one letter changed."""
    position %= len(text)
    letter = "b" if text[position] == "a" else "a"
    return f"{text[:position]}{letter}{text[position + 1 :]}"


@given(KEYS, st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=30))
def test_a_signed_url_of_any_key_is_let_through(key: str, filename: str) -> None:
    visitor = Visitor()
    disposition = f"attachment; filename*=UTF-8''{quote(filename)}"
    url = signed(key, ResponseContentDisposition=disposition)
    assert visitor.ask("GET", url).body == b"inside"
    path, _, query = visitor.inside.target.partition("?")
    assert path == urlsplit(url).path
    assert parse_qsl(query) == [("response-content-disposition", disposition)]


@pytest.mark.parametrize(
    ("operation", "method"),
    [("head_object", "HEAD"), ("put_object", "PUT"), ("delete_object", "DELETE")],
)
def test_a_signed_url_is_for_one_method(operation: str, method: str) -> None:
    url = signed(method=operation)
    for asked in ("GET", "HEAD", "PUT", "DELETE", "POST"):
        visitor = Visitor()
        assert (visitor.ask(asked, url, body=b"").status == 200) == (asked == method)
        assert bool(visitor.inside.requests) == (asked == method)


@given(st.data())
def test_a_url_that_was_changed_is_refused(data: st.DataObject) -> None:
    url = signed("drop/Ωlive/song 1.mp3", ResponseContentDisposition="attachment")
    path, _, query = url.removeprefix(URL).partition("?")
    parameters = parse_qsl(query)
    which = data.draw(st.integers(0, len(parameters) - 1))
    name, value = parameters[which]
    change = data.draw(st.sampled_from(["value", "name", "drop", "double", "add", "path"]))
    match change:
        case "value":
            parameters[which] = (name, another(value, data.draw(st.integers(0, 99))))
        case "name":
            parameters[which] = (another(name, data.draw(st.integers(0, 99))), value)
        case "drop":
            del parameters[which]
        case "double":
            parameters.append((name, value))
        case "add":
            parameters.append((data.draw(st.sampled_from(["versionId", "acl", "uploadId"])), "1"))
        case "path":
            path = quote(another("/stems/drop/Ωlive/song 1.mp3", data.draw(st.integers(1, 99))))
    visitor = Visitor()
    answer = visitor.ask("GET", f"{path}?{urlencode(parameters)}")
    assert answer.status in {400, 403, 404}
    assert answer.code
    assert not visitor.inside.requests


def test_a_url_may_be_encoded_in_another_way() -> None:
    url = signed("drop/a song.mp3", ResponseContentDisposition="attachment; x")
    parameters = parse_qsl(urlsplit(url).query)
    other = f"/stems/drop/a%20%73ong.mp3?{urlencode(parameters[::-1])}"
    assert Visitor().ask("GET", other).status == 200


@pytest.mark.parametrize("host", ["127.0.0.1:5001", "localhost:5000", "example.com", ""])
def test_a_url_is_for_one_host(host: str) -> None:
    answer = Visitor().ask("GET", signed(), {"Host": host})
    assert (answer.status, answer.code) == (403, "SignatureDoesNotMatch")


def test_a_url_has_to_say_for_which_host_it_is() -> None:
    class Hostless(S3SigV4QueryAuth):
        def headers_to_sign(self, request: Any) -> Any:
            headers = super().headers_to_sign(request)
            del headers["host"]
            return headers

    request = AWSRequest("GET", f"{URL}/{STEMS}/drop/song")
    credentials = Credentials(SIGNER.access_key, SIGNER.secret_key)
    Hostless(credentials, "s3", SIGNER.region).add_auth(request)
    answer = Visitor().ask("GET", str(request.url))
    assert (answer.status, answer.code) == (403, "AccessDenied")


def test_a_url_is_good_for_as_long_as_it_says() -> None:
    visitor = Visitor()
    url = signed()
    begins_at = datetime.strptime(
        dict(parse_qsl(urlsplit(url).query))["X-Amz-Date"], "%Y%m%dT%H%M%S%z"
    )
    for seconds, message in [
        (-901, "Request is not yet valid"),
        (-900, None),
        (900, None),
        (900.001, "Request has expired"),
    ]:
        visitor.now = begins_at + timedelta(seconds=seconds)
        answer = visitor.ask("GET", url)
        assert answer.status == (403 if message else 200)
        assert message is None or answer.message == message


@pytest.mark.parametrize("lifetime", ["-1", "604801", "soon", "9" * 7, "٣"])
def test_no_url_lives_longer_than_a_week(lifetime: str) -> None:
    url = signed().replace("X-Amz-Expires=900", f"X-Amz-Expires={quote(lifetime)}")
    answer = Visitor().ask("GET", url)
    assert (answer.status, answer.code) == (400, "AuthorizationQueryParametersError")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"aws_access_key_id": "other"}, "InvalidAccessKeyId"),
        ({"aws_secret_access_key": "other"}, "SignatureDoesNotMatch"),
        ({"aws_session_token": "other"}, "InvalidToken"),
        ({"region_name": "eu-west-1"}, "AuthorizationQueryParametersError"),
    ],
)
def test_the_urls_of_others_are_refused(changes: dict[str, str], code: str) -> None:
    other = client(**changes)
    url = other.generate_presigned_url("get_object", Params={"Bucket": STEMS, "Key": "drop/song"})
    assert Visitor().ask("GET", url).code == code


def test_temporary_credentials_sign_as_well() -> None:
    temporary = client(aws_session_token=SIGNER.token)
    parameters = {"Bucket": STEMS, "Key": "drop/song"}
    visitor = Visitor()
    url = temporary.generate_presigned_url("get_object", Params=parameters)
    assert visitor.ask("GET", url).status == 200
    assert "?" not in visitor.inside.target
    assert Visitor().send(prepared("get_object", temporary, **parameters)).status == 200


def test_headers_have_to_be_signed() -> None:
    url = signed(method="put_object", Metadata={"bit_depth": "24"}, ContentType="audio/mpeg")
    right = {"x-amz-meta-bit_depth": "24", "Content-Type": "audio/mpeg"}
    assert Visitor().ask("PUT", url, right, b"song").status == 200
    for wrong, code in [
        ({}, "SignatureDoesNotMatch"),
        ({**right, "x-amz-meta-bit_depth": "16"}, "SignatureDoesNotMatch"),
        ({**right, "Content-Type": "text/html"}, "SignatureDoesNotMatch"),
        ({**right, "x-amz-acl": "public-read"}, "AccessDenied"),
    ]:
        visitor = Visitor()
        answer = visitor.ask("PUT", url, wrong, b"song")
        assert (answer.status, answer.code) == (403, code)
        assert not visitor.inside.requests


CALLS: list[tuple[str, dict[str, Any]]] = [
    ("list_objects_v2", {"Prefix": "drop/Ω ü+", "ContinuationToken": "a=b&c"}),
    ("get_object", {"Key": "drop/Ω +%/..//x?y#z", "Range": "bytes=0-1"}),
    ("put_object", {"Key": "drop/a b", "Body": b"song", "Metadata": {"bit_depth": "a  b"}}),
    ("create_multipart_upload", {"Key": "drop/parts", "ContentType": "audio/mpeg"}),
    ("delete_objects", {"Delete": {"Objects": [{"Key": "a"}]}}),
]


@pytest.mark.parametrize(("operation", "parameters"), CALLS)
def test_what_clients_sign_in_a_header_is_let_through(
    operation: str, parameters: dict[str, Any]
) -> None:
    visitor = Visitor()
    request = prepared(operation, Bucket=UPLOADS, **parameters)
    assert visitor.send(request).status == 200
    (environ,) = visitor.inside.requests
    assert environ["REQUEST_URI"] == request.url.removeprefix(URL)
    assert visitor.inside.bodies == [body_of(request)]
    assert "Signature=" not in str(environ[HEADERS])


@given(st.data())
def test_a_signed_request_that_was_changed_is_refused(data: st.DataObject) -> None:
    request = prepared(
        "put_object", Bucket=UPLOADS, Key="drop/song", Body=b"song", Metadata={"model": "4stems"}
    )
    sent = headers_of(request)
    names = sent["Authorization"].partition("SignedHeaders=")[2].partition(",")[0].split(";")
    headers = {name: it for name, it in sent.items() if name.lower() in {*names, "authorization"}}
    assert Visitor().ask("PUT", request.url, headers, b"song").status == 200
    name = data.draw(st.sampled_from(sorted(headers)))
    match data.draw(st.sampled_from(["change", "drop", "add", "method", "path"])):
        case "change":
            headers[name] = another(headers[name], data.draw(st.integers(0, 299)))
        case "drop" if name != "Authorization":
            del headers[name]
        case "add":
            headers["x-amz-copy-source"] = "stems/drop/song"
        case "method":
            request.method = data.draw(st.sampled_from(["DELETE", "GET", "POST"]))
        case _:
            request.url += data.draw(st.sampled_from(["s", "/", "?acl", "%20"]))
    visitor = Visitor()
    assert visitor.ask(request.method, request.url, headers, b"song").status in {400, 403}
    assert not visitor.inside.requests


def test_a_request_is_signed_now() -> None:
    visitor = Visitor()
    request = prepared("get_object", Bucket=STEMS, Key="drop/song")
    for minutes in (-16, 16):
        visitor.now = datetime.now(UTC) + timedelta(minutes=minutes)
        assert visitor.send(request).code == "RequestTimeTooSkewed"
    visitor.now = datetime.now(UTC) + timedelta(minutes=14)
    assert visitor.send(request).status == 200


@pytest.mark.parametrize(
    "authorization",
    ["", "Bearer token", "Basic bG9jYWw6bG9jYWw=", "AWS local:signature", "aws4-hmac-sha256 x"],
)
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "POST", "DELETE", "PATCH"])
def test_nobody_comes_in_without_a_signature(method: str, authorization: str) -> None:
    visitor = Visitor()
    answer = visitor.ask(method, "/stems/drop/song", {"Authorization": authorization}, b"")
    assert answer.status == 403
    assert (answer.body == b"") == (method == "HEAD")
    assert not visitor.inside.requests


def test_a_malformed_authorization_is_refused() -> None:
    for rest in ["", " Credential=a", " Credential=a, SignedHeaders=host, Signature=b"]:
        headers = {"Authorization": f"AWS4-HMAC-SHA256{rest}"}
        answer = Visitor().ask("GET", "/stems/drop/song", headers)
        assert (answer.status, answer.code) == (400, "AuthorizationHeaderMalformed")


def test_a_bearer_token_beside_a_signed_url_is_ignored() -> None:
    visitor = Visitor()
    token = secrets.token_urlsafe(32)
    assert visitor.ask("GET", signed(), {"Authorization": f"Bearer {token}"}).status == 200
    (environ,) = visitor.inside.requests
    assert token not in str(environ[HEADERS])


def test_two_signatures_are_one_too_many() -> None:
    request = prepared("get_object", Bucket=STEMS, Key="drop/song.mp3")
    authorization = request.headers["Authorization"].decode()
    answer = Visitor().ask("GET", signed(), {"Authorization": authorization})
    assert (answer.status, answer.code) == (400, "InvalidArgument")


@pytest.mark.parametrize("target", ["/", "*", "//stems/x", "/moto-api/reset", f"http://{HOST}/x"])
def test_other_paths_lead_nowhere(target: str) -> None:
    visitor = Visitor()
    answer = visitor.ask("POST", target, body=b"")
    assert (answer.status, answer.code) == (404, "NoSuchBucket")
    assert not visitor.inside.requests


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({}, 411, "MissingContentLength"),
        ({"Content-Length": "-5"}, 411, "MissingContentLength"),
        ({"Content-Length": "5,5"}, 411, "MissingContentLength"),
        ({"Content-Length": "5", "Transfer-Encoding": "chunked"}, 501, "NotImplemented"),
    ],
)
def test_an_upload_says_how_long_it_is(headers: dict[str, str], status: int, code: str) -> None:
    visitor = Visitor()
    answer = visitor.ask("PUT", signed(method="put_object"), headers)
    assert (answer.status, answer.code) == (status, code)
    assert not visitor.inside.requests


@given(st.text(max_size=60), st.text(max_size=60))
def test_whatever_comes_the_answer_is_xml(path: str, query: str) -> None:
    answer = Visitor().ask("GET", f"/stems/{quote(path, errors='replace')}?X-Amz-Date={query}")
    assert answer.status in {400, 403}
    assert answer.code
    assert answer.headers["Content-Type"] == "application/xml"
