"""Reading what the API answers."""

from __future__ import annotations

from typing import Any


def keys(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [each.get("extension") or each.get("key") or each.get("mac") or each["name"] for each in answer.json()["items"]]


def problem(answer: Any, status: int) -> dict[str, Any]:
    assert answer.status_code == status, f"{answer.status_code} {answer.text}"
    assert answer.headers["content-type"] == "application/problem+json"
    found: dict[str, Any] = answer.json()
    assert found["status"] == status
    assert found["detail"]
    return found
