"""The outermost middleware: one log line per request, default headers, HEAD, and status 500.

HEAD is answered like GET without the body, which FastAPI doesn't do by itself.
"""

import time
from typing import Any

from aws_lambda_powertools import Logger
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from stemdrop.keys import JOB_ID
from stemdrop_api.problem_details import internal_error

DEFAULT_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}

logger = Logger(child=True)


class AccessLogMiddleware:
    """ASGI middleware that logs every request and completes its response."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        status = None
        method = scope["method"]
        is_head = method == "HEAD"
        if is_head:
            scope["method"] = "GET"
        started_s = time.perf_counter()

        async def send_completed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                for name, value in DEFAULT_HEADERS.items():
                    headers.setdefault(name, value)
            elif is_head:
                message = {**message, "body": b""}
            await send(message)

        try:
            await self._app(scope, receive, send_completed)
        except Exception:
            logger.exception("request_failed", **_request_fields(method, scope))
            if status is None:
                await internal_error(scope)(scope, receive, send_completed)
        duration_ms = round(1000 * (time.perf_counter() - started_s), 1)
        fields = _request_fields(method, scope)
        logger.info("request", **fields, status=status, duration_ms=duration_ms)


def _request_fields(method: str, scope: Scope) -> dict[str, Any]:
    """Return the log fields of a request: never its path, which may contain a song's name."""
    route = getattr(scope.get("route"), "path_format", None)
    fields = {"method": method, "route": route}
    job_id = scope.get("path_params", {}).get("id", "")
    return fields | {"job": job_id} if JOB_ID.fullmatch(job_id) else fields
