"""Authentication: by the access token, or by the HTTP API's JWT authorizer."""

import hmac
import time
from collections.abc import Callable, Coroutine, Mapping
from typing import Annotated, Any

from fastapi import Depends, Request, Response
from fastapi.routing import APIRoute
from fastapi.security import HTTPBearer

from stemdrop_api.errors import BodyTooLargeError, UnauthorizedError
from stemdrop_api.settings import ApiSettings

# The longest request that makes sense is a filename and all options.
MAX_BODY_BYTES = 16 << 10
INVALID = "The credential is missing or invalid: send the header Authorization: Bearer TOKEN."

# For the OpenAPI document only; AuthenticatedRoute checks the credential.
bearer = HTTPBearer(description="The access token, or a JWT of the issuer.", auto_error=False)


class AuthenticatedRoute(APIRoute):
    """A route that checks the credential before FastAPI reads the body."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the route's handler with the check in front of it."""
        handle = super().get_route_handler()

        async def handle_authenticated(request: Request) -> Response:
            request.state.owner = authenticate(request, request.app.state.dependencies.settings)
            if len(await request.body()) > MAX_BODY_BYTES:
                raise BodyTooLargeError(f"A request has at most {MAX_BODY_BYTES} bytes.")
            return await handle(request)

        return handle_authenticated


def authenticate(request: Request, settings: ApiSettings) -> str | None:
    """Return the owner of the jobs that a request may see; None with the access token.

    Raises
    ------
    UnauthorizedError : The credential is missing or invalid.
    """
    if settings.jwt_issuer:
        return _subject(request.scope.get("aws.event", {}))
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    is_right = hmac.compare_digest(token.encode(), settings.access_token.encode())
    if scheme.lower() != "bearer" or not token or not is_right:
        raise UnauthorizedError(INVALID)
    return None


def _subject(event: Mapping[str, Any]) -> str:
    """Return the subject of a JWT whose signature the HTTP API's authorizer has verified."""
    try:
        claims = event["requestContext"]["authorizer"]["jwt"]["claims"]
        subject, expires_at_s = claims["sub"], float(claims.get("exp", "inf"))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UnauthorizedError(INVALID) from error
    if not subject or not isinstance(subject, str) or not time.time() < expires_at_s:
        raise UnauthorizedError(INVALID)
    return subject


async def _owner(request: Request) -> str | None:
    owner: str | None = request.state.owner
    return owner


Owner = Annotated[str | None, Depends(_owner)]
