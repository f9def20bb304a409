"""Errors as ``application/problem+json`` documents (RFC 9457)."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

NO_STORE: Final = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


class ProblemError(Exception):
    """What the client did that cannot be done; answered with a document. `members` are more of its members, such as `findings`."""

    def __init__(self, status: int, detail: str, headers: Mapping[str, str] | None = None, **members: Any) -> None:
        super().__init__(f"{status} {detail}")
        self.status = status
        self.detail = detail
        self.headers = headers
        self.members = members


def problem(status: int, detail: str, headers: Mapping[str, str] | None = None, **members: Any) -> Response:
    """An RFC 9457 document."""
    body = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail, **members}
    return JSONResponse(body, status, {**NO_STORE, **(headers or {})}, media_type="application/problem+json")


async def on_problem(_request: Request, error: Exception) -> Response:
    """What a handler refused."""
    if not isinstance(error, ProblemError):
        raise error
    return problem(error.status, error.detail, error.headers, **error.members)


async def on_http_error(_request: Request, error: Exception) -> Response:
    """What the framework refused: an unknown path, a wrong method."""
    if not isinstance(error, HTTPException):
        raise error
    return problem(error.status_code, error.detail, error.headers)


async def on_invalid(_request: Request, error: Exception) -> Response:
    """A body or parameter that is not as the API's description says."""
    if not isinstance(error, RequestValidationError):
        raise error
    findings = [{"kind": "request", "key": str(each["loc"][0]), "field": _path(each["loc"][1:]), "text": str(each["msg"])} for each in error.errors()]
    return problem(HTTPStatus.UNPROCESSABLE_ENTITY, "the request is not as the API describes it", findings=findings)


def _path(places: tuple[str | int, ...]) -> str:
    """``assistants[3].rights``"""
    return "".join(f"[{each}]" if isinstance(each, int) else f".{each}" for each in places).lstrip(".")


async def on_bug(_request: Request, _error: Exception) -> Response:
    """What went wrong is in the log (uvicorn writes it with its traceback), not in the answer."""
    return problem(HTTPStatus.INTERNAL_SERVER_ERROR, "the server failed to answer; its log says why")
