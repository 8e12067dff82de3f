"""What reporting answers over HTTP: the province, its units, teams, members, organisations and days, as JSON."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal

from fastapi import Query
from pydantic import BaseModel, Field

from services.reporting import answers, store
from services.reporting.projections.progress import CampaignRow
from services.reporting.shapes import Overview, ReadModel
from shared import errors
from shared.auth import ANYONE, OFFICERS, Caller, Role
from shared.db import Conn
from shared.deps import Fresh, Svc
from shared.http import ID_PATTERN, Limit, Page, allow, router, who
from shared.service import Service

routes = router("numbers")
TEAM_READERS = (*OFFICERS, Role.TEAM_LEADER, Role.OPERATOR)
MEMBER_READERS = (*TEAM_READERS, Role.MEMBER)

CampaignId = Annotated[str | None, Query(pattern=ID_PATTERN, description="The latest when left out.")]
Within = Annotated[str | None, Query(pattern=ID_PATTERN, description="Only what is at or below this unit.")]
Offset = Annotated[int, Query(ge=0, le=1_000_000, alias="after", description="`next` of the page before.")]


class UnitView(BaseModel):
    """A unit. Shares are yours to make: `members_met` of `members`."""

    unit_id: str
    code: str
    name: str
    kind: str
    level: str
    parent_id: str | None
    teams: int
    teams_met: int = Field(description="Teams all of whose members reached the quota.")
    members: int = Field(description="On a team on at least one day of the window: the denominator.")
    members_started: int
    members_met: int = Field(description="Members who guided at least the quota of distinct citizens in the window.")
    citizens: int = Field(description="Distinct citizens, in or after the window.")
    sessions: int = Field(description="Guidances, repeats included, withdrawn ones not.")


class TeamView(BaseModel):
    """A team against the quota."""

    team_id: str
    name: str
    level: str
    unit_id: str
    village: str | None
    district_id: str | None
    commune_id: str | None
    formed_on: date
    members: int
    members_started: int
    members_met: int
    citizens_in_window: int = Field(description="Sum over the members; a citizen of two members counts twice here.")
    sessions: int


class MemberView(BaseModel):
    """A member against the quota, by pseudonym."""

    member_id: str
    team_id: str
    role: str
    organisation_id: str | None
    unit_id: str
    district_id: str | None
    commune_id: str | None
    joined_on: date
    left_on: date | None
    citizens_in_window: int = Field(description="Distinct citizens in the window: what the quota counts.")
    sessions_in_window: int
    citizens: int
    sessions: int
    withdrawn: int
    last_at: datetime | None
    missing: int = Field(description="Citizens still missing to the quota, 0 when it is met.")


class OrganisationView(BaseModel):
    """An organisation's learners, of all courses."""

    organisation_id: str
    name: str
    sector: str
    headcount: int | None
    enrolled: int = Field(description="Learners who took up a course.")
    passed: int = Field(description="Learners who passed at least once.")
    attempts: int


class DayView(BaseModel):
    """A day's guidances."""

    day: date
    sessions: int = Field(description="Guidances, those withdrawn later included.")
    withdrawn: int


class Answered(Page[Any]):
    """A page with the state of the read model that it was read from."""

    read_model: ReadModel


class UnitsPage(Answered):
    """Units."""

    items: list[UnitView]


class TeamsPage(Answered):
    """Teams."""

    items: list[TeamView]


class MembersPage(Answered):
    """Members."""

    items: list[MemberView]
    quota: int


class OrganisationsPage(Answered):
    """Organisations."""

    items: list[OrganisationView]


class DaysPage(Answered):
    """Days."""

    items: list[DayView]


@routes.get("/overview", openapi_extra=who(ANYONE, "public: counts only"), dependencies=[Fresh])
async def overview(service: Svc, campaign: CampaignId = None) -> Overview:
    """The province on one page."""
    async with service.pool.acquire() as conn:
        if campaign:
            await _campaign(conn, campaign)
        return await answers.overview(service, conn, campaign)


@routes.get("/units", openapi_extra=who(ANYONE, "public: counts only"), dependencies=[Fresh])
async def units(
    service: Svc,
    campaign: CampaignId = None,
    level: Literal["district", "commune"] = "district",
    within: Within = None,
    sort: Literal["id", "share"] = "id",
    after: Offset = 0,
    limit: Limit = 200,
) -> UnitsPage:
    """Districts or communes with their counts."""
    async with service.pool.acquire() as conn:
        of = await _campaign(conn, campaign)
        rows = await store.units(conn, of, level=level, within=within, sort=sort, offset=after, limit=limit)
        total = await store.count_units(conn, level=level, within=within)
        state = await answers.read_model(conn)
    items = [UnitView(**r._asdict()) for r in rows]
    return UnitsPage(items=items, total=total, next=_next(after, len(rows), total), read_model=state)


