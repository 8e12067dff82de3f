"""What registry answers about teams and the people on them, on any day; without anybody's name."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Annotated, Any, Literal

from fastapi import Path, Query
from pydantic import BaseModel, ConfigDict, Field

from services.registry.form_team import TeamLevel
from services.registry.membership import Membership, no_such_member
from services.registry.store import memberships, team_lists, teams, units
from services.registry.store.team_lists import Order
from services.registry.team import Team, TeamHistory
from services.registry.team_access import manages, may_manage, no_such_team
from services.registry.team_events import Happening, happened
from services.registry.team_voided import recorded_elsewhere
from shared.auth import OFFICERS, Caller, Role
from shared.clock import local_day
from shared.deps import Svc
from shared.errors import forbidden
from shared.http import ID_PATTERN, Day, Id, Page, allow, router, who

routes = router("read")
READERS = (*OFFICERS, Role.OPERATOR)
ONE_TEAM = (*OFFICERS, Role.TEAM_LEADER, Role.OPERATOR)
ONE_MEMBER = (*ONE_TEAM, Role.MEMBER)
OnDay = Annotated[Day | None, Query(description="As it was on this day; today unless said.", examples=["2023-07-28"])]


class TeamsAsked(BaseModel):
    """Which teams, on which day."""

    model_config = ConfigDict(extra="ignore", str_strip_whitespace=True)

    on: Day | None = Field(None, description="As they were on this day; today unless said.", examples=["2023-07-28"])
    within: Id | None = Field(None, description="Only teams at this unit or below it, on that day.", examples=["533"])
    level: TeamLevel | None = None
    status: Literal["active", "disbanded", "all"] = Field("active", description="What they were on that day.")
    sort: Literal["id", "name"] = Field("id", description="By id, or by name as Vietnamese sorts.")
    after: Id | None = Field(None, description="`next` of the page before.")
    limit: int = Field(200, ge=1, le=500, description="Most items in the answer.")


class TeamView(BaseModel):
    """A team, without people's names."""

    team_id: str
    name: str
    level: str
    unit_id: str
    village: str | None
    village_id: str | None
    district_id: str | None
    commune_id: str | None
    decision_number: str
    decision_date: date
    formed_on: date
    disbanded_on: date | None = Field(description="The last day, as is known now.")
    into_team_id: str | None = Field(description="The team that it was merged into.")
    status: Literal["active", "disbanded", "not_formed"] = Field(description="On the day that was asked for.")


class MemberView(BaseModel):
    """A member's place, without the name."""

    member_id: str
    role: str = Field(description="On the day that was asked for; else the last one.")
    organisation_id: str | None
    joined_on: date
    left_on: date | None


class HistoryView(BaseModel):
    """Something that happened to a team."""

    day: date
    what: Literal["formed", "renamed", "moved", "taken_back", "joined", "role", "left", "disbanded"] = Field(
        description="`taken_back`: from `day` until `until` it was on record at `unit_id`, on the map of the reform "
        "`reform_id`, which was taken back then."
    )
    name: str | None = None
    member_id: str | None = None
    role: str | None = None
    reason: str | None = None
    from_unit_id: str | None = None
    unit_id: str | None = None
    village: str | None = None
    village_id: str | None = None
    reform_id: str | None = None
    until: date | None = Field(None, description="Last day of what was on record until a reform was taken back.")


class TeamDetail(TeamView):
    """A team on a day, and its history."""

    members: list[MemberView] = Field(description="On the day that was asked for; else all that it ever had.")
    history: list[HistoryView] = Field(description="Names, places, people, by day.")


class RoleView(BaseModel):
    """A role and its first day."""

    role: str
    valid_from: date


class MembershipView(BaseModel):
    """A person's place on a team over time."""

    team_id: str
    team_name: str
    organisation_id: str | None
    joined_on: date
    left_on: date | None
    leave_reason: str | None
    roles: list[RoleView]


class MemberDetail(BaseModel):
    """A person's places on teams, past and present; the name is in the vault."""

    member_id: str
    memberships: list[MembershipView]


@routes.get("/teams", openapi_extra=who(READERS, "teams in the caller's units on that day"))
async def list_teams(
    service: Svc, caller: Annotated[Caller, allow(*READERS)], asked: Annotated[TeamsAsked, Query()]
) -> Page[TeamView]:
    """Teams of the caller's units by id, as they were on a day; those that had ended where they were at last."""
    day = asked.on or local_day(service.clock())
    scope = None if service.province in caller.units else caller.units
    ended = None if asked.status == "all" else asked.status == "disbanded"
    async with service.pool.acquire() as conn:
        below = await units.map_of_day(conn, day, root=asked.within) if asked.within else []
        within = [asked.within, *(u.unit_id for u in below)] if asked.within else None
        choice = team_lists.Choice(day, scope, within, asked.level, ended, order=Order(asked.sort))
        rows = await team_lists.list_on_day(conn, choice, after=asked.after or "", limit=asked.limit)
        total = await team_lists.count_on_day(conn, choice)
    items = [TeamView(**t._asdict(), status=_status(t, day)) for t in rows]
    return Page(items=items, total=total, next=rows[-1].team_id if len(rows) == asked.limit else None)


