"""Routes that need no credential: the liveness check and the interactive documentation.

Swagger UI's files come from a package, so a browser loads nothing from another host.
"""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import JSONResponse

from stemdrop_api.errors import NotFoundError
from stemdrop_api.openapi import openapi_document
from stemdrop_api.schemas import Health

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
MAX_AGE_S = 3600


@dataclass(frozen=True, slots=True)
class Asset:
    """A file of a package."""

    package: str
    name: str
    media_type: str


PAGE = Asset("stemdrop_api.web", "docs.html", "text/html")
SWAGGER_UI = "fastapi_swagger.resources"
ASSETS = {
    "init.js": Asset("stemdrop_api.web", "docs.js", "text/javascript"),
    "swagger-ui.css": Asset(SWAGGER_UI, "swagger-ui.css", "text/css"),
    "swagger-ui-bundle.js": Asset(SWAGGER_UI, "swagger-ui-bundle.js", "text/javascript"),
    "favicon-32x32.png": Asset(SWAGGER_UI, "favicon-32x32.png", "image/png"),
}

router = APIRouter(tags=["health"])


@router.get("/healthz", operation_id="checkHealth", summary="Check the function's health")
def check_health() -> Health:
    """Return `ok` if the function runs; it sends no request to S3."""
    return Health(status="ok")


@router.get("/openapi.json", include_in_schema=False)
def show_openapi(request: Request) -> Response:
    """Return the OpenAPI document."""
    app: FastAPI = request.app
    app.openapi_schema = app.openapi_schema or openapi_document(app)
    return JSONResponse(app.openapi_schema)


@router.get("/docs", include_in_schema=False)
def show_docs() -> Response:
    """Show the interactive documentation."""
    return _serve(PAGE)


@router.get("/docs/{name}", include_in_schema=False)
def show_asset(name: str) -> Response:
    """Return a file of the interactive documentation."""
    if name not in ASSETS:
        raise NotFoundError("The documentation has no such file.")
    return _serve(ASSETS[name])


def _serve(asset: Asset) -> Response:
    headers = {
        "Cache-Control": f"public, max-age={MAX_AGE_S}",
        "Content-Security-Policy": POLICY,
    }
    return Response(_read(asset), headers=headers, media_type=asset.media_type)


@cache
def _read(asset: Asset) -> bytes:
    return (files(asset.package) / asset.name).read_bytes()
