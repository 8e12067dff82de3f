"""GET /so/don-vi: the map of a day as a tree; GET /so/don-vi/{unit_id}: one unit through time."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from fastapi import Query
from starlette.responses import HTMLResponse

from services.registry.store import pages
from services.registry.store import units as store
from services.registry.web import tree
from services.registry.web.visit import Visit, Visiting, page_router
from shared.auth import OFFICERS, Role
from shared.web.forms import typed_day

routes = page_router()
_ONE_DAY = timedelta(days=1)


@routes.get("/don-vi")
async def show_map(
    visit: Visiting,
    on: Annotated[str, Query(max_length=40)] = "",
    q: Annotated[str, Query(max_length=100)] = "",
    opened: Annotated[str, Query(alias="open", max_length=5)] = "",
) -> HTMLResponse:
    """The units of a day, with their teams."""
    day, wanted = visit.day(), q.strip()
    async with visit.service.pool.acquire() as conn:
        units = await store.map_of_day(conn, day, root=visit.service.province)
        strengths = await pages.strength(conn, day)
        days = await pages.map_days(conn, visit.service.province)
    root = tree.grow(units, strengths)
    shown = tree.only(root, wanted) if root and wanted else root
    at = tree.nearest(days, day)
    return await visit.page(
        "units.html",
        day=day,
        on=None if day == visit.today else day,
        bad_day=on if on and typed_day(on) is None else None,
        days=days,
        at=at,
        since=days[at] if days else None,
        until=days[at + 1] - _ONE_DAY if at + 1 < len(days) else None,
        root=root,
        shown=shown,
        wanted=wanted,
        found=_count(shown) if wanted else 0,
        elsewhere=(),
        levels=tree.counts(units),
        opened=bool(opened),
        shows_members=_sees_members(visit),
        changes=None,
    )


def _count(node: tree.Node | None) -> int:
    return node.found + sum(map(_count, node.children)) if node else 0


def _sees_members(visit: Visit) -> bool:
    """How many people are on teams is for those who work with them."""
    return visit.caller is not None and visit.caller.has(*OFFICERS, Role.OPERATOR)
