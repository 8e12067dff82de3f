"""GET /so/to/{team_id}: a team with its people and its history."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import Annotated

from fastapi import Path, Query
from starlette.responses import HTMLResponse

from services.registry import vault
from services.registry.person import Person, Why
from services.registry.store import memberships, pages, teams
from services.registry.store import units as store
from services.registry.team import Team, TeamHistory, TeamPlace
from services.registry.team_access import may_manage, no_such_team
from services.registry.team_voided import Recorded, recorded_elsewhere
from services.registry.unit import Unit
from services.registry.web.timeline import entries, standing_on
from services.registry.web.visit import Visit, Visiting, page_router
from shared.auth import OFFICERS, Caller, Role
from shared.contracts.registry import Role as Duty
from shared.db import Conn
from shared.http import ID_PATTERN
from shared.web.forms import typed_day

routes = page_router()
READERS = (*OFFICERS, Role.TEAM_LEADER, Role.OPERATOR)
_ONE_DAY = timedelta(days=1)
TeamId = Annotated[str, Path(pattern=ID_PATTERN)]


@routes.get("/to/{team_id}")
async def show_team(
    visit: Visiting,
    team_id: TeamId,
    on: Annotated[str, Query(max_length=40)] = "",
    done: Annotated[str, Query(max_length=20)] = "",
) -> HTMLResponse:
    """The team on a day, today unless the address says another."""
    caller, day = visit.must_be(*READERS), visit.day()
    async with visit.service.pool.acquire() as conn, conn.transaction():
        history = await load(conn, team_id)
        may_manage(caller, history.place_on(visit.today), visit.service.province, Role.OPERATOR)
        people = await memberships.memberships(conn, [team_id])
        names = await names_of(conn, visit, caller, history.team, (p.member_id for p in people))
        elsewhere = recorded_elsewhere(history, await teams.voided(conn, team_id))
        place = history.place_on(day)
        seen_on = max(min(day, history.team.disbanded_on or day), place.valid_from)
        here = await _path(conn, place, seen_on)
        units, left = await _units(conn, history), await _units(conn, history, at_last=True)
        voided = await _voided_units(conn, elsewhere)
        taken_back = await pages.reform_titles(conn, [r.reform_id for r in elsewhere]) if elsewhere else {}
        organisations = await pages.organisation_names(conn, [p.organisation_id for p in people if p.organisation_id])
    there = standing_on(day, people)
    return await visit.page(
        "team.html",
        team=history.team,
        name=history.name_on(day),
        place=place,
        here=here,
        here_on=None if seen_on == visit.today else seen_on,
        day=day,
        on=None if day == visit.today else day,
        bad_day=on if on and typed_day(on) is None else None,
        is_there=history.team.there_on(day),
        there=there,
        was_there=sum(p.left_on is not None for p in people),
        leaders=[s for s in there if s.role is Duty.LEADER],
        deputies=[s for s in there if s.role is Duty.DEPUTY],
        names=names,
        units=units,
        left=left,
        one_day=_ONE_DAY,
        organisations=organisations,
        voided=voided,
        taken_back=taken_back,
        days=entries(history, people, elsewhere),
        done=done,
        may_change=history.team.disbanded_on is None and _may_change(caller, history.team),
        may_form=caller.has(*OFFICERS),
        keeper=here[0].name if here else "",
    )


async def load(conn: Conn, team_id: str) -> TeamHistory:
    """A team that there is. Raises 404."""
    history = await teams.history(conn, team_id)
    if history is None:
        raise no_such_team(team_id)
    return history


async def names_of(
    conn: Conn, visit: Visit, caller: Caller, team: Team, member_ids: Iterable[str]
) -> dict[str, Person]:
    """The people behind these ids, for those who work with the team; on record, like every reading of the vault."""
    if not _may_change(caller, team):
        return {}
    ids = sorted(set(member_ids))
    return await vault.read_people(conn, caller, ids, Why.TEAM_PAGE, visit.service.clock())


def _may_change(caller: Caller, team: Team) -> bool:
    return caller.has(*OFFICERS) or (caller.has(Role.TEAM_LEADER) and caller.team_id == team.team_id)


async def _path(conn: Conn, place: TeamPlace, day: date, known: datetime | None = None) -> Sequence[Unit]:
    """The unit of a place and what is above it, as they were called on a day."""
    ids = [i for i in dict.fromkeys((place.unit_id, place.district_id)) if i]
    units = await store.many_on_day(conn, ids, day, known=known)
    return [units[i] for i in ids if i in units]


async def _units(conn: Conn, history: TeamHistory, *, at_last: bool = False) -> dict[tuple[str, date], Sequence[Unit]]:
    """Where the team was, as it was called when it came, or when it left: by unit and first day there."""
    found: dict[tuple[str, date], Sequence[Unit]] = {}
    for place in history.places:
        last = place.valid_to - _ONE_DAY if at_last and place.valid_to else place.valid_from
        found[place.unit_id, place.valid_from] = await _path(conn, place, last)
    return found


async def _voided_units(conn: Conn, elsewhere: Iterable[Recorded]) -> dict[tuple[str, date], Sequence[Unit]]:
    """The same for places of a map that was taken back, as it was known then."""
    found: dict[tuple[str, date], Sequence[Unit]] = {}
    for first, _, place, known_from, _ in elsewhere:
        found[place.unit_id, place.valid_from] = await _path(conn, place, first, known_from)
    return found
