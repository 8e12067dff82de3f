"""GET /so: what waits for an officer, the numbers of the own units, a search, and what can be done."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, NamedTuple

from fastapi import Query
from starlette.responses import Response

from services.registry import editions, import_show, read_own_units, read_subject_requests
from services.registry.import_show import ImportView
from services.registry.imports.kinds import FORMS
from services.registry.read_own_units import OwnUnit
from services.registry.read_subject_requests import RequestView
from services.registry.store import pages
from services.registry.store import units as store
from services.registry.store.levels import all_levels
from services.registry.store.pages import Standing
from services.registry.unit import Unit
from services.registry.web import tree
from services.registry.web.hits import found_by
from services.registry.web.reforms import DOERS
from services.registry.web.requests import Clock, clock_of
from services.registry.web.visit import Visit, Visiting, page_router
from shared.auth import OFFICERS, Caller, Role

routes = page_router()
KEEPERS = (*OFFICERS, Role.OPERATOR)
SHOWN = 5
"""Requests on the desk; the list has them all."""
_UNDER_WAY = ("waiting", "reading", "checking", "committing")


class Waiting(NamedTuple):
    """What somebody has to do something about."""

    requests: Sequence[tuple[RequestView, Clock]]
    all_requests: int
    late: int
    imports: Sequence[ImportView]
    """Checked, not written."""
    under_way: Sequence[ImportView]
    reforms: Sequence[str]
    """Numbers of the decisions that are ready."""

    @property
    def to_do(self) -> int:
        """How many things there are to do; what works by itself is none."""
        return self.all_requests + len(self.imports) + len(self.reforms)


@routes.get("/")
async def show_desk(visit: Visiting, q: Annotated[str, Query(max_length=100)] = "") -> Response:
    """The desk of an officer. A team leader has one team: goes there."""
    caller = visit.must_be(*KEEPERS, Role.TEAM_LEADER)
    if not caller.has(*KEEPERS):
        return visit.go(f"/so/to/{caller.team_id}")
    wanted = q.strip()
    units, standing = await _numbers(visit, caller)
    async with visit.service.pool.acquire() as conn:
        known = await all_levels(conn)
    mine = [u for u in units if u.unit_id in caller.units]
    return await visit.page(
        "desk.html",
        mine=mine,
        gone=await _gone(visit, caller),
        levels=tree.counts((u for u in units if u not in mine), known),
        own=tree.own_words(known, visit.lang),
        standing=standing,
        waiting=await _waiting(visit, caller, visit.service.clock()),
        wanted=wanted,
        found=await found_by(visit, wanted) if wanted else None,
        forms=FORMS,
        is_officer=caller.has(*OFFICERS),
        may_audit=caller.has(Role.PROVINCE_OFFICER, Role.OPERATOR) and visit.service.province in caller.units,
    )


async def _numbers(visit: Visit, caller: Caller) -> tuple[list[Unit], Standing]:
    """The caller's units of today with all below them, and the teams there."""
    within = None if visit.service.province in caller.units else list(caller.units)
    roots = [visit.service.province] if within is None else within
    async with visit.service.pool.acquire() as conn:
        found = {u.unit_id: u for root in roots for u in await store.map_of_day(conn, visit.today, root=root)}
        return list(found.values()), await pages.standing(conn, visit.today, within=within)


async def _gone(visit: Visit, caller: Caller) -> list[OwnUnit]:
    """Units that the caller has a right to and that are not in force today, with what comes after them."""
    return [own for own in await read_own_units.show_own_units(visit.service, caller) if own.unit is None]


async def _waiting(visit: Visit, caller: Caller, now: datetime) -> Waiting:
    ready = await _ready(visit) if caller.has(*DOERS) else []
    if not caller.has(*OFFICERS):
        return Waiting((), 0, 0, (), (), ready)
    open_ones = await read_subject_requests.list_subject_requests(visit.service, caller, "open", limit=500)
    uploads = await import_show.list_imports(visit.service, caller, limit=20)
    return Waiting(
        [(r, clock_of(r, now)) for r in open_ones.items[:SHOWN]],
        open_ones.total,
        sum(r.late for r in open_ones.items),
        [i for i in uploads if i.state == "checked"],
        [i for i in uploads if i.state in _UNDER_WAY],
        ready,
    )


async def _ready(visit: Visit) -> list[str]:
    """Bundled decisions that are in force by their date and not carried out."""
    async with visit.service.pool.acquire() as conn:
        loaded = await store.editions(conn)
    decisions = [editions.decision(e) for e in editions.bundled()[1:] if e not in loaded]
    return [d.legal_basis.number for d in decisions if d.effective_on <= visit.today]
