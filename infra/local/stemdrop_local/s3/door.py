"""The public door of the embedded S3: what comes in is checked as S3 checks it, then passed on."""

import functools
import http.client
from collections.abc import Iterable
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from werkzeug.exceptions import ClientDisconnected
from werkzeug.serving import WSGIRequestHandler
from werkzeug.wsgi import ClosingIterator, get_input_stream

from stemdrop_local.intrinsics import REGION
from stemdrop_local.s3.form import incomplete
from stemdrop_local.s3.gate import HEADERS, Gate, headers_of
from stemdrop_local.s3.refusals import RefusedError
from stemdrop_local.s3.server import CREDENTIALS, SESSION_TOKEN
from stemdrop_local.s3.signatures import ALGORITHM, Signer
from stemdrop_local.stack import Stack

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

TIMEOUT_S = 300.0
CHUNK_BYTES = 1 << 16
# What S3 looks at; moto looks at more, and some of that would change whose bucket it is.
PASSED_ON = {
    *("cache-control", "content-disposition", "content-encoding", "content-language"),
    *("content-length", "content-md5", "content-type", "expires", "range"),
    *("if-match", "if-modified-since", "if-none-match", "if-unmodified-since"),
}
PASSED_ON_PREFIX = "x-amz-"
# The gate has checked who asks; moto wants to see that somebody does, and takes the region from it.
AUTHORIZATION = f"{ALGORITHM} Credential=local/20000101/{REGION}/s3/aws4_request"
# The server in front says these itself, and the gate knows better about other origins.
NOT_PASSED_BACK = ("connection", "transfer-encoding", "date", "server", "vary", "access-control-")


def s3_door(
    stack: Stack, endpoint_url: str, secret_key: str = CREDENTIALS["aws_secret_access_key"]
) -> "WSGIApplication":
    """Return what answers ``/<bucket>/...`` in the place of S3.

    Run it in a server whose request handler is S3RequestHandler, else metadata with an underscore
    in its name is lost.

    Parameters
    ----------
    stack : whose buckets.
    endpoint_url : where the embedded S3 itself answers.
    secret_key : that requests are signed with; give one that nobody knows where strangers may call.
    """
    rules = {bucket.name: bucket.cors_rules for bucket in stack.application.buckets}
    signer = Signer(CREDENTIALS["aws_access_key_id"], secret_key, SESSION_TOKEN, REGION)
    return Gate(Forward(endpoint_url), rules, signer)


class S3RequestHandler(WSGIRequestHandler):
    """Keeps headers with underscores, which werkzeug drops and metadata may have."""

    def make_environ(self) -> "WSGIEnvironment":
        """Return the environment of a request, with all of its headers."""
        names = {name.lower() for name in self.headers}
        joined = {name: ",".join(self.headers.get_all(name, [])) for name in names}
        return {**super().make_environ(), HEADERS: joined}


class Forward:
    """A WSGI application that passes requests on to a server, keeping no body in memory.

    Parameters
    ----------
    endpoint_url : of the server.
    """

    def __init__(self, endpoint_url: str) -> None:
        self._address = urlsplit(endpoint_url).netloc

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Pass a request on, and its answer back."""
        connection = http.client.HTTPConnection(self._address, timeout=TIMEOUT_S)
        try:
            answer = self._ask(connection, environ)
        except RefusedError as error:
            connection.close()
            return error.response("")(environ, start_response)
        headers = [
            (name, value)
            for name, value in answer.getheaders()
            if not name.lower().startswith(NOT_PASSED_BACK)
        ]
        start_response(f"{answer.status} {answer.reason}", headers)
        chunks = iter(functools.partial(answer.read, CHUNK_BYTES), b"")
        return ClosingIterator(chunks, connection.close)

    def _ask(
        self, connection: http.client.HTTPConnection, environ: "WSGIEnvironment"
    ) -> http.client.HTTPResponse:
        method, target = environ["REQUEST_METHOD"], environ["REQUEST_URI"]
        try:
            connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
            for name, value in self._headers(environ).items():
                connection.putheader(name, value)
            connection.endheaders()
            body = get_input_stream(environ)
            while chunk := body.read(CHUNK_BYTES):
                connection.send(chunk)
            return connection.getresponse()
        except ClientDisconnected as error:
            raise incomplete() from error
        except (OSError, http.client.HTTPException) as error:
            message = "The embedded S3 does not answer."
            raise RefusedError(
                "ServiceUnavailable", message, HTTPStatus.SERVICE_UNAVAILABLE
            ) from error

    def _headers(self, environ: "WSGIEnvironment") -> dict[str, str]:
        return {
            "Host": self._address,
            "Authorization": AUTHORIZATION,
            **{
                name: value
                for name, value in headers_of(environ).items()
                if name in PASSED_ON or name.startswith(PASSED_ON_PREFIX)
            },
        }
