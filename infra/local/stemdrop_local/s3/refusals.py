"""Answers of S3 to requests that it doesn't take."""

from http import HTTPStatus
from xml.sax.saxutils import escape

from werkzeug.wrappers import Response

from stemdrop.errors import StemdropError


class RefusedError(StemdropError):
    """S3 would refuse the request; `details` are further elements of its answer.

    Source: "Error responses" in the Amazon S3 API reference, for codes, statuses and messages.
    """

    def __init__(
        self,
        code: str,
        message: str,
        status: HTTPStatus = HTTPStatus.FORBIDDEN,
        **details: object,
    ) -> None:
        super().__init__(message)
        self.s3_code = code
        self.status = status
        self.details = details

    def response(self, request_id: str) -> Response:
        """Return the answer."""
        elements = {
            "Code": self.s3_code,
            "Message": self.message,
            **self.details,
            "RequestId": request_id,
        }
        inner = "".join(f"<{name}>{_text(value)}</{name}>" for name, value in elements.items())
        return Response(
            f'<?xml version="1.0" encoding="UTF-8"?>\n<Error>{inner}</Error>',
            self.status,
            {"x-amz-request-id": request_id},
            content_type="application/xml",
        )


def malformed(code: str, message: str, **details: object) -> RefusedError:
    """Return the error of a request that can't be understood."""
    return RefusedError(code, message, HTTPStatus.BAD_REQUEST, **details)


def _text(value: object) -> str:
    """Write a value into XML, which can't have control characters."""
    return escape(
        "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in str(value))
    )
