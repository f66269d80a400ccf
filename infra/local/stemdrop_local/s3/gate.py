"""What S3 checks of every request and moto doesn't, in front of it.

Signatures in URLs, headers and forms; the policies of forms; which origins' pages may call. Two
things differ from AWS. The hash of a body is not compared with the body. And a bearer token beside
a presigned URL is ignored: there, it would be an error, but clients only send it along because API
and S3 have the same host here.
"""

import re
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from http import HTTPMethod, HTTPStatus
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import unquote

from werkzeug.wrappers import Response
from werkzeug.wsgi import ClosingIterator, get_input_stream

from stemdrop_local.s3.canonical import Request
from stemdrop_local.s3.cors import Headers, Rule, answer_preflight, answer_request
from stemdrop_local.s3.form import Body, Form
from stemdrop_local.s3.policy import check_policy
from stemdrop_local.s3.refusals import RefusedError, malformed
from stemdrop_local.s3.signatures import ALGORITHM, QUERY_PARAMETERS, Signer

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

# Headers as they came, set by a server that keeps them; environ can't tell X_Y from X-Y.
HEADERS = "stemdrop.headers"
TOKEN_PARAMETER = "X-Amz-Security-Token"  # noqa: S105  # a name


def _now() -> datetime:
    return datetime.now(UTC)


class Gate:
    """A WSGI application that lets those requests through to another one that S3 would take.

    What comes through has no credentials any more, and a form nothing but what S3 takes from it.
    The application finds path and query in REQUEST_URI, the headers in HEADERS.

    Parameters
    ----------
    application : to call with what comes through.
    rules : name of each bucket to its CORS rules, as S3's API has them.
    signer : who may sign.
    clock : returns the time.
    """

    def __init__(
        self,
        application: "WSGIApplication",
        rules: Mapping[str, Sequence[Rule]],
        signer: Signer,
        clock: Callable[[], datetime] = _now,
    ) -> None:
        self._application = application
        self._rules = rules
        self._signer = signer
        self._clock = clock

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Answer a request, or let it through."""
        request = request_of(environ)
        bucket = request.bucket
        rules = self._rules.get(bucket, ())
        cors = answer_request(rules, request.method, request.headers)
        answer = _adding(cors, start_response)
        try:
            if bucket not in self._rules:
                message = "The specified bucket does not exist"
                raise RefusedError("NoSuchBucket", message, HTTPStatus.NOT_FOUND, BucketName=bucket)
            if request.method == HTTPMethod.OPTIONS:
                allowed = answer_preflight(rules, request.headers)
                return Response(headers=allowed)(environ, answer)
            form = self._admit(request, bucket, environ)
        except RefusedError as error:
            return error.response(secrets.token_hex(8).upper())(environ, answer)
        if form is None:
            return self._application(_stripped(environ, request), answer)
        response = self._application(_replaced(environ, request, form), answer)
        return ClosingIterator(response, form.file.close)

    def _admit(self, request: Request, bucket: str, environ: "WSGIEnvironment") -> Body | None:
        """Check a request, and return the form that it is, if it is one."""
        in_header = request.headers.get("authorization", "").startswith(ALGORITHM)
        in_query = any(name in QUERY_PARAMETERS for name, _ in request.parameters)
        if in_header and in_query:
            message = "Only one auth mechanism allowed"
            raise malformed("InvalidArgument", message, ArgumentName="Authorization")
        _require_framing(request)
        if in_query:
            self._signer.check_url(request, self._clock())
        elif in_header:
            self._signer.check_header(request, self._clock())
        elif request.is_form:
            return self._admit_form(request, bucket, get_input_stream(environ))
        else:
            raise RefusedError("AccessDenied", "Access Denied")
        return None

    def _admit_form(self, request: Request, bucket: str, stream: IO[bytes]) -> Body:
        form = Form(stream, request.content_type)
        fields = form.fields()
        if "policy" not in fields:
            raise RefusedError("AccessDenied", "Access Denied")
        if "key" not in fields:
            message = "Bucket POST must contain a field named 'key'."
            raise malformed("InvalidArgument", message, ArgumentName="key")
        fields["key"] = fields["key"].replace("${filename}", form.filename)
        self._signer.check_form(fields)
        size = check_policy(fields["policy"], {**fields, "bucket": bucket}, self._clock())
        return form.write_anew(fields, size)


def request_of(environ: "WSGIEnvironment") -> Request:
    """Return what of a request may be signed."""
    path, _, query = environ["REQUEST_URI"].partition("?")
    return Request(environ["REQUEST_METHOD"], path, query, headers_of(environ))


def headers_of(environ: "WSGIEnvironment") -> dict[str, str]:
    """Return the headers of a request, names in lower case."""
    derived = {
        name.removeprefix("HTTP_").replace("_", "-").lower(): value
        for name, value in environ.items()
        if name.startswith("HTTP_") or name in {"CONTENT_TYPE", "CONTENT_LENGTH"}
    }
    headers: dict[str, str] = environ.get(HEADERS, derived)
    return headers


def _require_framing(request: Request) -> None:
    """Refuse a body in chunks, which S3 doesn't take, or one whose size isn't said."""
    if "transfer-encoding" in request.headers:
        message = "A header you provided implies functionality that is not implemented"
        raise RefusedError("NotImplemented", message, HTTPStatus.NOT_IMPLEMENTED)
    has_body = request.method in {HTTPMethod.PUT, HTTPMethod.POST}
    if has_body and not re.fullmatch(r"[0-9]+", request.headers.get("content-length", "")):
        message = "You must provide the Content-Length HTTP header."
        raise RefusedError("MissingContentLength", message, HTTPStatus.LENGTH_REQUIRED)


def _stripped(environ: "WSGIEnvironment", request: Request) -> "WSGIEnvironment":
    """Return a request without credentials."""
    kept = [
        part
        for part in request.query.split("&")
        if unquote(part.partition("=")[0]) not in {*QUERY_PARAMETERS, TOKEN_PARAMETER}
    ]
    query = "&".join(kept)
    return {
        **environ,
        HEADERS: {name: it for name, it in request.headers.items() if name != "authorization"},
        "QUERY_STRING": query,
        "REQUEST_URI": f"{request.path}?{query}" if query else request.path,
    }


def _replaced(environ: "WSGIEnvironment", request: Request, form: Body) -> "WSGIEnvironment":
    """Return the request of a form with nothing in it but the form."""
    size_bytes = str(form.size_bytes)
    return {
        **environ,
        HEADERS: {"content-type": form.content_type, "content-length": size_bytes},
        "QUERY_STRING": "",
        "REQUEST_URI": request.path,
        "CONTENT_LENGTH": size_bytes,
        "wsgi.input": form.file,
    }


def _adding(headers: Headers, start_response: "StartResponse") -> "StartResponse":
    def start(status: str, given: Headers, *exc_info: Any) -> Any:
        return start_response(status, [*given, *headers], *exc_info)

    return start
