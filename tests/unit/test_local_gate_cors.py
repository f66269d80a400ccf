"""Pages of other origins get what the rules of a bucket allow them, and nothing else."""

from typing import Any

import pytest

from gates import UPLOADS, Answer, Visitor, client

ORIGIN = "http://localhost:5000"
RULE = {
    "AllowedOrigins": [ORIGIN, "https://*.example.com"],
    "AllowedMethods": ["GET", "POST"],
    "AllowedHeaders": ["content-type", "X-Amz-*"],
    "ExposeHeaders": ["ETag", "Content-Range"],
    "MaxAgeSeconds": 3600,
}
S3 = client()


def preflight(*rules: Any, **headers: str) -> Answer:
    asked = {"Origin": ORIGIN, "Access-Control-Request-Method": "POST"}
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return Visitor(*rules).ask("OPTIONS", "/uploads/drop/song", {**asked, **given})


def granted(answer: Answer) -> dict[str, str]:
    return {
        name.removeprefix("Access-Control-"): value
        for name, value in answer.headers.items()
        if name.startswith("Access-Control-")
    }


def test_a_page_is_told_what_it_may_send() -> None:
    asked = "Content-Type,X-AMZ-meta-model"
    answer = preflight(RULE, Access_Control_Request_Headers=asked)
    assert answer.status == 200
    assert answer.body == b""
    assert "Origin" in answer.headers["Vary"]
    assert granted(answer) == {
        "Allow-Origin": ORIGIN,
        "Allow-Methods": "GET, POST",
        "Allow-Headers": "content-type, x-amz-meta-model",
        "Allow-Credentials": "true",
        "Expose-Headers": "ETag, Content-Range",
        "Max-Age": "3600",
    }


@pytest.mark.parametrize(
    ("rules", "headers", "status", "code"),
    [
        ([], {}, 403, "AccessForbidden"),
        ([RULE], {"Origin": "http://localhost:5001"}, 403, "AccessForbidden"),
        ([RULE], {"Origin": "http://LOCALHOST:5000"}, 403, "AccessForbidden"),
        ([RULE], {"Origin": "https://.example.co"}, 403, "AccessForbidden"),
        ([RULE], {"Origin": "null"}, 403, "AccessForbidden"),
        ([RULE], {"Access_Control_Request_Method": "PUT"}, 403, "AccessForbidden"),
        ([RULE], {"Access_Control_Request_Method": "post"}, 403, "AccessForbidden"),
        ([RULE], {"Access_Control_Request_Headers": "authorization"}, 403, "AccessForbidden"),
        ([RULE], {"Access_Control_Request_Headers": "x-amz-acl, range"}, 403, "AccessForbidden"),
        ([RULE], {"Origin": ""}, 400, "BadRequest"),
        ([RULE], {"Access_Control_Request_Method": ""}, 400, "BadRequest"),
    ],
)
def test_what_no_rule_allows_is_refused(
    rules: list[Any], headers: dict[str, str], status: int, code: str
) -> None:
    answer = preflight(*rules, **headers)
    assert (answer.status, answer.code) == (status, code)
    assert granted(answer) == {}


def test_a_star_stands_for_anything_but_not_for_less() -> None:
    assert preflight(RULE, Origin="https://www.example.com").status == 200
    rule = {"AllowedOrigins": ["ab*ba"], "AllowedMethods": ["POST"]}
    assert preflight(rule, Origin="abba").status == 200
    assert preflight(rule, Origin="aba").status == 403


def test_the_first_rule_that_fits_counts() -> None:
    fitting = {**RULE, "MaxAgeSeconds": 1, "AllowedHeaders": ["*"]}
    answer = preflight(RULE, fitting, RULE, Access_Control_Request_Headers="range")
    assert granted(answer)["Max-Age"] == "1"


def test_a_rule_for_all_origins_names_none() -> None:
    rule = {"AllowedOrigins": ["*"], "AllowedMethods": ["POST"]}
    assert granted(preflight(rule)) == {"Allow-Origin": "*", "Allow-Methods": "POST"}


@pytest.mark.parametrize("is_signed", [True, False])
def test_a_page_may_read_answers_and_errors(is_signed: bool) -> None:
    url = S3.generate_presigned_url("get_object", Params={"Bucket": UPLOADS, "Key": "drop/song"})
    url = url if is_signed else url[:-1]
    answer = Visitor(RULE).ask("GET", url, {"Origin": ORIGIN})
    assert answer.status == (200 if is_signed else 403)
    assert granted(answer)["Allow-Origin"] == ORIGIN
    assert granted(answer)["Expose-Headers"] == "ETag, Content-Range"
    assert "Allow-Headers" not in granted(answer)


def test_other_pages_may_not() -> None:
    url = S3.generate_presigned_url("get_object", Params={"Bucket": UPLOADS, "Key": "drop/song"})
    for headers in ({"Origin": "http://localhost:5001"}, {}):
        answer = Visitor(RULE).ask("GET", url, headers)
        assert answer.status == 200
        assert granted(answer) == {}
        assert "Origin" in answer.headers["Vary"]
    answer = Visitor().ask("GET", url, {"Origin": ORIGIN})
    assert answer.status == 200
    assert "Vary" not in answer.headers
