"""The gate takes a form as its policy allows it, and nothing of one that the policy doesn't."""

import base64
import json
import tracemalloc
from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stemdrop_local.s3.canonical import Request
from stemdrop_local.s3.gate import HEADERS
from stemdrop_local.s3.policy import check_policy
from stemdrop_local.s3.refusals import RefusedError
from werkzeug.formparser import parse_form_data

from gates import BOUNDARY, SIGNER, STEMS, UPLOADS, Answer, Visitor, client, form

JOB = "jobs/7f3c9a5e2b814d60a1f4c8e97b25d036"
SONG = b"--song\r\n\x00\xff" * 10
TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=30)


def fields(
    key: str = JOB,
    given: Mapping[str, str] | None = None,
    conditions: list[Any] | None = None,
    bucket: str = UPLOADS,
    **options: Any,
) -> dict[str, str]:
    """Return the fields of a form that boto3 has signed."""
    lifetime_s = options.pop("lifetime_s", 900)
    exactly = [["content-length-range", len(SONG), len(SONG)]]
    signed = client(**options).generate_presigned_post(
        bucket, key, dict(given or {}), exactly if conditions is None else conditions, lifetime_s
    )
    result: dict[str, str] = signed["fields"]
    return result


def post(visitor: Visitor, sent: Any, file: bytes = SONG, **how: Any) -> Answer:
    return visitor.ask("POST", "/uploads", *form(sent, file, **how))


def refused(code: str, sent: Any, file: bytes = SONG, **how: Any) -> str:
    """Send what must be refused, and return what is said of it."""
    visitor = Visitor()
    answer = post(visitor, sent, file, **how)
    assert answer.code == code
    assert not visitor.inside.requests
    return str(answer.message)


def inside(visitor: Visitor) -> tuple[dict[str, str], bytes]:
    """Return the fields and the file that came through."""
    ((body,), (environ,)) = visitor.inside.bodies, visitor.inside.requests
    headers = environ[HEADERS]
    assert headers["content-length"] == str(len(body))
    parsed = {"CONTENT_TYPE": headers["content-type"], "wsgi.input": BytesIO(body)}
    _, got, files = parse_form_data({**parsed, "CONTENT_LENGTH": str(len(body))})
    assert list(files) == ["file"]
    with closing(files["file"]) as file:
        return got.to_dict(), file.read()


@given(TEXTS, st.binary(max_size=200), TEXTS)
def test_a_signed_form_is_let_through_with_what_s3_takes_from_it(
    key: str, song: bytes, title: str
) -> None:
    metadata = {"x-amz-meta-title": title, "Content-Type": "audio/mpeg"}
    sent = fields(key, metadata, [metadata_of(metadata), ["starts-with", "$content-type", ""]])
    visitor = Visitor()
    assert post(visitor, sent, song).status == 200
    names = {name.lower(): value for name, value in metadata.items()}
    assert inside(visitor) == ({"key": key, **names}, song)
    assert visitor.inside.target == "/uploads"


def metadata_of(given: Mapping[str, str]) -> dict[str, str]:
    return {"x-amz-meta-title": given["x-amz-meta-title"]}


@given(st.data())
def test_a_form_that_was_changed_is_refused(data: st.DataObject) -> None:
    sent = fields()
    name = data.draw(st.sampled_from(sorted(sent)))
    position = data.draw(st.integers(0, 300)) % len(sent[name])
    match data.draw(st.sampled_from(["change", "drop", "add", "twice"])):
        case "change":
            letter = "b" if sent[name][position] == "a" else "a"
            sent[name] = f"{sent[name][:position]}{letter}{sent[name][position + 1 :]}"
        case "drop":
            del sent[name]
        case "add":
            sent[data.draw(st.sampled_from(["acl", "x-amz-meta-model", "tagging"]))] = "x"
        case "twice":
            visitor = Visitor()
            assert post(visitor, [*sent.items(), (name, sent[name])]).status in {400, 403}
            return
    visitor = Visitor()
    assert post(visitor, sent).status in {400, 403}
    assert not visitor.inside.requests


def test_another_key_is_refused() -> None:
    said = refused("AccessDenied", {**fields(), "key": "drop/song.mp3"})
    assert said == f'Invalid according to Policy: Policy Condition failed: ["eq", "$key", "{JOB}"]'


def test_another_bucket_is_refused() -> None:
    said = refused("AccessDenied", fields(bucket=STEMS))
    assert said.endswith('Policy Condition failed: ["eq", "$bucket", "stems"]')


