"""Hostile events of the HTTP API: anything that clients can send, as API Gateway passes it on."""

import json
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from api_events import TOKEN, Event, request_event
from strategies import ANY_JSON, ANY_TEXT, given_options

# In the name of every song, so that no log may contain it.
PRIVATE = "Unreleased"
# The owners of the jobs: two users, and every holder of the access token.
JOB_IDS = {"ann": "a" * 32, "bob": "b" * 32, None: "c" * 32}
DROPPED = f"drop/{PRIVATE}.mp3"
SHA256S = {owner: job_id * 2 for owner, job_id in JOB_IDS.items()}
OPEN_PATHS = ["/", "/healthz", "/docs", "/docs/init.js", "/openapi.json", "/page/x/main.js"]
JOB_PATHS = [
    f"/jobs/{job_id}{rest}"
    for job_id in JOB_IDS.values()
    for rest in ("", "/stems/vocals", "/stems/zip", "/stems/bass")
]
PATHS = [*["/jobs"] * 9, "/options", f"/{DROPPED}", *OPEN_PATHS, *JOB_PATHS]
JUNK = ANY_TEXT | st.sampled_from(
    ["", "/", "//", "..", "/../", "%2e%2e%2f", "%00", "\0", "\r\nx: y", "?", "#", "%25", "\ud800",
     "job.json", "/job.json", "content/", "drop/", "🎵" * 300, "x" * 9000, "${jndi:ldap://x}",
     "<script>", "' OR 1=1", "{}", "null", "-1", "1e400", "*", "bytes=0-", "gzip", "chunked"]
)  # fmt: skip
HEADERS = [
    "accept", "accept-encoding", "content-encoding", "content-length", "content-type", "cookie",
    "expect", "forwarded", "host", "if-match", "if-none-match", "origin", "range",
    "transfer-encoding", "upgrade", "x-amzn-trace-id", "x-forwarded-for", "x-forwarded-host",
    "x-forwarded-proto", "x-http-method-override", "x-original-url",
]  # fmt: skip
NEARLY = [
    "", "Bearer", "Bearer ", TOKEN, f"Basic {TOKEN}", f"Bearer  {TOKEN}", f"Bearer {TOKEN[:-1]}",
    f"Bearer {TOKEN}\0", f"Bearer {TOKEN}, Bearer {TOKEN}",
]  # fmt: skip
NOBODY = object()
CLAIMS: list[tuple[Any, object]] = [({"sub": "ann"}, "ann"), ({"sub": "bob", "exp": "9e9"}, "bob")]
NO_CLAIMS: list[tuple[Any, object]] = [
    (claims, NOBODY)
    for claims in (
        None, {}, {"sub": ""}, {"sub": None}, {"sub": ["ann"]}, {"sub": "ann", "exp": "1700000000"},
        {"sub": "ann", "exp": "nan"}, {"sub": "ann", "exp": [1]}, {"SUB": "ann"}, "ann", ["ann"], 1,
    )
]  # fmt: skip
METHODS = ["GET", "POST", "DELETE", "HEAD", "PUT", "PATCH", "OPTIONS", "TRACE", "get", "", "A B"]


@dataclass(frozen=True, slots=True)
class HostileEvent:
    """An event.

    Attributes
    ----------
    has_issuer : Whether it is for an API with an issuer, rather than with an access token.
    caller : Owner of the jobs that the sender may see, or NOBODY without a valid credential.
    """

    event: Event
    has_issuer: bool
    caller: object


def nested(depth: int) -> bytes:
    """Return a request with an option inside many lists."""
    return b'{"filename":"a","size_bytes":1,"model":' + b"[" * depth + b"]" * depth + b"}"


RAW_BODIES = [
    b"{", b"null", b"[" * 16_000, b'{"a":' * 3_000, *map(nested, (50, 300, 600, 900, 980, 5_000)),
    b"1" * 16_000, b"\xff\xfe{\0}\0", b"\xef\xbb\xbf{}", b"x" * 100_000, b'"\\ud800"', b"-", b"NaN",
    b'{"filename":"a","filename":"b","size_bytes":1}', b"filename=a&size_bytes=1",
]  # fmt: skip


@st.composite
def job_requests(draw: st.DrawFn) -> bytes:
    """Draw a request for a job with up to two fields of any value."""
    request: dict[str, Any] = {
        "filename": PRIVATE
        + draw(st.sampled_from([*[".mp3"] * 9, "", "/", "\\x", "\ud800", "\n"])),
        "size_bytes": draw(st.sampled_from([*[1] * 9, 10**9, 0, -1, 1.0, True, 2**63])),
        **({} if draw(st.booleans()) else draw(given_options())),
    }
    if draw(st.booleans()):
        request["sha256"] = draw(st.sampled_from([*SHA256S.values()]))
    names = st.sampled_from([*request, "stems", "bit_depth", "offset_s"]) | ANY_TEXT
    odd = {} if draw(st.booleans()) else draw(st.dictionaries(names, ANY_JSON, max_size=2))
    return json.dumps(request | odd).encode()


BODIES = st.one_of(
    st.none(),
    job_requests(),
    job_requests(),
    st.sampled_from(RAW_BODIES),
    ANY_JSON.map(json.dumps).map(str.encode),
    st.binary(max_size=50),
)


NEARLY_VALID = st.sampled_from(NEARLY) | JUNK | JUNK.map("Bearer {}".format)
MOSTLY = st.sampled_from([True, True, True, False])
ODD_FIELDS: list[dict[str, Any]] = [
    {"cookies": None}, {"cookies": [f"token={TOKEN}", "\ud800"]}, {"rawQueryString": None},
    {"isBase64Encoded": False}, {"body": None}, {"body": "{\ufffd}", "isBase64Encoded": False},
    {"body": "", "isBase64Encoded": True}, {"stageVariables": None}, {"pathParameters": None},
]  # fmt: skip


@st.composite
def hostile_events(draw: st.DrawFn) -> HostileEvent:
    """Draw an event, most parts of which make sense, so that it comes far."""
    path = draw(st.sampled_from(PATHS)) + ("" if draw(MOSTLY) else draw(JUNK))
    usual = ["POST"] if path == "/jobs" else ["GET", "GET", "HEAD", "DELETE"]
    method = draw(st.sampled_from(usual if draw(MOSTLY) else METHODS))
    headers = draw(st.dictionaries(st.sampled_from(HEADERS), JUNK, max_size=2))
    if draw(MOSTLY):
        headers["content-type"] = "application/json"
    has_issuer, is_valid = draw(st.booleans()), draw(MOSTLY)
    claims, caller = draw(st.sampled_from(CLAIMS if is_valid else NO_CLAIMS))
    if not has_issuer:
        caller = None if is_valid else NOBODY
        headers["authorization"] = f"Bearer {TOKEN}" if is_valid else draw(NEARLY_VALID)
    query = "" if draw(MOSTLY) else draw(JUNK)
    event = request_event(method, path, query=query, headers=headers, body=draw(BODIES))
    event["requestContext"]["authorizer"] = {"jwt": {"claims": claims}}
    event |= {} if draw(MOSTLY) else draw(st.sampled_from(ODD_FIELDS))
    return HostileEvent(event, has_issuer, caller)
