"""What reporting answers over HTTP: the province, its units, teams, members, organisations and days, as JSON."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import Query

from services.reporting import answers, store
from services.reporting.api_shapes import (
    DaysPage,
    DayView,
    Listing,
    MembersAsked,
    MembersPage,
    MemberView,
    OrganisationsPage,
    OrganisationView,
    Paging,
    TeamsPage,
    TeamView,
    UnitsAsked,
    UnitsPage,
    UnitView,
)
from services.reporting.projections.progress_rows import CampaignRow
from services.reporting.shapes import Overview
from shared import errors
from shared.auth import ANYONE, OFFICERS, Caller, Role
from shared.db import Conn
from shared.deps import Fresh, Svc
from shared.http import ID_PATTERN, allow, router, who
from shared.service import Service

routes = router("numbers")
TEAM_READERS = (*OFFICERS, Role.TEAM_LEADER, Role.OPERATOR)
MEMBER_READERS = (*TEAM_READERS, Role.MEMBER)

CampaignId = Annotated[str | None, Query(pattern=ID_PATTERN, description="The latest when left out.")]


@routes.get("/overview", openapi_extra=who(ANYONE, "public: counts only"), dependencies=[Fresh])
async def overview(service: Svc, campaign: CampaignId = None) -> Overview:
    """The province on one page."""
    async with answers.snapshot(service) as conn:
        if campaign:
            await _campaign(conn, campaign)
        return await answers.overview(service, conn, campaign)


@routes.get("/units", openapi_extra=who(ANYONE, "public: counts only"), dependencies=[Fresh])
async def units(service: Svc, asked: Annotated[UnitsAsked, Query()]) -> UnitsPage:
    """Districts or communes with their counts."""
    async with answers.snapshot(service) as conn:
        of = await _campaign(conn, asked.campaign)
        if asked.within:
            await _path(conn, asked.within, "within")
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
    async with answers.snapshot(service) as conn:
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
    async with answers.snapshot(service) as conn:
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
async def organisations(service: Svc, asked: Annotated[Paging, Query()]) -> OrganisationsPage:
    """Course results by organisation, of all courses, most passes first."""
    async with answers.snapshot(service) as conn:
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
    async with answers.snapshot(service) as conn:
        of = await _campaign(conn, campaign)
        if unit:
            await _path(conn, unit, "unit")
        rows = await store.days(conn, of.campaign_id, by=by, unit_id=None if unit == service.province else unit)
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
    if own is not None and within in own:
        return [within]
    path = await _path(conn, within, "within")
    if own is not None:
        caller._replace(units=tuple(own)).must_cover(path, field="within")
    return None if within == service.province else [within]


async def _path(conn: Conn, unit_or_team: str, field: str) -> tuple[str, ...]:
    """Ids of a unit or a team and of the units above it. Raises 404."""
    found = await store.path(conn, unit_or_team)
    if found is None:
        raise errors.not_found(
            "no_such_unit",
            field,
            f"Không có đơn vị hay tổ «{unit_or_team}». Xem /registry/units.",
            f"There is no unit or team «{unit_or_team}». See /registry/units.",
        )
    return found


def _own(service: Service, caller: Caller) -> list[str] | None:
    if caller.has(*OFFICERS, Role.OPERATOR):
        return None if service.province in caller.units else list(caller.units)
    mine = caller.team_id if caller.has(Role.TEAM_LEADER) else caller.member_id
    return [mine or ""]


def _next(asked: Paging, count: int, total: int) -> str | None:
    following = asked.after + count
    return str(following) if count and following < total else None
