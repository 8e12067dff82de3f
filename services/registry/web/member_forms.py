"""Forms of people on teams: join, change role, move, leave. Each calls the use case of the API."""

from __future__ import annotations

from typing import Annotated, Any, NamedTuple

from fastapi import Path
from starlette.requests import Request
from starlette.responses import Response

from services.registry import change_role, join_team, leave_team, membership, move_member
from services.registry.membership import Membership
from services.registry.store import memberships, organisations, team_lists, units
from services.registry.store.team_lists import Choice, Order
from services.registry.team import Team
from services.registry.team_access import ROLES, may_manage
from services.registry.web import tree
from services.registry.web.team_page import TeamId, load, names_of
from services.registry.web.visit import Visit, Visiting, page_router
from shared.auth import OFFICERS, Caller
from shared.errors import Problem
from shared.http import ID_PATTERN
from shared.vietnamese import sort_key
from shared.web.forms import Form, body, posted

routes = page_router()
MemberId = Annotated[str, Path(pattern=ID_PATTERN)]
MOST = 5_000
"""Teams to choose from; a district has some hundreds."""


class OnTeam(NamedTuple):
    """A person's open place, and how the person is called on the form."""

    team: Team
    place: Membership
    person: str | None
    """None: the name may not be read any more."""


@routes.get("/to/{team_id}/them")
async def show_join(visit: Visiting, team_id: TeamId) -> Response:
    """An empty place."""
    team = await team_of(visit, visit.must_be(*ROLES), team_id)
    blank = dict.fromkeys(("full_name", "phone", "organisation_id"), "")
    new = {"member_id": visit.service.new_id(), "role": "member", "joined_on": visit.today_typed}
    return await visit.page("form_join.html", form=Form(blank | new), **await _joining(visit, team))


@routes.post("/to/{team_id}/them")
async def take_join(visit: Visiting, team_id: TeamId, request: Request) -> Response:
    """Adds the person, or says what is wrong."""
    caller, values = visit.must_send(*ROLES), await posted(request)
    team = await team_of(visit, caller, team_id)
    try:
        await join_team.join_team(visit.service, team_id, body(join_team.JoinTeam, values), caller)
    except Problem as problem:
        form = Form({"role": "", **values}, problem)
        return await visit.again("form_join.html", form, **await _joining(visit, team))
    return visit.go(f"/so/to/{team_id}?done=joined")


@routes.get("/to/{team_id}/{member_id}/nhiem-vu")
async def show_role(visit: Visiting, team_id: TeamId, member_id: MemberId) -> Response:
    """The role as it is."""
    on = await _on_team(visit, visit.must_be(*ROLES), team_id, member_id)
    values = {"role": on.place.role.value, "effective_on": visit.today_typed, "key": visit.service.new_id()}
    return await visit.page("form_role.html", form=Form(values), **on._asdict())


@routes.post("/to/{team_id}/{member_id}/nhiem-vu")
async def take_role(visit: Visiting, team_id: TeamId, member_id: MemberId, request: Request) -> Response:
    """Changes the role, or says what is wrong."""
    caller, values = visit.must_send(*ROLES), await posted(request)
    on = await _on_team(visit, caller, team_id, member_id)
    try:
        wanted = body(change_role.ChangeRole, {**values, "team_id": team_id})
        await change_role.change_role(visit.service, member_id, wanted, caller, visit.key(values))
    except Problem as problem:
        return await visit.again("form_role.html", Form(values, problem), **on._asdict())
    return visit.go(f"/so/to/{team_id}?done=role")


@routes.get("/to/{team_id}/{member_id}/chuyen")
async def show_move(visit: Visiting, team_id: TeamId, member_id: MemberId) -> Response:
    """Where the person is, and where there is to go."""
    caller = visit.must_be(*ROLES)
    on = await _on_team(visit, caller, team_id, member_id)
    values = {"to_team_id": "", "role": "member", "moved_on": visit.today_typed, "key": visit.service.new_id()}
    where = await other_teams(visit, caller, on.team)
    return await visit.page("form_member_move.html", form=Form(values), **where, **on._asdict())


