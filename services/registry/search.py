"""GET /search: units, organisations, teams and people by name, as people type it.

Without marks, with another y or i, with a slip of the fingers, by a name that is past; see `ranking` for what comes
first. Units and organisations are public; teams and people are for those who look after them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from typing import Annotated, Any, NamedTuple

from fastapi import Query as FromQuery
from fastapi import Request
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from services.registry import ranking, vault
from services.registry.membership import Membership
from services.registry.person import Why
from services.registry.ranking import Floor, Found, Kind
from services.registry.store import memberships, search_names, teams, units
from services.registry.store import search as store
from services.registry.team import TeamHistory
from services.registry.unit import Unit
from shared import problems
from shared.auth import ANYONE, OFFICERS, Caller, Role, authorize
from shared.clock import local_day
from shared.db import Conn
from shared.deps import Svc
from shared.http import Day, Id, router, who
from shared.service import Service
from shared.web.viewer import signed_in

routes = router("search")
FINDERS = (*OFFICERS, Role.TEAM_LEADER)
"""Who may look for teams and people."""
GUARDED = (Kind.TEAM, Kind.MEMBER)
STORES = {
    Kind.UNIT: store.units,
    Kind.ORGANISATION: store.organisations,
    Kind.TEAM: search_names.teams,
    Kind.MEMBER: search_names.members,
}

KINDS = problems.pattern(
    r"^(unit|organisation|team|member)(,(unit|organisation|team|member)){0,3}$",
    "phải là một hoặc nhiều loại, cách nhau bằng dấu phẩy: unit, organisation, team, member",
    "must be one or more of unit, organisation, team, member, with commas between",
)
CURSOR = problems.pattern(
    r"^(unit|organisation|team|member)-[0-9a-f]{1,10}-[0-9A-Za-z][0-9A-Za-z_-]{0,63}$",
    "phải là «next» của trang trước",
    "must be `next` of the page before",
)


class SearchAsked(BaseModel):
    """What somebody looks for."""

    model_config = ConfigDict(extra="ignore", str_strip_whitespace=True)

    q: str = Field(min_length=1, max_length=100, description="A name or the beginnings of its words, marks or not.")
    kinds: Annotated[str, StringConstraints(pattern=KINDS)] | None = Field(
        None, description="What to look for, with commas between; everything that the caller may see unless said."
    )
    on: Day | None = Field(None, description="The day of the map and of the teams; today unless said.")
    within: Id | None = Field(None, description="Only units below this one, teams at or below it and their people.")
    after: Annotated[str, StringConstraints(pattern=CURSOR)] | None = Field(
        None, description="`next` of the page before."
    )
    limit: int = Field(20, ge=1, le=100, description="Most items in the answer.")


class Formerly(BaseModel):
    """A past name that was found."""

    name: str
    last_day: date | None = Field(description="The last day on which it was the name.")
    unit_id: str | None = Field(None, description="Of a unit: who bore it, where that is another one.")


class TeamOf(BaseModel):
    """A team that a person is on."""

    team_id: str
    name: str
    role: str
    unit_id: str
    unit_name: str | None


class Hit(BaseModel):
    """Something that was found."""

    kind: Kind
    id: str
    name: str | None = Field(description="On the day. Of a person: null where the vault does not give it out.")
    match: ranking.Match = Field(
        description="The whole name; its beginning; every word that was typed begins one of it; or it is alike."
    )
    formerly: Formerly | None = Field(description="The name that was found, where it is a past one.")
    level: str | None = Field(None, description="Of a unit or a team.")
    unit_id: str | None = Field(None, description="The unit above a unit; the unit of a team.")
    unit_name: str | None = Field(None, description="Its name on the day.")
    teams: list[TeamOf] = Field([], description="Of a person: on the day, as far as the caller may see.")


class SearchPage(BaseModel):
    """A piece of the answer."""

    items: list[Hit]
    next: str | None = Field(None, description="Give it as `after` for the next page; null on the last.")


class Scope(NamedTuple):
    """Where somebody may look on a day; None: everywhere."""

    unit_ids: Sequence[str] | None
    team_ids: Sequence[str] | None

    def among(self, kind: Kind) -> Sequence[str] | None:
        """The ids that a kind is looked for in."""
        return {Kind.UNIT: self.unit_ids, Kind.TEAM: self.team_ids, Kind.MEMBER: self.team_ids}.get(kind)


@routes.get(
    "/search",
    openapi_extra=who(
        ANYONE,
        "units and organisations: public; teams and people: officers for their units, a team leader for the own team",
    ),
)
async def search(request: Request, service: Svc, asked: Annotated[SearchAsked, FromQuery()]) -> SearchPage:
    """Finds names without marks, with slips, past ones too; the best first, then as Vietnamese sorts.

    The names of people come out of the vault, and each one that is shown is on record.
    """
    kinds = [Kind(k) for k in dict.fromkeys((asked.kinds or "").split(",")) if k]
    if any(kind in GUARDED for kind in kinds):
        caller: Caller | None = authorize(request, FINDERS)
    elif "authorization" in request.headers:
        caller = authorize(request, tuple(Role))
    else:
        caller = signed_in(request, service.auth)
    return await find(service, caller, asked, kinds)


async def find(service: Service, caller: Caller | None, asked: SearchAsked, kinds: Sequence[Kind] = ()) -> SearchPage:
    """The answer for a caller; without `kinds`, everything that they may see."""
    wanted = ranking.query(asked.q)
    if wanted is None:
        raise ranking.nothing_to_look_for()
    now = service.clock()
    day = asked.on or local_day(now)
    may_all = caller is not None and caller.has(*FINDERS)
    chosen = [k for k in Kind if (k in kinds or not kinds) and (may_all or k not in GUARDED)]
    async with service.pool.acquire() as conn, conn.transaction():
        await store.prepare(conn)
        scope = await _scope(conn, service.province, caller, asked.within, day)
        last = await _last(conn, wanted, day, scope, asked.after)
        asks = [store.Asked(wanted, day, scope.among(k), ranking.floor(k, last), asked.limit + 1) for k in chosen]
        shown, cursor = await _page(conn, dict(zip(chosen, asks, strict=True)), last)
        describe = await _describer(conn, shown, day, scope)
        ids = [hit.id for hit in shown if hit.kind is Kind.MEMBER]
        people = await vault.read_people(conn, caller, ids, Why.SEARCH, now) if caller else {}
    names = {member_id: person.full_name for member_id, person in people.items()}
    return SearchPage(items=[_hit(hit, names, describe(hit)) for hit in shown], next=cursor)


async def _scope(conn: Conn, province: str, caller: Caller | None, within: str | None, day: date) -> Scope:
    below = [u.unit_id for u in await units.map_of_day(conn, day, root=within)] if within else None
    unit_ids = None if below is None else [i for i in below if i != within]
    if caller is None or not caller.has(*FINDERS):
        return Scope(unit_ids, [])
    return Scope(unit_ids, await _teams_of(conn, province, caller, below, day))


async def team_scope(conn: Conn, province: str, caller: Caller, within: str | None, day: date) -> list[str] | None:
    """The teams whose people a caller may see by name, on a day at or below a unit; None: all that there are."""
    below = [u.unit_id for u in await units.map_of_day(conn, day, root=within)] if within else None
    return await _teams_of(conn, province, caller, below, day)


async def _teams_of(
    conn: Conn, province: str, caller: Caller, below: Sequence[str] | None, day: date
) -> list[str] | None:
    everywhere = caller.has(*OFFICERS) and province in caller.units
    if everywhere and below is None:
        return None
    own = caller.team_id if caller.has(Role.TEAM_LEADER) else None
    covered = None if everywhere else caller.units if caller.has(*OFFICERS) else ()
    return await store.team_ids(conn, day, units=covered, own=own, within=below)


async def _last(conn: Conn, wanted: ranking.Query, day: date, scope: Scope, cursor: str | None) -> Found | None:
    """Where the page before ended. Raises 409 where that has changed."""
    if cursor is None:
        return None
    kind, stamp, its_id = ranking.parse_cursor(cursor)
    start = store.Asked(wanted, day, scope.among(kind), Floor(ranking.EXACT, b"", ""), 1, only=its_id)
    found = await STORES[kind](conn, start) or await STORES[kind](conn, start._replace(alike=True))
    if not found and kind in GUARDED:
        found = await STORES[kind](conn, start._replace(shortened=True))
    if not found or found[0].stamp != stamp:
        raise ranking.stale_page()
    return found[0]


async def _page(conn: Conn, asks: dict[Kind, store.Asked], last: Found | None) -> tuple[list[Found], str | None]:
    """The hits of a page. Names that are only alike are looked for where no name fits, whatever its kind; names that
    have only some of the words where these do not fill a page."""
    limit = min((ask.limit - 1 for ask in asks.values()), default=0)
    if last is None or last.rank <= ranking.WORDS:
        shown, cursor = ranking.page([await STORES[kind](conn, ask) for kind, ask in asks.items()], limit)
        if shown or last:
            return shown, cursor
    found = {kind: await STORES[kind](conn, ask._replace(alike=True)) for kind, ask in asks.items()}
    pieces = list(found.values())
    if sum(map(len, pieces)) <= limit:
        some = [kind for kind in GUARDED if kind in found and not found[kind]]
        pieces += [await STORES[kind](conn, asks[kind]._replace(shortened=True)) for kind in some]
    return ranking.page(pieces, limit)


async def _describer(conn: Conn, shown: Sequence[Found], day: date, scope: Scope) -> Callable[[Found], dict[str, Any]]:
    """What is said of a hit beside its name."""
    unit_ids = [hit.id for hit in shown if hit.kind is Kind.UNIT]
    members = [hit.id for hit in shown if hit.kind is Kind.MEMBER]
    held = [m for m in await memberships.memberships_of(conn, members) if m.holds_on(day)] if members else []
    seen = [m for m in held if scope.team_ids is None or m.team_id in scope.team_ids]
    team_ids = {hit.id for hit in shown if hit.kind is Kind.TEAM} | {m.team_id for m in seen}
    histories = await teams.histories(conn, list(team_ids)) if team_ids else {}
    found = await units.many_on_day(conn, unit_ids, day)
    above = {u.parent_id for u in found.values() if u.parent_id} | {h.place_on(day).unit_id for h in histories.values()}
    named = await units.many_on_day(conn, above, day)

    def describe(hit: Found) -> dict[str, Any]:
        if hit.kind is Kind.UNIT:
            unit = found[hit.id]
            return {"level": unit.level, **_unit(unit.parent_id, named)}
        if hit.kind is Kind.TEAM:
            place = histories[hit.id].place_on(day)
            return {"level": place.level, **_unit(place.unit_id, named)}
        places = [m for m in seen if m.member_id == hit.id] if hit.kind is Kind.MEMBER else []
        return {"teams": [_team_of(m, histories[m.team_id], named, day) for m in places]}

    return describe


def _unit(unit_id: str | None, named: dict[str, Unit]) -> dict[str, Any]:
    return {"unit_id": unit_id, "unit_name": named[unit_id].name if unit_id in named else None}


def _team_of(place: Membership, history: TeamHistory, named: dict[str, Unit], day: date) -> TeamOf:
    role = place.role_on(day) or place.role
    where = _unit(history.place_on(day).unit_id, named)
    return TeamOf(team_id=place.team_id, name=history.name_on(day), role=role, **where)


def _hit(hit: Found, names: dict[str, str], described: dict[str, Any]) -> Hit:
    formerly = None
    if hit.formerly is not None:
        bearer = hit.formerly_id if hit.kind is Kind.UNIT and hit.formerly_id != hit.id else None
        formerly = Formerly(name=hit.formerly, last_day=hit.last_day, unit_id=bearer)
    name = names.get(hit.id) if hit.kind is Kind.MEMBER else hit.name
    return Hit(kind=hit.kind, id=hit.id, name=name, match=hit.match, formerly=formerly, **described)