def test_a_policy_has_to_mention_everything() -> None:
    said = refused("AccessDenied", {**fields(), "acl": "public-read", "Tagging": "x"})
    assert said == "Invalid according to Policy: Extra input fields: acl, tagging"
    assert post(Visitor(), {**fields(), "x-ignore-this": "x"}).status == 200


@pytest.mark.parametrize(
    ("song", "code"),
    [
        (SONG + b"!", "EntityTooLarge"),
        (SONG * 2000, "EntityTooLarge"),
        (SONG[:-1], "EntityTooSmall"),
        (b"", "EntityTooSmall"),
    ],
)
def test_the_size_is_the_files(song: bytes, code: str) -> None:
    refused(code, fields(), song)


def test_a_form_expires() -> None:
    assert refused("AccessDenied", fields(lifetime_s=-1)).endswith("Policy expired.")
    visitor = Visitor()
    visitor.now = datetime.now(UTC) + timedelta(seconds=897)
    assert post(visitor, fields()).status == 200
    visitor.now = datetime.now(UTC) + timedelta(seconds=900)
    assert post(visitor, fields()).status == 403


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"aws_access_key_id": "other"}, "InvalidAccessKeyId"),
        ({"aws_secret_access_key": "other"}, "SignatureDoesNotMatch"),
        ({"aws_session_token": "other"}, "InvalidToken"),
        ({"region_name": "eu-west-1"}, "InvalidArgument"),
    ],
)
def test_the_forms_of_others_are_refused(options: dict[str, Any], code: str) -> None:
    refused(code, fields(**options))


def test_temporary_credentials_sign_forms_as_well() -> None:
    sent = fields(aws_session_token=SIGNER.token)
    assert post(Visitor(), sent).status == 200
    sent["x-amz-security-token"] = ""
    refused("InvalidToken", sent)


def test_a_policy_may_leave_the_end_of_a_key_open() -> None:
    visitor = Visitor()
    sent = fields("drop/${filename}")
    assert post(visitor, sent, filename="Ω live.mp3").status == 200
    assert inside(visitor)[0] == {"key": "drop/Ω live.mp3"}
    refused("AccessDenied", {**sent, "key": "dropped/${filename}"})


def test_fields_after_the_file_do_not_count() -> None:
    visitor = Visitor()
    assert post(visitor, fields(), after={"acl": "public-read"}).status == 200
    assert inside(visitor) == ({"key": JOB}, SONG)
    late = fields()
    key = late.pop("key")
    refused("InvalidArgument", late, after={"key": key})


def test_a_file_needs_no_name() -> None:
    visitor = Visitor()
    assert post(visitor, fields(), filename=None).status == 200
    assert inside(visitor) == ({"key": JOB}, SONG)


def test_names_of_fields_may_be_written_as_in_amazons_examples() -> None:
    sent = {name.title(): value for name, value in fields().items()}
    assert post(Visitor(), sent).status == 200


def test_an_unsigned_form_is_refused() -> None:
    assert refused("AccessDenied", {"key": "drop/song.mp3"}) == "Access Denied"


def test_a_form_goes_to_the_bucket() -> None:
    visitor = Visitor()
    assert visitor.ask("POST", "/uploads/", *form(fields(), SONG)).status == 200
    answer = visitor.ask("POST", f"/uploads/{JOB}", *form(fields(), SONG))
    assert (answer.status, answer.code) == (403, "AccessDenied")
    assert len(visitor.inside.requests) == 1


def test_a_form_does_nothing_but_upload() -> None:
    for query in ("?delete", "?cors", "?uploads"):
        visitor = Visitor()
        assert visitor.ask("POST", f"/uploads{query}", *form(fields(), SONG)).status == 200
        assert visitor.inside.target == "/uploads"
        assert set(visitor.inside.requests[0][HEADERS]) == {"content-type", "content-length"}


@pytest.mark.parametrize(("status", "passes"), [("201", True), ("204", True), ("999", False)])
def test_a_form_may_say_what_the_answer_is(status: str, passes: bool) -> None:
    wanted = {"success_action_status": status}
    visitor = Visitor()
    assert post(visitor, fields(JOB, wanted, [wanted])).status == 200
    assert inside(visitor) == ({"key": JOB, **(wanted if passes else {})}, SONG)


