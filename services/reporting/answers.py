"""From the read models' rows to the answers that pages, the API and other systems get: one shape for all three."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple, cast

from services.reporting import mapped, store
from services.reporting.atlas import Atlas, Period
from services.reporting.maps import Map
from services.reporting.organisations import Results, Tree
from services.reporting.projections.progress_rows import CampaignRow
from services.reporting.shapes import Campaign, GroupItem, MapItem, Numbers, Overview, ReadModel, UnitItem
from shared.clock import VIETNAM, local_day, start_of_day
from shared.db import Conn
from shared.projection import store as engine_store
from shared.service import Service

CATCHING_UP_AFTER = 3.0
"""Seconds behind a stream from which the numbers count as catching up; shorter waits are the normal beat."""
ORGANISATIONS_SHOWN = 12
"""Organisations on a page; of the groups, all are shown."""


@asynccontextmanager
async def snapshot(service: Service) -> AsyncIterator[Conn]:
    """A connection that sees the read models at one moment, so that the numbers of one answer agree."""
    async with service.pool.acquire() as conn, conn.transaction(isolation="repeatable_read", readonly=True):
        yield conn


async def read_model(conn: Conn) -> ReadModel:
    """How far the numbers are: state, age in seconds, events not yet folded, events set aside."""
    found = await engine_store.health(conn)
    parked = await engine_store.count_parked(conn)
    lag = sum(max(h.last_seq - h.pos, 0) for h in found)
    behind = [h for h in found if h.pos < h.last_seq and h.caught_up_age > CATCHING_UP_AFTER]
    state: Any = "live"
    if parked or any(h.state == "stopped" for h in found):
        state = "degraded"
    elif any(h.state == "waiting_for_refill" for h in found):
        state = "waiting_for_refill"
    elif behind or not found:
        state = "catching_up"
    return ReadModel(
        state=state,
        stale_seconds=round(max((h.caught_up_age for h in found), default=0.0), 1),
        lag=lag,
        parked=parked,
        positions=await engine_store.live_positions(conn),
    )


async def overview(
    service: Service, conn: Conn, campaign_id: str | None = None, *, asked: str | None = None
) -> Overview:
    """The province on one page; its units are those of the map that is asked for, or of the one that fits the campaign.
    Raises 422 for a map that is not there."""
    campaign = await store.campaign(conn, campaign_id)
    on = await mapped.asked_for(service, conn, campaign, asked)
    return await _overview(service, conn, campaign, on)


async def _overview(service: Service, conn: Conn, campaign: CampaignRow | None, on: Map) -> Overview:
    now = service.clock()
    counts = await store.province_counts(conn, campaign) if campaign else store.ProvinceCounts(0, 0, 0, 0, 0)
    window, seconds_left = _window(campaign, now)
    totals = await store.totals(conn, campaign.campaign_id if campaign else "")
    name = await store.unit_name(conn, service.province)
    found = {
        "province": {"unit_id": service.province, "name": name or "—"},
        "campaign": await _campaign(conn, campaign) if campaign else None,
        "now": now.astimezone(VIETNAM).isoformat(timespec="seconds"),
        "window": window,
        "seconds_left": seconds_left,
        "read_model": await read_model(conn),
        "members": {"total": counts.members, "started": counts.started, "met": counts.met},
        "teams": {"total": counts.teams, "met": counts.teams_met},
        "courses": await store.course_totals(conn),
        "map": on.day.isoformat(),
        "units": {"districts": len(on.at_level("district")), "communes": len(on.at_level("commune"))},
        "days": await days(conn, campaign, by="occurred", unit_id=None) if campaign else [],
        **totals,
    }
    return cast("Overview", found)


async def days(conn: Conn, campaign: CampaignRow, *, by: str, unit_id: str | None) -> Any:
    """Sessions by day, ISO dates."""
    rows = await store.days(conn, campaign.campaign_id, by=by, unit_id=unit_id)
    return [{**r, "day": r["day"].isoformat()} for r in rows]


def _window(campaign: CampaignRow | None, now: datetime) -> tuple[Any, float | None]:
    """Whether the quota can be worked on now, and how many seconds are left if so."""
    if campaign is None:
        return "before", None
    begins, ends = start_of_day(campaign.first_day), start_of_day(campaign.last_day + timedelta(days=1))
    if now < begins:
        return "before", None
    if now >= ends:
        return "closed", 0.0
    return "open", round((ends - now).total_seconds())


async def _campaign(conn: Conn, row: CampaignRow) -> Campaign:
    topics = await store.topics(conn, row.campaign_id)
    return Campaign(
        campaign_id=row.campaign_id,
        name=row.name,
        launched_on=row.launched_on.isoformat(),
        first_day=row.first_day.isoformat(),
        last_day=row.last_day.isoformat(),
        day_one_rule=row.day_one_rule,  # type: ignore[typeddict-item]
        window_days=row.window_days,
        quota=row.quota,
        report_due_on=row.report_due_on.isoformat(),
        topics=[{"code": t["code"], "name_vi": t["name_vi"], "name_en": t["name_en"]} for t in topics],
    )


def unit_item(line: mapped.Line) -> dict[str, Any]:
    """A unit of a map with its counts."""
    of = line.unit
    names = {f: getattr(of, f) if of else None for f in ("unit_id", "code", "name", "kind", "level", "parent_id")}
    return {**names, **line.counts._asdict(), **line.total._asdict()}


class Question(NamedTuple):
    """What a page is about: the province or one unit of it, on the usual map or on another."""

    unit_id: str | None = None
    map: str | None = None
    """The name of a map, or a day of it."""


async def numbers(service: Service, of: Question) -> tuple[Numbers, UnitItem | None]:
    """Everything that one page shows: the province's, or a unit's with its communes. Raises 422 for a map that is not
    there."""
    async with snapshot(service) as conn:
        campaign = await store.campaign(conn, None)
        atlas = await mapped.atlas_of(service, conn)
        period = atlas.find(of.map) if of.map is not None else atlas.on(mapped.day_of(campaign, service.clock()))
        day = mapped.day_on(service, campaign, period) if period else mapped.day_of(campaign, service.clock())
        on = await mapped.map_of(service, conn, day)
        found = await _overview(service, conn, campaign, on)
        units, rest, unit = await _page_units(service, conn, campaign, on, of.unit_id) if campaign else ([], [], None)
        topics = await store.topics(conn, campaign.campaign_id) if campaign else []
        tree = await organisations(conn, local_day(service.clock()))
    listed = tree.lines("organisation")
    found_numbers = {
        "overview": found,
        "maps": maps(service, campaign, atlas),
        "map": period.key if period else None,
        "maps_with_unit": [p.key for p in atlas.periods if of.unit_id is None or of.unit_id in p.unit_ids],
        "groups": groups(atlas, period) if period and not of.unit_id else [],
        "units": {"items": units, "total": len(units)},
        "rest": rest,
        "organisations": {
            "items": [line._asdict() for line in listed[:ORGANISATIONS_SHOWN]],
            "total": len(listed),
            "groups": [line._asdict() for line in tree.lines("group")],
            "rest": [line._asdict() for line in tree.rest("group")],
        },
        "topics": {"items": topics},
    }
    return cast("Numbers", found_numbers), cast("UnitItem", unit) if unit else None


async def organisations(conn: Conn, day: date) -> Tree:
    """The organisations as they stand on a day, with the results of all courses."""
    everyone = await store.course_totals(conn)
    return Tree(day, await store.organisations(conn, day), Results(**everyone))


def maps(service: Service, campaign: CampaignRow | None, atlas: Atlas) -> list[MapItem]:
    """All maps, the oldest first."""
    today = local_day(service.clock())
    return [
        MapItem(
            map=p.key,
            first_day=p.first_day.isoformat(),
            last_day=p.last_day.isoformat() if p.last_day else None,
            day=mapped.day_on(service, campaign, p).isoformat(),
            today=p.holds(today),
            districts=p.districts,
            communes=p.communes,
        )
        for p in atlas.periods
    ]


def groups(atlas: Atlas, period: Period) -> list[GroupItem]:
    """Where the units of a map without districts lay before."""
    return [
        GroupItem(
            district_id=g.district.unit_id if g.district else None,
            name=g.district.name if g.district else None,
            province=g.province.name if g.province and g.province.unit_id != atlas.root else None,
            unit_ids=g.unit_ids,
        )
        for g in atlas.groups(period)
    ]


async def _page_units(
    service: Service, conn: Conn, campaign: CampaignRow, on: Map, unit_id: str | None
) -> tuple[list[dict[str, Any]], list[dict[str, Any]], dict[str, Any] | None]:
    """The units of a page, what is there besides them, and the unit that the page is about, if it is on this map."""
    asked = mapped.Asked(campaign, on, "commune" if unit_id else on.first_level, unit_id)
    below = await mapped.lines(service, conn, asked, with_rest=True, exact=False)
    units = [unit_item(line) for line in below.units if line.unit and line.unit.unit_id != unit_id]
    rest = [unit_item(line) for line in below.rest] if units else []
    unit = on.units.get(unit_id or "")
    if unit is None or unit.level not in {"district", "commune"}:
        return units, rest, None
    own = await mapped.lines(service, conn, asked._replace(level=unit.level), with_rest=False)
    return units, rest, next(unit_item(line) for line in own.units if line.unit == unit)
