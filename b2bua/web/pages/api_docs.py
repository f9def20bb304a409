"""The API for people: every operation of its description, as a page."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from b2bua.web.api.schemas import document
from b2bua.web.pages.shell import Visitor, page
from b2bua.web.services import PREFIX

router = APIRouter(include_in_schema=False)


@router.get("/api/docs")
async def api_docs(request: Request, viewer: Visitor) -> Response:
    """Grouped as in the description, each with what it takes and answers."""
    return page(request, "api_docs.html", viewer, groups=grouped(document(request.app)), prefix=PREFIX)


def grouped(description: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """The operations by tag."""
    found: dict[str, list[dict[str, Any]]] = {}
    for path, item in description["paths"].items():
        for method, operation in item.items():
            tag = (operation.get("tags") or ["more"])[0]
            found.setdefault(tag, []).append(
                {
                    "method": method.upper(),
                    "path": path,
                    "summary": operation["summary"],
                    "text": operation.get("description", ""),
                    "parameters": [each for each in operation.get("parameters", ()) if each["in"] == "query"],
                    "body": ", ".join(_body(operation)),
                    "good": [(status, each["description"]) for status, each in operation["responses"].items() if int(status) < 400],
                }
            )
    return dict(sorted(found.items()))


def _body(operation: dict[str, Any]) -> list[str]:
    """The names of what is sent: a schema's, or those of its members."""
    found: list[str] = []
    for each in operation.get("requestBody", {}).get("content", {}).values():
        schema = each.get("schema", {})
        found += [schema["$ref"].rpartition("/")[2]] if "$ref" in schema else list(schema.get("properties", ())) or [schema.get("description", "an object")]
    return found
