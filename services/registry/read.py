"""What registry answers to readers: teams."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from fastapi import Path
from pydantic import BaseModel

from services.registry import store
from services.registry.join_team import may_manage, no_such_team
from services.registry.store import units
from services.registry.team import Member
from shared.auth import OFFICERS, Caller, Role
from shared.clock import local_day
from shared.db import Conn
from shared.deps import Svc
from shared.http import ID_PATTERN, After, Limit, Page, allow, router, who

routes = router("read")
READERS = (*OFFICERS, Role.OPERATOR)
ONE_TEAM = (*OFFICERS, Role.TEAM_LEADER, Role.OPERATOR)


class TeamView(BaseModel):
    """A team, without people's names."""

    team_id: str
    name: str
    level: str
    unit_id: str
    village: str | None
    district_id: str | None
    commune_id: str | None
    decision_number: str
    decision_date: date
    formed_on: date


class MemberView(BaseModel):
    """A member's place, without the name."""

    member_id: str
    role: str
    organisation_id: str | None
    joined_on: date
    left_on: date | None


class TeamDetail(TeamView):
    """A team with all members it ever had."""

    members: list[MemberView]


@routes.get("/teams", openapi_extra=who(READERS, "teams in the caller's units"))
async def list_teams(
    service: Svc, caller: Annotated[Caller, allow(*READERS)], after: After = None, limit: Limit = 200
) -> Page[TeamView]:
    """Teams of the caller's units, by id."""
    async with service.pool.acquire() as conn:
        within = await _scope(conn, service.province, caller, local_day(service.clock()))
        rows = await store.teams(conn, within=within, after=after or "", limit=limit)
        total = await store.count_teams(conn, within=within)
    items = [TeamView(**r._asdict()) for r in rows]
    return Page(items=items, total=total, next=rows[-1].team_id if len(rows) == limit else None)


@routes.get("/teams/{team_id}", openapi_extra=who(ONE_TEAM, "teams in the caller's units; a leader: the own team"))
async def show_team(
    service: Svc, team_id: Annotated[str, Path(pattern=ID_PATTERN)], caller: Annotated[Caller, allow(*ONE_TEAM)]
) -> TeamDetail:
    """A team with its members, past and present."""
    async with service.pool.acquire() as conn:
        team = await store.team(conn, team_id)
        members: list[Member] = await store.members(conn, team_id)
    if team is None:
        raise no_such_team(team_id)
    may_manage(caller, team, service.province, Role.OPERATOR)
    views = [MemberView(**{k: v for k, v in m._asdict().items() if k != "team_id"}) for m in members]
    return TeamDetail(**team._asdict(), members=views)


async def _scope(conn: Conn, province: str, caller: Caller, today: date) -> list[str]:
    """The caller's units; the province stands for everything directly below it, communes without a district too."""
    if province not in caller.units:
        return list(caller.units)
    below = await units.children(conn, province, today)
    return [province, *(u.unit_id for u in below)]
