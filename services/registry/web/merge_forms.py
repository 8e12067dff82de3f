"""Merging a team into another: which one, then what will move, then doing it. Calls the use case of the API."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from services.registry import merge_teams
from services.registry.membership import Membership
from services.registry.person import Person
from services.registry.store import memberships
from services.registry.team import TeamHistory
from services.registry.team_access import may_manage
from services.registry.team_end import Ended
from services.registry.web.member_forms import other_teams
from services.registry.web.team_page import TeamId, load, names_of
from services.registry.web.visit import Visit, Visiting, an_id, page_router
from shared.auth import OFFICERS, Caller
from shared.contracts.registry import Role
from shared.errors import Problem, invalid
from shared.web.forms import Form, body, posted, typed_day

routes = page_router()
_FIELDS = ("into_team_id", "effective_on", "leader_id", "other_leader_becomes")


class Step(NamedTuple):
    """What becomes of a person."""

    member_id: str
    before: str
    after: str | None
    """None: is on the other team already, as what is said of them there."""
    from_other: bool
    """Of the team that goes on: only the role changes."""


@routes.get("/to/{team_id}/gop")
async def show_merger(visit: Visiting, team_id: TeamId) -> HTMLResponse:
    """Which team takes this one in, and when."""
    caller = visit.must_be(*OFFICERS)
    history = await _mine(visit, caller, team_id)
    blank = {**dict.fromkeys(_FIELDS, ""), "effective_on": visit.today_typed, "other_leader_becomes": "deputy"}
    return await _form(visit, caller, history, Form({**blank, "key": visit.service.new_id()}))


@routes.post("/to/{team_id}/gop")
async def take_merger(visit: Visiting, team_id: TeamId, request: Request) -> Response:
    """First what would move; from the page that shows it, the merger itself."""
    caller, sent = visit.must_send(*OFFICERS), await posted(request)
    history, values = await _mine(visit, caller, team_id), {**dict.fromkeys(_FIELDS, ""), **sent}
    if values.get("step") == "edit":
        return await _form(visit, caller, history, Form(values))
    try:
        wanted = body(merge_teams.MergeTeams, values)
        if values.get("step") == "execute":
            await merge_teams.merge_teams(visit.service, team_id, wanted, caller, visit.key(values))
            return visit.go(f"/so/to/{wanted.into_team_id}?done=merged")
        ended = await _draft(visit, caller, team_id, wanted)
    except Problem as problem:
        return await _form(visit, caller, history, Form(values, _refusal(problem, values)))
    return await _confirm(visit, caller, history, (wanted, ended), Form(values))


def _refusal(problem: Problem, values: Mapping[str, str]) -> Problem | None:
    """What is wrong. Who leads is asked once both teams are known to have a leader: nothing is wrong before that."""
    if problem.slug != "leader_needed":
        return problem
    if not values["leader_id"] and not values.get("asked"):
        return None
    return invalid(
        problem.slug, "leader_id", "Hãy chọn ai là tổ trưởng của tổ sau sáp nhập.", "Choose who leads the merged team."
    )


async def _draft(visit: Visit, caller: Caller, team_id: str, wanted: merge_teams.MergeTeams) -> Ended:
    """What it would do as things are now; nothing is written."""
    now = visit.service.clock()
    async with visit.service.pool.acquire() as conn, conn.transaction():
        return await merge_teams.draft(conn, visit.service.province, team_id, wanted, caller, now)


async def _form(visit: Visit, caller: Caller, history: TeamHistory, form: Form) -> HTMLResponse:
    into_id, day = an_id(form.value("into_team_id")), typed_day(form.value("effective_on")) or visit.today
    leaders: list[tuple[str, str]] = []
    if into_id:
        leaders = await _leaders(visit, caller, (history.team.team_id, into_id), day)
    return await visit.page(
        "form_merge.html",
        status=form.problem.status if form.problem else 200,
        form=form,
        team=history.team,
        leaders=leaders,
        **await other_teams(visit, caller, history.team, unit_id=history.team.unit_id),
    )


async def _leaders(visit: Visit, caller: Caller, team_ids: tuple[str, str], day: date) -> list[tuple[str, str]]:
    """The leaders of both teams, where there are two: id and name."""
    async with visit.service.pool.acquire() as conn, conn.transaction():
        places = await memberships.memberships(conn, team_ids)
        ids = list(dict.fromkeys(p.member_id for p in places if p.reaches(day) and p.role is Role.LEADER))
        if len(ids) < 2:
            return []
        names: dict[str, Person] = {}
        for team_id in team_ids:
            history = await load(conn, team_id)
            may_manage(caller, history.place_on(visit.today), visit.service.province, field="into_team_id")
            own = [p.member_id for p in places if p.team_id == team_id and p.member_id in ids]
            names |= await names_of(conn, visit, caller, history.team, own)
    somebody = "người" if visit.lang == "vi" else "person"
    return [(i, names[i].full_name if i in names else f"{somebody} {i[-8:]}") for i in ids]


async def _confirm(
    visit: Visit, caller: Caller, history: TeamHistory, found: tuple[merge_teams.MergeTeams, Ended], form: Form
) -> HTMLResponse:
    wanted, ended = found
    async with visit.service.pool.acquire() as conn, conn.transaction():
        into = await load(conn, wanted.into_team_id)
        ids = {p.member_id for p in (*ended.left, *(place for place, _ in ended.roles))}
        names = await names_of(conn, visit, caller, history.team, ids)
    return await visit.page(
        "merge_confirm.html",
        form=form,
        team=history.team,
        into=into.team,
        day=wanted.effective_on,
        steps=steps_of(ended),
        names=names,
        moving=len(ended.joined),
    )


def steps_of(ended: Ended) -> list[Step]:
    """What becomes of whom: first those who come, then those of the other team whose role changes."""
    after = {p.member_id: p.role.value for p in ended.joined}
    coming = [Step(p.member_id, p.role.value, after.get(p.member_id), False) for p in ended.left]
    staying = [Step(place.member_id, _before(place), since.role.value, True) for place, since in ended.roles]
    return coming + staying


def _before(place: Membership) -> str:
    return place.roles[-2].role.value if len(place.roles) > 1 else place.role.value


async def _mine(visit: Visit, caller: Caller, team_id: str) -> TeamHistory:
    """A team that the caller may manage. Raises 403 or 404."""
    async with visit.service.pool.acquire() as conn:
        history = await load(conn, team_id)
    may_manage(caller, history.place_on(visit.today), visit.service.province)
    return history
