"""What reporting answers over HTTP: the province, its units, teams, members, organisations and days, as JSON."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query

from services.reporting import answers, mapped, scope, store
from services.reporting.api_shapes import (
    DaysAsked,
    DaysPage,
    DayView,
    Listing,
    MapsAsked,
    MapsPage,
    MembersAsked,
    MembersPage,
    MemberView,
    OrganisationRestView,
    OrganisationsAsked,
    OrganisationsPage,
    OrganisationView,
    OverviewAsked,
    Paging,
    RestView,
    TeamsPage,
    TeamView,
    UnitsAsked,
    UnitsPage,
    UnitView,
)
from services.reporting.maps import Map
from services.reporting.projections.progress_rows import CampaignRow
from services.reporting.shapes import Overview
from shared import errors
from shared.auth import ANYONE, OFFICERS, Caller, Role
from shared.clock import local_day
from shared.db import Conn
from shared.deps import Fresh, Svc
from shared.http import allow, router, who
from shared.service import Service

routes = router("numbers")
TEAM_READERS = (*OFFICERS, Role.TEAM_LEADER, Role.OPERATOR)
MEMBER_READERS = (*TEAM_READERS, Role.MEMBER)


@routes.get("/overview", openapi_extra=who(ANYONE, "public: counts only"), dependencies=[Fresh])
async def overview(service: Svc, asked: Annotated[OverviewAsked, Query()]) -> Overview:
    """The province on one page."""
    return await overview_of(service, asked)


async def overview_of(service: Service, asked: OverviewAsked) -> Overview:
    """The same for whoever asks, over HTTP or over the bus. Raises 404 and 422."""
    async with answers.snapshot(service) as conn:
        if asked.campaign:
            await _campaign(conn, asked.campaign)
        return await answers.overview(service, conn, asked.campaign, asked=asked.map)


@routes.get("/maps", openapi_extra=who(ANYONE, "public: counts only"), dependencies=[Fresh])
async def maps(service: Svc, asked: Annotated[MapsAsked, Query()]) -> MapsPage:
    """The maps of the province, the oldest first, each with the day whose units count for a campaign."""
    async with answers.snapshot(service) as conn:
        of = await _campaign(conn, asked.campaign) if asked.campaign else await store.campaign(conn, None)
        items = answers.maps(service, of, await mapped.atlas_of(service, conn))
        state = await answers.read_model(conn)
    return MapsPage(items=items, total=len(items), read_model=state)


@routes.get("/units", openapi_extra=who(ANYONE, "public: counts only"), dependencies=[Fresh])
async def units(service: Svc, asked: Annotated[UnitsAsked, Query()]) -> UnitsPage:
    """Districts or communes with their counts, on the map of any day; a guidance counts where its team is that day."""
    async with answers.snapshot(service) as conn:
        of, on = await _on_map(service, conn, asked)
        if asked.within:
            scope.must_be_there(on, asked.within)
        question = mapped.Asked(of, on, asked.level or on.first_level, asked.within)
        found = await mapped.lines(service, conn, question, with_rest=True)
        state = await answers.read_model(conn)
    lines = sorted(found.units, key=mapped.share) if asked.sort == "share" else found.units
    page = lines[asked.after : asked.after + asked.limit]
    return UnitsPage(
        items=[UnitView(**answers.unit_item(line)) for line in page],
        total=len(lines),
        next=_next(asked, len(page), len(lines)),
        read_model=state,
        map=on.day,
        level=question.level,
        rest=[RestView(**answers.unit_item(line)) for line in found.rest],
    )


@routes.get(
    "/teams",
    openapi_extra=who(TEAM_READERS, "the caller's units of today; a leader: the own team"),
    dependencies=[Fresh],
)
async def teams(
    service: Svc, caller: Annotated[Caller, allow(*TEAM_READERS)], asked: Annotated[Listing, Query()]
) -> TeamsPage:
    """Teams of a campaign's window with their counts."""
    async with answers.snapshot(service) as conn:
        of, on = await _on_map(service, conn, asked)
        whose = await scope.of(service, conn, caller, asked.within, on)
        rows = await store.teams(conn, of, whose, on.day, page=(asked.after, asked.limit))
        total = await store.count_teams(conn, of, whose)
        state = await answers.read_model(conn)
    items = [TeamView(**{**r._asdict(), **_place(on, r)}) for r in rows]
    return TeamsPage(items=items, total=total, next=_next(asked, len(rows), total), read_model=state, map=on.day)


