"""Exceptions of FastAPI and Starlette become problem details."""

import pytest
from fastapi import HTTPException as FastApiException
from starlette.exceptions import HTTPException

from api_events import ENVIRONMENT, Api, ApiResponse, create_handler
from stemdrop_api import routes
from stemdrop_api.problem_details import MEDIA_TYPE


def response_to(error: Exception, monkeypatch: pytest.MonkeyPatch) -> ApiResponse:
    """Return the response of a route that raises an exception."""

    def fail(_: object) -> None:
        raise error

    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(routes, "describe_capabilities", fail)
    return Api(create_handler(ENVIRONMENT)).get("/options")


@pytest.mark.parametrize(
    ("error", "code", "detail"),
    [
        (HTTPException(403), "forbidden", "Forbidden"),
        (HTTPException(404, "No such song."), "not_found", "No such song."),
        (FastApiException(410, {"gone": True}), "gone", "{'gone': True}"),
        (HTTPException(499, "closed"), "http_499", "closed"),
        (HTTPException(502, "upstream"), "bad_gateway", "upstream"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else str(value),
)
def test_http_exception_keeps_its_status_and_detail(
    monkeypatch: pytest.MonkeyPatch, error: HTTPException, code: str, detail: str
) -> None:
    response = response_to(error, monkeypatch)
    assert response.headers["content-type"] == MEDIA_TYPE
    assert response.status == response.json["status"] == error.status_code
    assert response.json["type"] == f"urn:problem-type:stemdrop:{code}"
    assert (response.json["code"], response.json["detail"]) == (code, detail)


def test_http_exception_keeps_its_headers(monkeypatch: pytest.MonkeyPatch) -> None:
    error = HTTPException(429, headers={"Retry-After": "5"})
    response = response_to(error, monkeypatch)
    assert (response.status, response.headers["retry-after"]) == (429, "5")
    assert response.json["title"] == "Too many requests"
