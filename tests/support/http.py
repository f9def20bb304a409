"""The HTTP application with nothing behind it but what monitoring asks for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import cast

from prometheus_client import CollectorRegistry
from starlette.types import ASGIApp

from b2bua.web.app import create_app
from b2bua.web.metrics import registry
from b2bua.web.services import Services
from tests.world import configuration


def application(health: Callable[[], Mapping[str, object]] = lambda: {"status": "ok"}, metrics: CollectorRegistry | None = None) -> ASGIApp:
    """``/health`` and ``/metrics``; whatever else is asked for is refused, or a bug."""
    switchboard = SimpleNamespace(config=configuration())
    return create_app(cast("Services", SimpleNamespace(health=health, metrics=metrics or registry(()), switchboard=switchboard)))