def test_a_form_has_a_file() -> None:
    headers, body = form(fields(), SONG)
    body = body[: body.index(b'; name="file"') - 60].rpartition(f"--{BOUNDARY}".encode())[0]
    body += f"--{BOUNDARY}--\r\n".encode()
    assert Visitor().ask("POST", "/uploads", headers, body).code == "InvalidArgument"


@given(st.data())
def test_a_form_that_breaks_off_is_refused(data: st.DataObject) -> None:
    headers, body = form(fields(), SONG, after={"x-ignore-this": "x" * 100})
    cut = data.draw(st.integers(0, len(body) - 3))  # without the last line's end it is whole
    for length in (cut, len(body)):
        visitor = Visitor()
        sent = {**headers, "Content-Length": str(length)}
        answer = visitor.ask("POST", "/uploads", sent, body[:cut])
        assert answer.status in {400, 403}
        assert not visitor.inside.requests


@given(st.binary(max_size=300), TEXTS)
def test_whatever_is_sent_as_a_form_the_answer_is_xml(body: bytes, boundary: str) -> None:
    quoted = boundary.encode(errors="replace").decode("latin-1").replace('"', "")
    headers = {"Content-Type": f'multipart/form-data; boundary="{quoted}"'}
    answer = Visitor().ask("POST", "/uploads", headers, body)
    assert answer.status in {400, 403}
    assert answer.code


def test_fields_have_a_limit() -> None:
    assert "too large" in refused(
        "MaxPostPreDataLengthExceeded", {**fields(), "x-ignore": "x" * 20000}
    )


@pytest.mark.parametrize(
    "document",
    [
        b"no base64",
        base64.b64encode(b"no json"),
        base64.b64encode(b"[]"),
        base64.b64encode(b"\xff"),
        base64.b64encode(json.dumps({"conditions": []}).encode()),
        base64.b64encode(json.dumps({"expiration": "2099-01-01T00:00:00Z"}).encode()),
        base64.b64encode(json.dumps({"expiration": 5, "conditions": []}).encode()),
        base64.b64encode(json.dumps({"expiration": "soon", "conditions": []}).encode()),
        base64.b64encode(json.dumps({"expiration": "2099-01-01", "conditions": []}).encode()),
    ],
)
def test_a_policy_has_to_be_one(document: bytes) -> None:
    with pytest.raises(RefusedError) as caught:
        check_policy(document.decode(), {}, datetime.now(UTC))
    assert caught.value.s3_code == "InvalidPolicyDocument"


@pytest.mark.parametrize(
    "condition",
    [
        [],
        {},
        "key",
        5,
        None,
        ["eq", "key", "x"],
        ["ends-with", "$key", "x"],
        ["starts-with", "$key"],
        ["starts-with", "$key", 5],
        ["eq", "$key", ["x"]],
        ["content-length-range", "1", None],
        {"key": "x", "bucket": "y"},
    ],
)
def test_a_condition_that_nobody_understands_is_not_met(condition: Any) -> None:
    document = {"expiration": "2099-01-01T00:00:00Z", "conditions": [condition]}
    encoded = base64.b64encode(json.dumps(document).encode()).decode()
    with pytest.raises(RefusedError, match="Policy Condition failed"):
        check_policy(encoded, {"key": "x"}, datetime.now(UTC))


def test_a_large_file_never_lies_in_memory() -> None:
    size_bytes = 48 << 20
    head, _, tail = form(fields(conditions=[]), b"<song>")[1].partition(b"<song>")
    stream = Zeros(head, size_bytes, tail)
    headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    visitor = Visitor()
    request = Request("POST", "/uploads", "", {k.lower(): v for k, v in headers.items()})
    tracemalloc.start()
    try:
        body = visitor.gate._admit_form(request, UPLOADS, stream)  # type: ignore[arg-type]
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    with body.file:
        assert body.size_bytes > size_bytes
    assert peak_bytes < 8 << 20


class Zeros:
    """A stream of zeros, with something before and after."""

    def __init__(self, head: bytes, size_bytes: int, tail: bytes) -> None:
        self._parts = [BytesIO(head)]
        self._left_bytes = size_bytes
        self._tail = BytesIO(tail)

    def read(self, size_bytes: int) -> bytes:
        if read := self._parts[0].read(size_bytes):
            return read
        count = min(size_bytes, self._left_bytes)
        self._left_bytes -= count
        return bytes(count) if count else self._tail.read(size_bytes)
