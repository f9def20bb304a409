"""The pages of the portal: the routers of the modules here; `shell` renders them."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter

from b2bua.web.pages import admin, api_docs, history, hud, imports, shell, sign_in, simulator

ROUTERS: Final = (
    admin.router,
    api_docs.router,
    history.router,
    hud.router,
    imports.router,
    shell.router,
    sign_in.router,
    simulator.router,
)
router = APIRouter(include_in_schema=False)
for _each in ROUTERS:
    router.include_router(_each)
