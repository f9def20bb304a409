"""The REST API under ``/api/v1``: the routers of the modules here. Modules without one are libraries of the others."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter, Depends

from b2bua.web.api import (
    accounts,
    audit,
    calls,
    coverage,
    devices,
    entries,
    events,
    history,
    imports,
    offices,
    organisation,
    people,
    schemas,
    session,
    settings,
    simulator,
    tokens,
)
from b2bua.web.api.dependencies import refuse_unknown_parameters

ROUTERS: Final = (
    accounts.router,
    audit.router,
    calls.router,
    coverage.router,
    devices.router,
    entries.router,
    events.router,
    history.router,
    imports.router,
    offices.router,
    organisation.router,
    people.router,
    schemas.router,
    session.router,
    settings.router,
    simulator.router,
    tokens.router,
)
router = APIRouter(dependencies=[Depends(refuse_unknown_parameters)])
for _each in ROUTERS:
    router.include_router(_each)
