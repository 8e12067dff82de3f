"""GET /so/to: the teams of a day, filtered, sorted and paged."""

from __future__ import annotations

from math import ceil
from typing import Annotated, Literal, NamedTuple
from urllib.parse import urlencode

from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from services.registry.store import team_lists
from services.registry.store import units as store
from services.registry.store.team_lists import Choice, Order, Staff
from services.registry.team import Team
from services.registry.unit import Unit
from services.registry.web import tree
from services.registry.web.visit import Visit, Visiting, page_router
from shared.auth import OFFICERS, Caller, Role
from shared.contracts.reform import Level
from shared.http import ID_PATTERN
from shared.vietnamese import search_key
from shared.web.forms import typed_day

routes = page_router()
READERS = (*OFFICERS, Role.OPERATOR, Role.TEAM_LEADER)
PAGE = 50
"""Teams on a page."""

NOBODY = Staff(0, has_leader=False)


class Asked(BaseModel):
    """What the filter says. Empty: everything."""

    model_config = ConfigDict(extra="ignore", str_strip_whitespace=True, frozen=True)

    on: str = Field("", max_length=40)
    level: Literal["", "district", "commune", "village"] = ""
    within: str = Field("", pattern=f"^$|{ID_PATTERN}")
    q: str = Field("", max_length=100)
    leaderless: Literal["", "1"] = ""
    sort: Literal["name", "unit", "members", "formed"] = "name"
    after: str = Field("", pattern=f"^$|{ID_PATTERN}")
    before: str = Field("", pattern=f"^$|{ID_PATTERN}")
    page: int = Field(1, ge=1, le=100_000)
    """Which page it is that begins behind `after`, or ends before `before`."""

    def address(self, **changed: str | int) -> str:
        """Where the list is shown as asked for, but for what is changed; on the first page unless that is said."""
        said = {**self.model_dump(exclude_defaults=True, exclude={"after", "before", "page"}), **changed}
        asked = urlencode({k: v for k, v in said.items() if v})
        return f"/so/to?{asked}" if asked else "/so/to"


class Found(NamedTuple):
    """A page of the list, and what there is in all."""

    teams: list[Team]
    staff: dict[str, Staff]
    total: int
    """Teams that the filter keeps."""
    all: int
    """Without the filter by name and by leader."""
    leaderless: int


@routes.get("/to")
async def show_teams(visit: Visiting, asked: Annotated[Asked, Query()]) -> Response:
    """The caller's teams on a day. A team leader has one: goes there."""
    caller = visit.must_be(*READERS)
    if not caller.has(*OFFICERS, Role.OPERATOR):
        return visit.go(f"/so/to/{caller.team_id}")
    found, units = await _find(visit, caller, asked)
    if not found.teams and found.total:
        return visit.go(asked.address())  # the team behind which the page began is not in the list any more
    by_id = {u.unit_id: u for u in units}
    page = asked.page if asked.after or asked.before else 1
    last = max(page, ceil(found.total / PAGE), 1)
    return await visit.page(
        "teams.html",
        day=visit.day(),
        on=None if visit.day() == visit.today else visit.day(),
        bad_day=asked.on if asked.on and typed_day(asked.on) is None else None,
        found=found,
        nobody=NOBODY,
        first=(page - 1) * PAGE + 1,
        page=page,
        last=last,
        units=by_id,
        choices=tree.grouped(units),
        levels=_levels(units, asked.level),
        asked=asked,
        may_form=caller.has(*OFFICERS),
        keeper=", ".join(by_id[i].name for i in caller.units if i in by_id),
    )


def _levels(units: list[Unit], chosen: str) -> list[str]:
    """The levels to choose from: those at which the caller's units can have teams on the day, and what was chosen."""
    there = {*(u.level for u in units), Level.VILLAGE, chosen}  # a village need be no unit to have a team
    return [level for level in (Level.DISTRICT, Level.COMMUNE, Level.VILLAGE) if level in there]


async def _find(visit: Visit, caller: Caller, asked: Asked) -> tuple[Found, list[Unit]]:
    """The caller's teams on the day, and the caller's units."""
    province, day = visit.service.province, visit.day()
    scope = None if province in caller.units else caller.units
    within = [asked.within] if asked.within and asked.within != province else None
    async with visit.service.pool.acquire() as conn:
        units = await store.map_of_day(conn, day, root=province)
        if any(u.unit_id == asked.within and u.level is Level.VILLAGE for u in units):
            within = [u.unit_id for u in await store.map_of_day(conn, day, root=asked.within)]
        every = Choice(day, scope, within, asked.level or None)
        choice = every._replace(words=search_key(asked.q), leaderless=bool(asked.leaderless), order=Order(asked.sort))
        teams = await team_lists.list_on_day(conn, choice, after=asked.after, before=asked.before, limit=PAGE)
        staff = await team_lists.staff(conn, day, [t.team_id for t in teams])
        there = await team_lists.count_on_day(conn, every)
        leaderless = await team_lists.count_on_day(conn, every._replace(leaderless=True))
        total = leaderless if choice.leaderless else there
        if choice.words:
            total = await team_lists.count_on_day(conn, choice)
    mine = units if scope is None else [u for u in units if caller.covers(u.path)]
    return Found(teams, staff, total, there, leaderless), mine
