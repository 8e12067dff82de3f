"""GET /exports/{kind}.xlsx: what the caller may see, in the columns of the form; uploaded again it changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Annotated

from fastapi import Query
from starlette.responses import Response

from services.registry import vault
from services.registry.import_template import WORKBOOK, KindInPath, choices_of, workbook
from services.registry.imports import form, listing
from services.registry.imports.kinds import FORMS, Kind
from services.registry.imports.listing import Cells
from services.registry.imports.organisation_names import Organisations
from services.registry.imports.places import Places
from services.registry.membership import Membership
from services.registry.person import Why
from services.registry.store import imports, memberships, organisations, teams
from services.registry.store.levels import all_levels
from shared.auth import OFFICERS, Caller
from shared.clock import local_day
from shared.contracts.reform import Level
from shared.db import Conn
from shared.deps import Svc
from shared.http import allow, router, who

routes = router("imports")
List = Callable[[], list[Cells]]
"""Makes the lines; run beside the loop."""


@routes.get(
    "/exports/{kind}.xlsx",
    openapi_extra=who(OFFICERS, "teams, people and villages of the caller's units; all organisations"),
    response_class=Response,
    responses=WORKBOOK,
)
async def export_workbook(
    service: Svc,
    caller: Annotated[Caller, allow(*OFFICERS)],
    kind: KindInPath,
    past: Annotated[bool, Query(description="With teams that ended, and people who left.")] = False,
) -> Response:
    """A list as of today. Names and phones that are read for it are put on record, one by one."""
    now = service.clock()
    async with service.pool.acquire() as conn, conn.transaction():
        choices = await choices_of(service, conn, caller, local_day(now))
        covers = _covers(caller, service.province)
        if kind is Kind.TEAMS:
            lines = await _teams(conn, caller, covers, now, past=past)
        elif kind is Kind.VILLAGES:
            lines = await _villages(conn, covers, local_day(now))
        else:
            lines = await _organisations(conn, local_day(now))
    return await workbook(f"{kind.value}.xlsx", lambda: form.listing(FORMS[kind], lines(), choices))


Covers = Callable[[Sequence[str | None]], bool]


def _covers(caller: Caller, province: str) -> Covers:
    return lambda path: caller.covers((province, *path))


async def _teams(conn: Conn, caller: Caller, covers: Covers, now: datetime, *, past: bool) -> List:
    every = (await teams.histories(conn, await imports.team_ids(conn))).values()
    mine = [h for h in every if covers(h.places[-1].path) and (past or h.team.disbanded_on is None)]
    on_teams: dict[str, list[Membership]] = {}
    for place in await memberships.memberships(conn, [h.team.team_id for h in mine]):
        if past or place.left_on is None:
            on_teams.setdefault(place.team_id, []).append(place)
    ids = sorted({m.member_id for places in on_teams.values() for m in places})
    people = await vault.read_people(conn, caller, ids, Why.EXPORT, now)
    states = await imports.all_states(conn)
    tree, levels = await organisations.tree(conn), await all_levels(conn)
    return lambda: list(listing.teams(mine, on_teams, people, Places(states, (), levels), Organisations(tree)))


async def _villages(conn: Conn, covers: Covers, today: date) -> List:
    states, levels = await imports.all_states(conn), await all_levels(conn)
    mine = [u for u in listing.of_level(states, Level.VILLAGE, today) if covers(u.path)]
    return lambda: list(listing.villages(mine, Places(states, (), levels)))


async def _organisations(conn: Conn, today: date) -> List:
    tree = await organisations.tree(conn)
    headcounts: Mapping[str, Sequence[tuple[date, int]]] = await imports.headcounts(conn)
    there = [s for states in tree.values() for s in states if s.valid_from <= today < s.valid_to]
    return lambda: list(listing.listed_organisations(there, headcounts, Organisations(tree), today))
