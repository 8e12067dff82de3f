"""A person who is known already takes a place on a further team: look for the name, choose, send the API's body."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from services.registry import join_team
from services.registry.ranking import Kind
from services.registry.store import memberships
from services.registry.team import Team
from services.registry.web.hits import found_by
from services.registry.web.member_forms import organisations_today, team_of
from services.registry.web.team_page import TeamId
from services.registry.web.visit import Visit, Visiting, page_router
from shared import errors
from shared.auth import OFFICERS, Caller
from shared.errors import Problem
from shared.web.forms import Form, body, posted

routes = page_router()
_FIELDS = ("member_id", "role", "organisation_id", "joined_on")


@routes.get("/to/{team_id}/them-nguoi-cu")
async def show_join_again(
    visit: Visiting, team_id: TeamId, q: Annotated[str, Query(max_length=100)] = ""
) -> HTMLResponse:
    """Who is found by a name, and an empty place."""
    team = await team_of(visit, visit.must_be(*OFFICERS), team_id)
    new = {"role": "member", "joined_on": visit.today_typed, "key": visit.service.new_id(), "q": q.strip()}
    return await _page(visit, team, Form({**dict.fromkeys(_FIELDS, ""), **new}))


@routes.post("/to/{team_id}/them-nguoi-cu")
async def take_join_again(visit: Visiting, team_id: TeamId, request: Request) -> Response:
    """Adds the person, or says what is wrong."""
    caller, values = visit.must_send(*OFFICERS), await posted(request)
    team = await team_of(visit, caller, team_id)
    try:
        wanted = body(join_team.JoinTeam, {name: values.get(name, "") for name in _FIELDS})
        await _join(visit, caller, team_id, wanted, visit.key(values))
    except Problem as problem:
        return await _page(visit, team, Form({**dict.fromkeys(_FIELDS, ""), **values}, problem))
    return visit.go(f"/so/to/{team_id}?done=joined")


async def _join(visit: Visit, caller: Caller, team_id: str, wanted: join_team.JoinTeam, key: str | None) -> None:
    """The use case of the API; what it says of a name that this form has no field for is said of the choice."""
    try:
        await join_team.join_team(visit.service, team_id, wanted, caller, key)
    except Problem as problem:
        if problem.slug != "name_needed":
            raise
        raise errors.invalid(
            "unknown_person",
            "member_id",
            "Người này không có trong sổ. Hãy tìm lại, hoặc thêm như người mới.",
            "This person is not in the registry. Search again, or add them as somebody new.",
        ) from problem


async def _page(visit: Visit, team: Team, form: Form) -> HTMLResponse:
    wanted = form.value("q")
    found = await found_by(visit, wanted, Kind.MEMBER) if wanted else ()
    async with visit.service.pool.acquire() as conn:
        places = await memberships.memberships(conn, [team.team_id])
    here = {p.member_id for p in places if p.left_on is None}
    return await visit.page(
        "form_join_again.html",
        status=form.problem.status if form.problem else 200,
        form=form,
        team=team,
        wanted=wanted,
        found=[hit for hit in found if hit.id not in here],
        here=sum(hit.id in here for hit in found),
        organisations=await organisations_today(visit),
    )
