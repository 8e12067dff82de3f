"""From the read models' rows to the answers that pages, the API and other systems get: one shape for all three."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date, datetime, timedelta
from typing import Any, cast

from services.reporting import mapped, store
from services.reporting.projections.progress_rows import CampaignRow
from services.reporting.shapes import Campaign, Numbers, Overview, ReadModel, UnitItem
from shared.clock import VIETNAM, local_day, start_of_day
from shared.db import Conn
from shared.projection import store as engine_store
from shared.service import Service

CATCHING_UP_AFTER = 3.0
"""Seconds behind a stream from which the numbers count as catching up; shorter waits are the normal beat."""


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
    service: Service, conn: Conn, campaign_id: str | None = None, *, day: date | None = None
) -> Overview:
    """The province on one page; its units are those of the map of `day`, or of the day that fits the campaign."""
    now = service.clock()
    campaign = await store.campaign(conn, campaign_id)
    counts = await store.province_counts(conn, campaign) if campaign else store.ProvinceCounts(0, 0, 0, 0, 0)
    on = await mapped.map_of(service, conn, mapped.day_of(campaign, now, day))
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


async def numbers(service: Service, unit_id: str | None = None) -> tuple[Numbers, UnitItem | None]:
    """Everything that one page shows: the province's, or with `unit_id` a district's with its communes."""
    async with snapshot(service) as conn:
        found = await overview(service, conn)
        campaign = await store.campaign(conn, None)
        items: list[dict[str, Any]] = []
        unit, topics = None, []
        if campaign:
            items, unit = await _page_units(service, conn, campaign, unit_id)
            topics = await store.topics(conn, campaign.campaign_id)
        learners = await store.organisations(conn, on=local_day(service.clock()), page=(0, 12))
        total = await store.count_organisations(conn)
    found_numbers = {
        "overview": found,
        "units": {"items": items, "total": len(items)},
        "organisations": {"items": [o._asdict() for o in learners], "total": total},
        "topics": {"items": topics},
    }
    return cast("Numbers", found_numbers), cast("UnitItem", unit) if unit else None


async def _page_units(
    service: Service, conn: Conn, campaign: CampaignRow, unit_id: str | None
) -> tuple[list[dict[str, Any]], dict[str, Any] | None]:
    """The units of the province's page, or those of a unit's page and the unit itself, None where there is none."""
    on = await mapped.map_of(service, conn, mapped.day_of(campaign, service.clock()))
    asked = mapped.Asked(campaign, on, "commune" if unit_id else on.first_level, unit_id)
    below = await mapped.lines(service, conn, asked, with_rest=False)
    items = [unit_item(line) for line in below.units if line.unit and line.unit.unit_id != unit_id]
    unit = on.units.get(unit_id or "")
    if unit is None or unit.level not in {"district", "commune"}:
        return items, None
    own = await mapped.lines(service, conn, asked._replace(level=unit.level), with_rest=False)
    return items, next(unit_item(line) for line in own.units if line.unit == unit)
