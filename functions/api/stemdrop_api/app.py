"""The application: its routes, its errors and its access log."""

from fastapi import FastAPI
from starlette.middleware.gzip import GZipMiddleware

from stemdrop_api import problem_details, public_routes, routes, web_page
from stemdrop_api.access_log import AccessLogMiddleware
from stemdrop_api.dependencies import Dependencies

MIN_COMPRESSED_BYTES = 1000


def create_app(dependencies: Dependencies) -> FastAPI:
    """Return the application; it handles one request at a time, as Lambda sends them."""
    app = FastAPI(
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    app.state.dependencies = dependencies
    app.add_middleware(GZipMiddleware, minimum_size=MIN_COMPRESSED_BYTES)
    app.add_middleware(AccessLogMiddleware)
    problem_details.install(app)
    for router in (routes.router, public_routes.router, web_page.router):
        app.include_router(router)
    return app
