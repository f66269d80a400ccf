"""Events of an HTTP API, payload format 2.0, for Mangum."""

from mangum.handlers import HTTPGateway
from mangum.types import LambdaConfig, LambdaContext, LambdaEvent, Scope

from stemdrop.errors import SetupError


class HttpApiEvent(HTTPGateway):
    """Event of an HTTP API of API Gateway.

    Mangum's own class decodes ``rawPath``, which API Gateway has decoded already. It also fails for
    hosts with more than one colon, and without headers.
    Source: honojs/hono 2156, fastify/aws-lambda-fastify 169.
    """

    @classmethod
    def infer(cls, event: LambdaEvent, _context: LambdaContext, _config: LambdaConfig) -> bool:
        """Accept every event of an HTTP API; the function receives no others.

        Raises
        ------
        SetupError : The event has another format.
        """
        if event.get("version") != "2.0" or "http" not in event.get("requestContext", {}):
            raise SetupError("This is no event of an HTTP API: set PayloadFormatVersion to 2.0.")
        return True

    @property
    def scope(self) -> Scope:
        """Return the request as ASGI describes it."""
        http = self.event["requestContext"]["http"]
        headers = {name.lower(): value for name, value in (self.event.get("headers") or {}).items()}
        if cookies := self.event.get("cookies"):
            headers["cookie"] = "; ".join(cookies)
        host = headers.get("host", self.event["requestContext"].get("domainName", "localhost"))
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.0"},
            "http_version": "1.1",
            "method": http["method"],
            "scheme": "http" if headers.get("x-forwarded-proto") == "http" else "https",
            "server": (host, None),
            "client": (http.get("sourceIp"), 0),
            "root_path": "",
            "path": self.event["rawPath"],
            "raw_path": None,
            "query_string": (self.event.get("rawQueryString") or "").encode(errors="replace"),
            "headers": [
                [name.encode(errors="replace"), str(value).encode(errors="replace")]
                for name, value in headers.items()
            ],
            "aws.event": self.event,
            "aws.context": self.context,
        }
