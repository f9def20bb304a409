"""The HTTP application: ``/health`` and ``/metrics``, the API under ``/api/v1``, the pages."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import APIRouter, FastAPI
from fastapi.exceptions import RequestValidationError
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from b2bua.web import api, pages
from b2bua.web.pages.shell import readable
from b2bua.web.problems import NO_STORE, ProblemError, on_bug, on_http_error, on_invalid, on_problem
from b2bua.web.security import Guard
from b2bua.web.services import PREFIX, Services, services

monitoring = APIRouter(include_in_schema=False)


@monitoring.get("/health")
async def get_health(request: Request) -> Response:
    """The counts of the contract; anything but ``{"status": "ok"}`` is answered with 503."""
    report = dict(services(request).health())
    status = HTTPStatus.OK if report.get("status") == "ok" else HTTPStatus.SERVICE_UNAVAILABLE
    return JSONResponse(report, status, NO_STORE)


@monitoring.get("/metrics")
async def get_metrics(request: Request) -> Response:
    """For Prometheus."""
    return Response(generate_latest(services(request).metrics), headers=NO_STORE, media_type=CONTENT_TYPE_LATEST)


def create_app(made: Services) -> FastAPI:
    """The application over the services that the composition root has made."""
    app = FastAPI(
        title="b2bua",
        version="1",
        openapi_url=None,  # `api.schemas` serves it
        docs_url=None,
        redoc_url=None,
        exception_handlers={
            ProblemError: readable(on_problem),
            HTTPException: readable(on_http_error),
            RequestValidationError: readable(on_invalid),
            Exception: readable(on_bug),
        },
    )
    app.state.services = made
    app.include_router(monitoring)
    app.include_router(api.router, prefix=PREFIX)
    app.include_router(pages.router)
    app.add_middleware(Guard, services=made)
    return app
