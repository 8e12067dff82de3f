"""What reporting answers over HTTP: the province, its units, teams, members, organisations and days, as JSON."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal

from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field

from services.reporting import answers, store
from services.reporting.projections.progress_rows import CampaignRow
from services.reporting.shapes import Overview, ReadModel
from shared import errors
from shared.auth import ANYONE, OFFICERS, Caller, Role
from shared.db import Conn
from shared.deps import Fresh, Svc
from shared.http import ID_PATTERN, MinPos, Page, allow, router, who
from shared.service import Service

routes = router("numbers")
TEAM_READERS = (*OFFICERS, Role.TEAM_LEADER, Role.OPERATOR)
MEMBER_READERS = (*TEAM_READERS, Role.MEMBER)

CampaignId = Annotated[str | None, Query(pattern=ID_PATTERN, description="The latest when left out.")]


class Listing(BaseModel):
    """What every list may be asked."""

    model_config = ConfigDict(extra="forbid")

    campaign: str | None = Field(None, pattern=ID_PATTERN, description="The latest when left out.")
    within: str | None = Field(None, pattern=ID_PATTERN, description="Only what is at or below this unit (or team).")
    after: int = Field(0, ge=0, le=1_000_000, description="`next` of the page before.")
    limit: int = Field(100, ge=1, le=500, description="Most items in the answer.")
    min_pos: MinPos = None


class UnitsAsked(Listing):
    """Which units."""

    level: Literal["district", "commune"] = "district"
    sort: Literal["id", "share"] = Field("id", description="`share`: of members who met the quota, best first.")


class MembersAsked(Listing):
    """Which members."""

    below_quota: bool = Field(False, description="Only members who have not reached the quota.")


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
async def units(service: Svc, asked: Annotated[UnitsAsked, Query()]) -> UnitsPage:
    """Districts or communes with their counts."""
    async with service.pool.acquire() as conn:
        of = await _campaign(conn, asked.campaign)
        rows = await store.units(conn, of, asked.level, asked.within, sort=asked.sort, page=(asked.after, asked.limit))
        total = await store.count_units(conn, level=asked.level, within=asked.within)
        state = await answers.read_model(conn)
    items = [UnitView(**r._asdict()) for r in rows]
    return UnitsPage(items=items, total=total, next=_next(asked, len(rows), total), read_model=state)


@routes.get(
    "/teams",
    openapi_extra=who(TEAM_READERS, "the caller's units; a leader: the own team"),
    dependencies=[Fresh],
)
async def teams(
    service: Svc, caller: Annotated[Caller, allow(*TEAM_READERS)], asked: Annotated[Listing, Query()]
) -> TeamsPage:
    """Teams with their counts."""
    async with service.pool.acquire() as conn:
        of = await _campaign(conn, asked.campaign)
        scope = await _scope(service, conn, caller, asked.within)
        rows = await store.teams(conn, of, within=scope, page=(asked.after, asked.limit))
        total = await store.count_teams(conn, within=scope)
        state = await answers.read_model(conn)
    items = [TeamView(**r._asdict()) for r in rows]
    return TeamsPage(items=items, total=total, next=_next(asked, len(rows), total), read_model=state)


@routes.get(
    "/members",
    openapi_extra=who(MEMBER_READERS, "the caller's units; a leader: the own team; a member: the own row"),
    dependencies=[Fresh],
)
async def members(
    service: Svc, caller: Annotated[Caller, allow(*MEMBER_READERS)], asked: Annotated[MembersAsked, Query()]
) -> MembersPage:
    """Members against the quota, the furthest from it first."""
    async with service.pool.acquire() as conn:
        of = await _campaign(conn, asked.campaign)
        scope = await _scope(service, conn, caller, asked.within)
        chosen = store.MembersChosen(scope, asked.below_quota)
        rows = await store.members(conn, of, chosen, page=(asked.after, asked.limit))
        total = await store.count_members(conn, of, chosen)
        state = await answers.read_model(conn)
    items = [MemberView(**r._asdict(), missing=max(of.quota - r.citizens_in_window, 0)) for r in rows]
    following = _next(asked, len(rows), total)
    return MembersPage(items=items, total=total, next=following, read_model=state, quota=of.quota)


@routes.get("/organisations", openapi_extra=who(ANYONE, "public: counts only"), dependencies=[Fresh])
async def organisations(service: Svc, asked: Annotated[Listing, Query()]) -> OrganisationsPage:
    """Course results by organisation, of all courses, most passes first."""
    async with service.pool.acquire() as conn:
        rows = await store.organisations(conn, page=(asked.after, asked.limit))
        total = await store.count_organisations(conn)
        state = await answers.read_model(conn)
    items = [OrganisationView(**r._asdict()) for r in rows]
    return OrganisationsPage(items=items, total=total, next=_next(asked, len(rows), total), read_model=state)


@routes.get("/daily", openapi_extra=who(ANYONE, "public: counts only"), dependencies=[Fresh])
async def daily(
    service: Svc,
    campaign: CampaignId = None,
    by: Annotated[
        Literal["occurred", "received"], Query(description="The day it happened, or was received.")
    ] = "occurred",
    unit: Annotated[
        str | None, Query(pattern=ID_PATTERN, description="A unit; a district counts its communes.")
    ] = None,
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
        raise errors.not_found(
            "no_such_unit", "within", f"Không có đơn vị «{within}».", f"There is no unit «{within}»."
        )
    caller._replace(units=tuple(own)).must_cover(path, field="within")
    return [within]


def _own(service: Service, caller: Caller) -> list[str] | None:
    if caller.has(*OFFICERS, Role.OPERATOR):
        return None if service.province in caller.units else list(caller.units)
    mine = caller.team_id if caller.has(Role.TEAM_LEADER) else caller.member_id
    return [mine or ""]


def _next(asked: Listing, count: int, total: int) -> str | None:
    following = asked.after + count
    return str(following) if count and following < total else None
