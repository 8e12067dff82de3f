"""Forms of teams: form, rename, move, disband. Each calls the use case of the API."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from services.registry import disband_team, form_team, move_team, rename_team
from services.registry.store import units as store
from services.registry.team import TeamHistory
from services.registry.team_access import may_manage
from services.registry.web import tree
from services.registry.web.team_page import TeamId, load
from services.registry.web.visit import Visit, Visiting, page_router
from shared.auth import OFFICERS, Caller
from shared.errors import Problem
from shared.web.forms import Form, body, posted

routes = page_router()
KEY = "key"
"""The hidden field with the id that a form was opened with: sent twice, it counts once."""


@routes.get("/to/lap")
async def show_form(visit: Visiting) -> Response:
    """An empty founding decision."""
    caller = visit.must_be(*OFFICERS)
    blank = dict.fromkeys(("name", "level", "unit_id", "village", "decision_number", "decision_date", "formed_on"), "")
    values = {**blank, "team_id": visit.service.new_id(), "level": "commune", "unit_id": visit.asked("unit_id")}
    return await visit.page("form_team.html", form=Form(values), **await _offered(visit, caller))


@routes.post("/to/lap")
async def take_form(visit: Visiting, request: Request) -> Response:
    """Forms the team, or says what is wrong."""
    caller, values = visit.must_send(*OFFICERS), await posted(request)
    try:
        made = await form_team.form_team(visit.service, body(form_team.FormTeam, values), caller)
    except Problem as problem:
        return await visit.again("form_team.html", Form(values, problem), **await _offered(visit, caller))
    return visit.go(f"/so/to/{made.team_id}?done=formed")


@routes.get("/to/{team_id}/doi-ten")
async def show_rename(visit: Visiting, team_id: TeamId) -> Response:
    """The name as it is."""
    history = await _mine(visit, visit.must_be(*OFFICERS), team_id)
    values = {"name": history.team.name, "effective_on": visit.today_typed, KEY: visit.service.new_id()}
    return await visit.page("form_rename.html", form=Form(values), team=history.team)


@routes.post("/to/{team_id}/doi-ten")
async def take_rename(visit: Visiting, team_id: TeamId, request: Request) -> Response:
    """Renames the team, or says what is wrong."""
    caller, values = visit.must_send(*OFFICERS), await posted(request)
    history = await _mine(visit, caller, team_id)
    try:
        wanted = body(rename_team.RenameTeam, values)
        await rename_team.rename_team(visit.service, team_id, wanted, caller, visit.key(values))
    except Problem as problem:
        return await visit.again("form_rename.html", Form(values, problem), team=history.team)
    return visit.go(f"/so/to/{team_id}?done=renamed")


@routes.get("/to/{team_id}/chuyen")
async def show_move(visit: Visiting, team_id: TeamId) -> Response:
    """Where the team is."""
    caller = visit.must_be(*OFFICERS)
    team = (await _mine(visit, caller, team_id)).team
    values = {"unit_id": team.unit_id, "level": team.level.value, "village": team.village or ""}
    form = Form({**values, "effective_on": visit.today_typed, KEY: visit.service.new_id()})
    return await visit.page("form_move.html", form=form, team=team, **await _offered(visit, caller))


@routes.post("/to/{team_id}/chuyen")
async def take_move(visit: Visiting, team_id: TeamId, request: Request) -> Response:
    """Moves the team, or says what is wrong."""
    caller, values = visit.must_send(*OFFICERS), await posted(request)
    team = (await _mine(visit, caller, team_id)).team
    try:
        wanted = body(move_team.MoveTeam, values)
        await move_team.move_team(visit.service, team_id, wanted, caller, visit.key(values))
    except Problem as problem:
        return await visit.again("form_move.html", Form(values, problem), team=team, **await _offered(visit, caller))
    return visit.go(f"/so/to/{team_id}?done=moved")


@routes.get("/to/{team_id}/giai-the")
async def show_disband(visit: Visiting, team_id: TeamId) -> Response:
    """What disbanding means."""
    history = await _mine(visit, visit.must_be(*OFFICERS), team_id)
    values = {"last_day": visit.today_typed, "reason": "", KEY: visit.service.new_id()}
    return await visit.page("form_disband.html", form=Form(values), team=history.team)


@routes.post("/to/{team_id}/giai-the")
async def take_disband(visit: Visiting, team_id: TeamId, request: Request) -> Response:
    """Disbands the team, or says what is wrong."""
    caller, values = visit.must_send(*OFFICERS), await posted(request)
    history = await _mine(visit, caller, team_id)
    try:
        wanted = body(disband_team.DisbandTeam, {"reason": "", **values})
        await disband_team.disband_team(visit.service, team_id, wanted, caller, visit.key(values))
    except Problem as problem:
        return await visit.again("form_disband.html", Form({"reason": "", **values}, problem), team=history.team)
    return visit.go(f"/so/to/{team_id}?done=disbanded")


async def _mine(visit: Visit, caller: Caller, team_id: str) -> TeamHistory:
    """A team that the caller may manage. Raises 403 or 404."""
    async with visit.service.pool.acquire() as conn:
        history = await load(conn, team_id)
    may_manage(caller, history.place_on(visit.today), visit.service.province)
    return history


async def _offered(visit: Visit, caller: Caller) -> dict[str, Any]:
    """The caller's units of today to choose from, and the levels of teams that there may be."""
    province = visit.service.province
    async with visit.service.pool.acquire() as conn:
        units = await store.map_of_day(conn, visit.today, root=province)
    choices = tree.grouped([u for u in units if caller.covers((province, *u.path))])
    return {"choices": choices, "levels": tree.team_levels(choices)}
