"""A proxy in front of the local AWS that records every request."""

import http.client
import re
from contextlib import closing
from urllib.parse import unquote, urlsplit

from benchmarks.cost.traffic import Request, Requester, RequestKind
from benchmarks.loopback_server import LoopbackHandler, LoopbackServer

# A signature names a service: ".../Credential=KEY/DATE/REGION/SERVICE/aws4_request".
CREDENTIAL = re.compile(r"Credential=[^/]+/\d+/[^/]+/(\w+)/aws4_request")
OWN_HEADERS = {"connection", "content-length", "keep-alive", "transfer-encoding"}


class RecordingProxy(LoopbackServer):
    """A context manager that runs the proxy.

    Parameters
    ----------
    endpoint_url : URL of the local AWS.
    function : Sender of the requests with a signature in the headers. Others are the client's.
    seen : List for the requests.

    Attributes
    ----------
    url : URL of the proxy.
    """

    def __init__(self, endpoint_url: str, function: Requester, seen: list[Request]) -> None:
        super().__init__(_RecordingProxyHandler)
        self.upstream = urlsplit(endpoint_url).netloc
        self._function = function
        self._seen = seen

    def record(self, method: str, target: str, authorization: str, answer_bytes: int) -> None:
        """Record a request."""
        who, kind = classify(self._function, method, target, authorization)
        self._seen.append(Request(who, kind, urlsplit(target).path, answer_bytes))


def classify(
    function: Requester, method: str, target: str, authorization: str
) -> tuple[Requester, RequestKind]:
    """Return the sender and the billed kind of a request. See `RecordingProxy`.

    The page and `stemdrop submit` don't sign requests. They call the API or use presigned URLs.
    """
    url = urlsplit(target)
    in_header = CREDENTIAL.search(authorization)
    signature = in_header or CREDENTIAL.search(unquote(url.query))
    who = function if in_header else Requester.CLIENT
    if signature is None:
        return who, RequestKind.CALL
    if signature[1] == "s3":
        return who, _s3_kind(method, url.path)
    return who, RequestKind.QUEUE if signature[1] == "sqs" else RequestKind.MESSAGE


def _s3_kind(method: str, path: str) -> RequestKind:
    """Return the billed kind of an S3 request. Listing a bucket costs as much as writing.

    Source: the price list of S3, "PUT, COPY, POST, LIST requests".
    """
    _, _, key = path.lstrip("/").partition("/")
    if method == "DELETE":
        return RequestKind.DELETE
    if method in {"PUT", "POST"}:
        return RequestKind.WRITE
    return RequestKind.READ if key else RequestKind.WRITE


class _RecordingProxyHandler(LoopbackHandler):
    owner: RecordingProxy

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        with closing(http.client.HTTPConnection(self.owner.upstream)) as upstream:
            # The Host header is signed and must stay.
            headers = {k: v for k, v in self.headers.items() if k.lower() not in OWN_HEADERS}
            upstream.request(self.command, self.path, body, headers)
            answer = upstream.getresponse()
            data = answer.read()
        authorization = self.headers.get("Authorization", "")
        self.owner.record(self.command, self.path, authorization, len(data))
        self.send_response_only(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in OWN_HEADERS:
                self.send_header(name, value)
        length = answer.getheader("Content-Length") if self.command == "HEAD" else None
        self.send_header("Content-Length", length or str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = _serve
