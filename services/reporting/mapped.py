"""The numbers of a campaign on the map of any day: which map is asked for, and what counts for each of its units."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection, Mapping
from datetime import date, datetime
from typing import Any, NamedTuple

from services.reporting import maps, store
from services.reporting.maps import NOWHERE, Map
from services.reporting.projections.progress_rows import CampaignRow
from services.reporting.store import Total, UnitCounts
from shared.clock import local_day
from shared.contracts.history import UnitVersion
from shared.db import Conn
from shared.service import Service

KEPT = 16
"""Maps, and totals worked out for them, that are kept in memory until what they come from changes."""


class Line(NamedTuple):
    """A unit of a map with its numbers; of teams that have no place on the map, without a unit."""

    unit: UnitVersion | None
    counts: UnitCounts
    total: Total


class Lines(NamedTuple):
    """Units of a level, and what no unit of that level stands for: together everything, nothing twice."""

    units: list[Line]
    rest: list[Line]


def day_of(campaign: CampaignRow | None, now: datetime, asked: date | None = None) -> date:
    """The map's day: the one that is asked for, else today, but of a campaign that is over its last day."""
    today = local_day(now)
    return asked or (min(today, campaign.last_day) if campaign else today)


async def map_of(service: Service, conn: Conn, day: date) -> Map:
    """The map of a day."""

    async def work_out() -> Map:
        found = Map(day, service.province, await store.units_on(conn, day))
        found.take_in(await store.strays(conn, day, list(found.units)), await store.lineage(conn))
        return found

    found: Map = await _kept(service, ("map", day, await store.state(conn, "registry")), work_out)
    return found


class Asked(NamedTuple):
    """Of which campaign, on which map, at which level, at or below which unit (None: everywhere)."""

    campaign: CampaignRow
    on: Map
    level: str
    within: str | None = None


async def lines(service: Service, conn: Conn, asked: Asked, *, with_rest: bool) -> Lines:
    """The numbers of units, and, where wanted, of what is there besides them."""
    campaign, on, level, within = asked
    spots = on.spots(level)
    counts = await store.counts_by_key(conn, campaign, spots)
    sessions = await store.sessions_by_key(conn, campaign.campaign_id, spots)
    besides = list(maps.rest(level, on, counts.keys() | sessions.keys(), within)) if with_rest else []
    totals = await _totals(service, conn, asked, sessions, besides)

    def line(key: str) -> Line:
        return Line(on.units.get(key), counts.get(key, UnitCounts()), totals.get(key, Total()))

    return Lines([line(u.unit_id) for u in on.at_level(level, within)], [line(key) for key in besides])


async def _totals(
    service: Service, conn: Conn, asked: Asked, sessions: Mapping[str, int], besides: Collection[str]
) -> dict[str, Total]:
    """Citizens and sessions by key: as they are kept by the units of the day, where this is their map, else counted."""
    (campaign_id, *_), on, level, _ = asked
    if not any(sessions.get(key) for key in besides) and await store.are_recorded(conn, campaign_id, on.own_spots()):
        found = await store.recorded_totals(conn, campaign_id)
        return {key: total for key, total in found.items() if key not in besides}  # a district's own has nothing here

    async def work_out() -> dict[str, int]:
        return await store.citizens_by_key(conn, campaign_id, on.spots(level))

    states = [await store.state(conn, stream) for stream in ("registry", "outreach")]
    citizens: dict[str, int] = await _kept(service, ("citizens", campaign_id, on.day, level, *states), work_out)
    return {key: Total(citizens.get(key, 0), sessions.get(key, 0)) for key in citizens.keys() | sessions.keys()}


async def _kept(service: Service, key: tuple[Any, ...], work_out: Callable[[], Awaitable[Any]]) -> Any:
    """What was worked out for a key; the key says all that it depends on."""
    kept: OrderedDict[tuple[Any, ...], Any] = service.extras.setdefault("mapped", OrderedDict())
    if key not in kept:
        kept[key] = await work_out()
        if len(kept) > KEPT:
            kept.popitem(last=False)
    return kept[key]


def share(line: Line) -> tuple[float, str]:
    """Sorts by the share of members who met the quota, the best first."""
    counts, unit_id = line.counts, line.unit.unit_id if line.unit else NOWHERE
    return (-counts.members_met / counts.members if counts.members else 1.0, unit_id)
