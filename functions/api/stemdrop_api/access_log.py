"""Around every call: one line in the log, headers for browsers, and an answer if all else fails.

HEAD is answered here as GET without the body, which FastAPI doesn't do by itself.
"""

import time
from typing import Any

from aws_lambda_powertools import Logger
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from stemdrop.keys import JOB_ID
from stemdrop_api.problems import internal_error

# Unless the answer says otherwise.
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}

logger = Logger(child=True)


class Journal:
    """ASGI middleware; the outermost that there is."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        status = None
        method = scope["method"]
        is_head = method == "HEAD"
        if is_head:
            scope["method"] = "GET"
        started_s = time.perf_counter()

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            elif is_head:
                message = {**message, "body": b""}
            await send(message)

        try:
            await self._app(scope, receive, send_with_headers)
        except Exception:
            logger.exception("request_failed", **_named(method, scope))
            if status is None:
                await internal_error(scope)(scope, receive, send_with_headers)
        duration_ms = round(1000 * (time.perf_counter() - started_s), 1)
        logger.info("request", **_named(method, scope), status=status, duration_ms=duration_ms)


def _named(method: str, scope: Scope) -> dict[str, Any]:
    """Return what a request is called in the log: never its path, which may name a song."""
    route = getattr(scope.get("route"), "path_format", None)
    named = {"method": method, "route": route}
    job_id = scope.get("path_params", {}).get("id", "")
    return named | {"job": job_id} if JOB_ID.fullmatch(job_id) else named