@routes.get(
    "/members",
    openapi_extra=who(MEMBER_READERS, "the caller's units of today; a leader: the own team; a member: the own row"),
    dependencies=[Fresh],
)
async def members(
    service: Svc, caller: Annotated[Caller, allow(*MEMBER_READERS)], asked: Annotated[MembersAsked, Query()]
) -> MembersPage:
    """People against the quota, the furthest from it first."""
    async with answers.snapshot(service) as conn:
        of, on = await _on_map(service, conn, asked)
        whose = await scope.of(service, conn, caller, asked.within, on)
        chosen = store.MembersChosen(whose, asked.below_quota)
        rows = await store.members(conn, of, chosen, on.day, page=(asked.after, asked.limit))
        total = await store.count_members(conn, of, chosen)
        state = await answers.read_model(conn)
    items = [
        MemberView(**{**r._asdict(), **_place(on, r)}, missing=max(of.quota - r.citizens_in_window, 0)) for r in rows
    ]
    following = _next(asked, len(rows), total)
    return MembersPage(items=items, total=total, next=following, read_model=state, map=on.day, quota=of.quota)


@routes.get("/organisations", openapi_extra=who(ANYONE, "public: counts only"), dependencies=[Fresh])
async def organisations(service: Svc, asked: Annotated[OrganisationsAsked, Query()]) -> OrganisationsPage:
    """Course results by organisation or by group of the plan, of all courses, most passes first; a group counts what
    stands below it on the day that is asked for."""
    day = asked.on or local_day(service.clock())
    async with answers.snapshot(service) as conn:
        tree = await answers.organisations(conn, day)
        state = await answers.read_model(conn)
    if asked.within:
        scope.must_stand(tree, asked.within)
    lines = tree.lines(asked.level, asked.within)
    page = lines[asked.after : asked.after + asked.limit]
    return OrganisationsPage(
        items=[OrganisationView(**line._asdict()) for line in page],
        total=len(lines),
        next=_next(asked, len(page), len(lines)),
        read_model=state,
        on=day,
        level=asked.level,
        within=OrganisationView(**tree.whole(asked.within)._asdict()) if asked.within else None,
        rest=[OrganisationRestView(**line._asdict()) for line in tree.rest(asked.level, asked.within)],
    )


@routes.get("/daily", openapi_extra=who(ANYONE, "public: counts only"), dependencies=[Fresh])
async def daily(service: Svc, asked: Annotated[DaysAsked, Query()]) -> DaysPage:
    """Guidances by day in Vietnam, of a unit by the units of those days."""
    unit = None if asked.unit == service.province else asked.unit
    async with answers.snapshot(service) as conn:
        of = await _campaign(conn, asked.campaign)
        if unit:
            await scope.must_be_known(conn, unit, "unit")
        rows = await store.days(conn, of.campaign_id, by=asked.by, unit_id=unit)
        state = await answers.read_model(conn)
    items = [DayView(**r) for r in rows[asked.after : asked.after + asked.limit]]
    return DaysPage(items=items, total=len(rows), next=_next(asked, len(items), len(rows)), read_model=state)


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


async def _on_map(service: Service, conn: Conn, asked: Listing) -> tuple[CampaignRow, Map]:
    """The campaign and the map that are asked for."""
    of = await _campaign(conn, asked.campaign)
    return of, await mapped.asked_for(service, conn, of, asked.map)


def _place(on: Map, row: store.TeamLine | store.MemberLine) -> dict[str, str | None]:
    """The unit for which a team counts on a map."""
    unit = on.unit_of(row.team_id, row.unit_id)
    return {f: getattr(unit, f) if unit else None for f in ("unit_id", "district_id", "commune_id")}


def _next(asked: Paging, count: int, total: int) -> str | None:
    following = asked.after + count
    return str(following) if count and following < total else None