@routes.get("/teams", openapi_extra=who(TEAM_READERS, "the caller's units; a leader: the own team"), dependencies=[Fresh])
async def teams(
    service: Svc,
    caller: Annotated[Caller, allow(*TEAM_READERS)],
    campaign: CampaignId = None,
    within: Within = None,
    after: Offset = 0,
    limit: Limit = 100,
) -> TeamsPage:
    """Teams with their counts."""
    async with service.pool.acquire() as conn:
        of = await _campaign(conn, campaign)
        scope = await _scope(service, conn, caller, within)
        rows = await store.teams(conn, of, within=scope, offset=after, limit=limit)
        total = await store.count_teams(conn, within=scope)
        state = await answers.read_model(conn)
    items = [TeamView(**r._asdict()) for r in rows]
    return TeamsPage(items=items, total=total, next=_next(after, len(rows), total), read_model=state)


@routes.get(
    "/members",
    openapi_extra=who(MEMBER_READERS, "the caller's units; a leader: the own team; a member: the own row"),
    dependencies=[Fresh],
)
async def members(
    service: Svc,
    caller: Annotated[Caller, allow(*MEMBER_READERS)],
    campaign: CampaignId = None,
    within: Annotated[str | None, Query(pattern=ID_PATTERN, description="A unit, or a team.")] = None,
    below_quota: Annotated[bool, Query(description="Only members who have not reached the quota.")] = False,
    after: Offset = 0,
    limit: Limit = 100,
) -> MembersPage:
    """Members against the quota, the furthest from it first."""
    async with service.pool.acquire() as conn:
        of = await _campaign(conn, campaign)
        scope = await _scope(service, conn, caller, within)
        rows = await store.members(conn, of, within=scope, below_quota=below_quota, offset=after, limit=limit)
        total = await store.count_members(conn, of, within=scope, below_quota=below_quota)
        state = await answers.read_model(conn)
    items = [MemberView(**r._asdict(), missing=max(of.quota - r.citizens_in_window, 0)) for r in rows]
    return MembersPage(items=items, total=total, next=_next(after, len(rows), total), read_model=state, quota=of.quota)


@routes.get("/organisations", openapi_extra=who(ANYONE, "public: counts only"), dependencies=[Fresh])
async def organisations(service: Svc, after: Offset = 0, limit: Limit = 100) -> OrganisationsPage:
    """Course results by organisation, most passes first."""
    async with service.pool.acquire() as conn:
        rows = await store.organisations(conn, offset=after, limit=limit)
        total = await store.count_organisations(conn)
        state = await answers.read_model(conn)
    items = [OrganisationView(**r._asdict()) for r in rows]
    return OrganisationsPage(items=items, total=total, next=_next(after, len(rows), total), read_model=state)


@routes.get("/daily", openapi_extra=who(ANYONE, "public: counts only"), dependencies=[Fresh])
async def daily(
    service: Svc,
    campaign: CampaignId = None,
    by: Annotated[Literal["occurred", "received"], Query(description="The day it happened, or was received.")] = "occurred",
    unit: Annotated[str | None, Query(pattern=ID_PATTERN, description="A unit; a district counts its communes.")] = None,
) -> DaysPage:
    """Guidances by day in Vietnam."""
    async with service.pool.acquire() as conn:
        of = await _campaign(conn, campaign)
        rows = await store.days(conn, of.campaign_id, by=by, unit_id=unit)
        state = await answers.read_model(conn)
    return DaysPage(items=[DayView(**r) for r in rows], total=len(rows), read_model=state)


async def _campaign(conn: Conn, campaign_id: str | None) -> CampaignRow:
    """The campaign that is asked for. Raises 404."""
    found = await store.campaign(conn, campaign_id)
    if found is None:
        raise errors.not_found(
            "no_such_campaign",
            "campaign",
            f"Không có phong trào «{campaign_id}»." if campaign_id else "Chưa có phong trào nào được phát động.",
            f"There is no campaign «{campaign_id}»." if campaign_id else "No campaign was launched yet.",
        )
    return found


async def _scope(service: Service, conn: Conn, caller: Caller, within: str | None) -> list[str] | None:
    """What of teams and members a caller may see: None for all, or ids of units, a team, a member. Raises 403, 404."""
    own = _own(service, caller)
    if within is None:
        return own
    if own is None or within in own:
        return [within]
    path = await store.unit_path(conn, within)
    if path is None:
        raise errors.not_found("no_such_unit", "within", f"Không có đơn vị «{within}».", f"There is no unit «{within}».")
    caller._replace(units=tuple(own)).must_cover(path, field="within")
    return [within]


def _own(service: Service, caller: Caller) -> list[str] | None:
    if caller.has(*OFFICERS, Role.OPERATOR):
        return None if service.province in caller.units else list(caller.units)
    mine = caller.team_id if caller.has(Role.TEAM_LEADER) else caller.member_id
    return [mine or ""]


def _next(offset: int, count: int, total: int) -> str | None:
    following = offset + count
    return str(following) if count and following < total else None
