"""GET /so/to: the teams of a day, filtered, sorted and paged."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from services.registry.store import pages
from services.registry.store import units as store
from services.registry.store.pages import Listed
from services.registry.unit import Unit
from services.registry.web import tree
from services.registry.web.visit import Visit, Visiting, page_router
from shared.auth import OFFICERS, Caller, Role
from shared.http import ID_PATTERN
from shared.vietnamese import search_key, sort_key
from shared.web.forms import typed_day

routes = page_router()
READERS = (*OFFICERS, Role.OPERATOR, Role.TEAM_LEADER)
PAGE = 50
"""Teams on a page."""

Sort = Literal["unit", "name", "members", "formed"]
_KEYS: dict[Sort, Callable[[Listed, Unit | None], Any]] = {
    "unit": lambda t, u: (u is None, sort_key(u.name if u else ""), sort_key(t.name), t.team_id),
    "name": lambda t, _: (sort_key(t.name), t.team_id),
    "members": lambda t, _: (-t.members, sort_key(t.name), t.team_id),
    "formed": lambda t, _: (-t.formed_on.toordinal(), sort_key(t.name), t.team_id),
}


class Asked(BaseModel):
    """What the filter says. Empty: everything."""

    model_config = ConfigDict(extra="ignore", str_strip_whitespace=True, frozen=True)

    on: str = Field("", max_length=40)
    level: Literal["", "district", "commune", "village"] = ""
    within: str = Field("", pattern=f"^$|{ID_PATTERN}")
    q: str = Field("", max_length=100)
    leaderless: Literal["", "1"] = ""
    sort: Sort = "unit"
    page: int = Field(1, ge=1, le=100_000)

    def keeps(self, team: Listed) -> bool:
        """Whether a team is shown."""
        return search_key(self.q) in search_key(team.name) and not (self.leaderless and team.has_leader)

    def address(self, **changed: str | int) -> str:
        """Where the list is shown as asked for, but for what is changed; on the first page unless that is said."""
        said = {**self.model_dump(exclude_defaults=True, exclude={"page"}), **changed}
        asked = urlencode({k: v for k, v in said.items() if v})
        return f"/so/to?{asked}" if asked else "/so/to"


@routes.get("/to")
async def show_teams(visit: Visiting, asked: Annotated[Asked, Query()]) -> Response:
    """The caller's teams on a day. A team leader has one: goes there."""
    caller = visit.must_be(*READERS)
    if not caller.has(*OFFICERS, Role.OPERATOR):
        return visit.go(f"/so/to/{caller.team_id}")
    found, units = await _find(visit, caller, asked)
    by_id = {u.unit_id: u for u in units}
    key = _KEYS[asked.sort]
    teams = sorted(filter(asked.keeps, found), key=lambda t: key(t, by_id.get(t.unit_id)))
    last = max(1, ceil(len(teams) / PAGE))
    page = min(asked.page, last)
    return await visit.page(
        "teams.html",
        day=visit.day(),
        on=None if visit.day() == visit.today else visit.day(),
        bad_day=asked.on if asked.on and typed_day(asked.on) is None else None,
        teams=teams[(page - 1) * PAGE : page * PAGE],
        total=len(teams),
        all=len(found),
        leaderless=sum(not t.has_leader for t in found),
        first=(page - 1) * PAGE + 1,
        page=page,
        last=last,
        units=by_id,
        choices=tree.grouped(units),
        asked=asked,
        may_form=caller.has(*OFFICERS),
        keeper=", ".join(by_id[i].name for i in caller.units if i in by_id),
    )


async def _find(visit: Visit, caller: Caller, asked: Asked) -> tuple[list[Listed], list[Unit]]:
    """The caller's teams on the day, and the caller's units."""
    province, day = visit.service.province, visit.day()
    async with visit.service.pool.acquire() as conn:
        units = await store.map_of_day(conn, day, root=province)
        chosen = {asked.within} if asked.within else None
        if province not in caller.units:
            mine = {u.unit_id for u in units if caller.covers(u.path)} | set(caller.units)
            chosen = mine & chosen if chosen else mine
            units = [u for u in units if u.unit_id in mine]
        within = None if chosen is None else sorted(chosen)
        return await pages.teams_on_day(conn, day, within=within, level=asked.level or None), units
