"""Who gets in: those with the access token, or those whom the HTTP API's authorizer let in."""

import hmac
import time
from collections.abc import Callable, Coroutine, Mapping
from typing import Annotated, Any

from fastapi import Depends, Request, Response
from fastapi.routing import APIRoute
from fastapi.security import HTTPBearer

from stemdrop_api.errors import BodyTooLargeError, UnauthorizedError
from stemdrop_api.settings import Settings

# The longest request that makes sense is a filename and nine options.
MAX_BODY_BYTES = 16 << 10
REFUSED = "This call needs a valid credential: send Authorization: Bearer and your token."

# Tells the documentation what GuardedRoute does.
bearer = HTTPBearer(description="The access token, or a JWT of the issuer.", auto_error=False)


class GuardedRoute(APIRoute):
    """Looks at the credential before anything else of a request is looked at."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return what answers a request."""
        answer = super().get_route_handler()

        async def guarded(request: Request) -> Response:
            request.state.owner = admit(request, request.app.state.service.settings)
            if len(await request.body()) > MAX_BODY_BYTES:
                raise BodyTooLargeError(f"A request has at most {MAX_BODY_BYTES} bytes.")
            return await answer(request)

        return guarded


def admit(request: Request, settings: Settings) -> str | None:
    """Return whose jobs a request may see: with the token, nobody's in particular.

    Raises
    ------
    UnauthorizedError : it may not come in.
    """
    if settings.jwt_issuer:
        return _subject(request.scope.get("aws.event", {}))
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    is_right = hmac.compare_digest(token.encode(), settings.access_token.encode())
    if scheme.lower() != "bearer" or not token or not is_right:
        raise UnauthorizedError(REFUSED)
    return None


def _subject(event: Mapping[str, Any]) -> str:
    """Return whom the authorizer of the HTTP API has recognized; it has checked the signature."""
    try:
        claims = event["requestContext"]["authorizer"]["jwt"]["claims"]
        subject, expires_at_s = claims["sub"], float(claims.get("exp", "inf"))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UnauthorizedError(REFUSED) from error
    if not subject or not isinstance(subject, str) or not time.time() < expires_at_s:
        raise UnauthorizedError(REFUSED)
    return subject


async def _owner(request: Request) -> str | None:
    owner: str | None = request.state.owner
    return owner


Owner = Annotated[str | None, Depends(_owner)]