@routes.get("/teams/{team_id}", openapi_extra=who(ONE_TEAM, "teams in the caller's units; a leader: the own team"))
async def show_team(
    service: Svc,
    team_id: Annotated[str, Path(pattern=ID_PATTERN)],
    caller: Annotated[Caller, allow(*ONE_TEAM)],
    on: OnDay = None,
) -> TeamDetail:
    """A team as it was on a day, with its history. Whoever had it in the own units on that day only, is told what
    happened until then."""
    today = local_day(service.clock())
    async with service.pool.acquire() as conn:
        history = await teams.history(conn, team_id)
        people = await memberships.memberships(conn, [team_id])
        voided = await teams.voided(conn, team_id)
    if history is None:
        raise no_such_team(team_id)
    now = manages(caller, history.place_on(today), service.province, Role.OPERATOR)
    if not now:
        may_manage(caller, history.place_on(on or today), service.province, Role.OPERATOR)
    everything = happened(history, people, recorded_elsewhere(history, voided))
    told = [_told(h) for h in everything if now or on is None or (h.until or h.day) <= on]
    return TeamDetail(**_as_on(history, on or today), members=_members(people, on), history=told)


@routes.get(
    "/members/{member_id}",
    openapi_extra=who(ONE_MEMBER, "places on teams in the caller's units, then or now; a leader: the own team; a "
    "member: the own places"),
)  # fmt: skip
async def show_member(
    service: Svc, member_id: Annotated[str, Path(pattern=ID_PATTERN)], caller: Annotated[Caller, allow(*ONE_MEMBER)]
) -> MemberDetail:
    """A person's places on teams over time, as far as the caller may see them."""
    today = local_day(service.clock())
    async with service.pool.acquire() as conn:
        places = await memberships.memberships_of(conn, [member_id])
        histories = await teams.histories(conn, list({p.team_id for p in places}))
    if not places:
        raise no_such_member(member_id)
    own = caller.member_id == member_id
    seen = [p for p in places if own or _may_see(caller, service.province, p, histories[p.team_id], today)]
    if not seen:
        raise forbidden(
            "outside_your_unit",
            "member_id",
            "Thành viên này không thuộc các tổ trong địa bàn của bạn.",
            "This member is on no team within your units.",
        )
    return MemberDetail(member_id=member_id, memberships=[_place(p, histories[p.team_id], today) for p in seen])


def _may_see(caller: Caller, province: str, place: Membership, history: TeamHistory, today: date) -> bool:
    """Whether the caller has the team in the own units today, or had it while the person was on it."""
    first, last = place.joined_on, place.left_on or today
    then = [p for p in history.places if p.valid_from <= last and (p.valid_to is None or p.valid_to > first)]
    return any(manages(caller, p, province, Role.OPERATOR) for p in (history.place_on(today), *then))


def _as_on(history: TeamHistory, day: date) -> dict[str, Any]:
    place, team = history.place_on(day), history.team
    there = {
        name: getattr(place, name)
        for name in ("level", "unit_id", "village", "village_id", "district_id", "commune_id")
    }
    return {**team._asdict(), **there, "name": history.name_on(day), "status": _status(team, day)}


def _status(team: Team, day: date) -> Literal["active", "disbanded", "not_formed"]:
    if day < team.formed_on:
        return "not_formed"
    return "active" if team.there_on(day) else "disbanded"


def _members(people: Sequence[Membership], on: date | None) -> list[MemberView]:
    there = [p for p in people if on is None or p.holds_on(on)]
    return [
        MemberView(
            member_id=p.member_id,
            role=(p.role_on(on) if on else None) or p.role,
            organisation_id=p.organisation_id,
            joined_on=p.joined_on,
            left_on=p.left_on,
        )
        for p in there
    ]


def _told(happening: Happening) -> HistoryView:
    return HistoryView(**{name: getattr(happening, name) for name in HistoryView.model_fields})


def _place(place: Membership, history: TeamHistory, today: date) -> MembershipView:
    return MembershipView(
        team_id=place.team_id,
        team_name=history.name_on(min(place.left_on or today, today)),
        organisation_id=place.organisation_id,
        joined_on=place.joined_on,
        left_on=place.left_on,
        leave_reason=place.leave_reason,
        roles=[RoleView(role=r.role, valid_from=r.valid_from) for r in place.roles],
    )