@routes.post("/to/{team_id}/{member_id}/chuyen")
async def take_move(visit: Visiting, team_id: TeamId, member_id: MemberId, request: Request) -> Response:
    """Moves the person, or says what is wrong."""
    caller, values = visit.must_send(*ROLES), await posted(request)
    on = await _on_team(visit, caller, team_id, member_id)
    try:
        wanted = body(move_member.MoveMember, {**values, "from_team_id": team_id})
        await move_member.move_member(visit.service, member_id, wanted, caller, visit.key(values))
    except Problem as problem:
        where = await other_teams(visit, caller, on.team)
        return await visit.again("form_member_move.html", Form(values, problem), **where, **on._asdict())
    return visit.go(f"/so/to/{wanted.to_team_id}?done=moved")


@routes.get("/to/{team_id}/{member_id}/roi")
async def show_leave(visit: Visiting, team_id: TeamId, member_id: MemberId) -> Response:
    """The place as it is."""
    on = await _on_team(visit, visit.must_be(*ROLES), team_id, member_id)
    values = {"left_on": visit.today_typed, "reason": "", "key": visit.service.new_id()}
    return await visit.page("form_leave.html", form=Form(values), **on._asdict())


@routes.post("/to/{team_id}/{member_id}/roi")
async def take_leave(visit: Visiting, team_id: TeamId, member_id: MemberId, request: Request) -> Response:
    """Ends the place, or says what is wrong."""
    caller, values = visit.must_send(*ROLES), await posted(request)
    on = await _on_team(visit, caller, team_id, member_id)
    try:
        wanted = body(leave_team.LeaveTeam, {**values, "team_id": team_id})
        await leave_team.leave_team(visit.service, member_id, wanted, caller, visit.key(values))
    except Problem as problem:
        return await visit.again("form_leave.html", Form({"reason": "", **values}, problem), **on._asdict())
    return visit.go(f"/so/to/{team_id}?done=left")


async def team_of(visit: Visit, caller: Caller, team_id: str) -> Team:
    """A team that the caller may manage. Raises 403 or 404."""
    async with visit.service.pool.acquire() as conn:
        history = await load(conn, team_id)
    may_manage(caller, history.place_on(visit.today), visit.service.province)
    return history.team


async def _on_team(visit: Visit, caller: Caller, team_id: str, member_id: str) -> OnTeam:
    """A person's open place on a team that the caller may manage. Raises 403, 404, or 409 where it has ended."""
    team = await team_of(visit, caller, team_id)
    async with visit.service.pool.acquire() as conn, conn.transaction():
        places = await memberships.memberships_of(conn, [member_id])
        meant = membership.meant_place(places, member_id, team_id, field="team_id")
        place = membership.open_place(places, meant.team_id)
        names = await names_of(conn, visit, caller, team, [member_id])
    return OnTeam(team, place, names[member_id].full_name if member_id in names else None)


async def _joining(visit: Visit, team: Team) -> dict[str, Any]:
    may_search = visit.caller is not None and visit.caller.has(*OFFICERS)
    return {"team": team, "organisations": await organisations_today(visit), "may_search": may_search}


async def organisations_today(visit: Visit) -> list[tuple[str, str]]:
    """Organisations that are there today, as Vietnamese sorts."""
    async with visit.service.pool.acquire() as conn:
        found = await organisations.list_on_day(conn, visit.today, within=None, after="", limit=2000)
    named = [(one.state.organisation_id, one.state.name) for one in found]
    return sorted(named, key=lambda pair: sort_key(pair[1]))


async def other_teams(visit: Visit, caller: Caller, team: Team, *, unit_id: str | None = None) -> dict[str, Any]:
    """The caller's other teams of today at a unit, which the address names (else `unit_id`, else the team's district);
    and the units to look at. A leader has no other team."""
    if not caller.has(*OFFICERS):
        return {"teams": [], "choices": [], "within": ""}
    province, within = visit.service.province, visit.asked_id("within") or unit_id or team.district_id or team.unit_id
    async with visit.service.pool.acquire() as conn:
        here = Choice(visit.today, within=[within], order=Order.NAME)
        found = await team_lists.list_on_day(conn, here, limit=MOST)
        known = await units.map_of_day(conn, visit.today, root=province)
    choices = tree.grouped([u for u in known if caller.covers((province, *u.path))])
    named = [(t.team_id, t.name) for t in found if t.team_id != team.team_id and caller.covers((province, *t.path))]
    return {"teams": named, "choices": choices, "within": within}
