"""What the routes work with: one object for the application, found at ``request.app.state.services``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from prometheus_client import CollectorRegistry
from starlette.requests import HTTPConnection

from b2bua.administration.accounts import Accounts
from b2bua.administration.book import Book
from b2bua.administration.imports import Imports
from b2bua.administration.live import Live
from b2bua.administration.ports import Switchboard
from b2bua.administration.records import Records
from b2bua.administration.simulator import Simulator

Health = Callable[[], Mapping[str, object]]
"""What ``/health`` answers: ``status`` and the counts of the contract."""
PREFIX: Final = "/api/v1"


@dataclass(frozen=True, slots=True)
class Services:
    """The application layer, made by the composition root."""

    health: Health
    metrics: CollectorRegistry
    switchboard: Switchboard
    book: Book
    accounts: Accounts
    live: Live
    records: Records
    imports: Imports
    simulator: Simulator


def services(connection: HTTPConnection) -> Services:
    """Those of the application that serves this request."""
    found: Services = connection.app.state.services
    return found
