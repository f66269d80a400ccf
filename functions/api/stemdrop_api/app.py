"""The application: its calls, its errors, its documentation."""

from typing import Any

from fastapi import FastAPI

from stemdrop_api import documentation, page, pages, problems, routes
from stemdrop_api.access_log import Journal
from stemdrop_api.dependencies import Service


class App(FastAPI):
    """FastAPI with an OpenAPI document that says what is answered here."""

    def openapi(self) -> dict[str, Any]:
        """Return the OpenAPI document."""
        if self.openapi_schema is None:
            self.openapi_schema = documentation.openapi(self)
        return self.openapi_schema


def create_app(service: Service) -> FastAPI:
    """Return the application; it answers one request at a time, as Lambda calls it."""
    app = App(
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    app.state.service = service
    app.add_middleware(Journal)
    problems.install(app)
    for router in (routes.router, pages.router, page.router):
        app.include_router(router)
    return app
