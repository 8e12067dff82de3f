"""The numbers of a campaign on the map of any day: which map is asked for, and what counts for each of its units."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection, Mapping
from datetime import date, datetime
from typing import Any, NamedTuple

from services.reporting import atlas, maps, store
from services.reporting.atlas import Atlas, Period
from services.reporting.maps import NOWHERE, Map
from services.reporting.projections.progress_rows import CampaignRow
from services.reporting.store import Total, UnitCounts
from shared.clock import local_day
from shared.contracts.history import UnitVersion
from shared.db import Conn
from shared.service import Service

KEPT = 32
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


def day_of(campaign: CampaignRow | None, now: datetime) -> date:
    """The usual day of a campaign's map: today, but of a campaign that is over its last day."""
    today = local_day(now)
    return min(today, campaign.last_day) if campaign else today


async def atlas_of(service: Service, conn: Conn) -> Atlas:
    """All maps that registry has told of."""

    async def work_out() -> Atlas:
        versions, names, lineage = await store.versions(conn), await store.editions(conn), await store.lineage(conn)
        return Atlas(service.province, versions, names, lineage)

    found: Atlas = await _kept(service, ("atlas",), await store.state(conn, "registry"), work_out)
    return found


def day_on(service: Service, campaign: CampaignRow | None, period: Period) -> date:
    """The day of a map whose units are counted."""
    now = service.clock()
    return atlas.day_on(period, day_of(campaign, now), local_day(now))


async def asked_for(service: Service, conn: Conn, campaign: CampaignRow | None, asked: str | None) -> Map:
    """The map of a day, of a name, or the usual one. Raises 422 where it is neither."""
    day = day_of(campaign, service.clock()) if asked is None else atlas.day_in(asked)
    if day is None:
        day = day_on(service, campaign, (await atlas_of(service, conn)).find(asked or ""))
    return await map_of(service, conn, day)


async def map_of(service: Service, conn: Conn, day: date) -> Map:
    """The map of a day."""

    async def work_out() -> Map:
        found = Map(day, service.province, await store.units_on(conn, day))
        found.take_in(await store.strays(conn, day, list(found.units)), await store.lineage(conn))
        return found

    found: Map = await _kept(service, ("map", day), await store.state(conn, "registry"), work_out)
    return found


class Asked(NamedTuple):
    """Of which campaign, on which map, at which level, at or below which unit (None: everywhere)."""

    campaign: CampaignRow
    on: Map
    level: str
    within: str | None = None


async def lines(service: Service, conn: Conn, asked: Asked, *, with_rest: bool, exact: bool = True) -> Lines:
    """The numbers of units, and, where wanted, of what is there besides them. The citizens of the rest may stay unknown
    where the answer need not be `exact`: to work them out takes every citizen of the campaign."""
    campaign, on, level, within = asked
    spots = on.spots(level)
    counts = await store.counts_by_key(conn, campaign, spots)
    sessions = await store.sessions_by_key(conn, campaign.campaign_id, spots)
    besides = list(maps.rest(level, on, counts.keys() | sessions.keys(), within)) if with_rest else []
    totals = await _totals(service, conn, asked, sessions, besides, exact=exact)

    def line(key: str) -> Line:
        return Line(on.units.get(key), counts.get(key, UnitCounts()), totals.get(key, Total()))

    return Lines([line(u.unit_id) for u in on.at_level(level, within)], [line(key) for key in besides])


async def _totals(
    service: Service, conn: Conn, asked: Asked, sessions: Mapping[str, int], besides: Collection[str], *, exact: bool
) -> dict[str, Total]:
    """Citizens and sessions by key: as they are kept by the units of the day, where this is their map, else counted."""
    (campaign_id, *_), on, level, _ = asked
    more = {key: n for key in besides if (n := sessions.get(key))}
    if not (exact and more) and await store.are_recorded(conn, campaign_id, on.own_spots()):
        found = await store.recorded_totals(conn, campaign_id)
        kept = {key: total for key, total in found.items() if key not in besides}  # a district's own has nothing here
        return {**kept, **{key: Total(None, n) for key, n in more.items()}}

    async def work_out() -> dict[str, int]:
        return await store.citizens_by_key(conn, campaign_id, on.spots(level))

    state = " ".join([await store.state(conn, stream) for stream in ("registry", "outreach")])
    citizens: dict[str, int] = await _kept(service, ("citizens", campaign_id, on.day, level), state, work_out)
    return {key: Total(citizens.get(key, 0), sessions.get(key, 0)) for key in citizens.keys() | sessions.keys()}


async def _kept(service: Service, key: tuple[Any, ...], state: str, work_out: Callable[[], Awaitable[Any]]) -> Any:
    """What was worked out for a key, for as long as all that it depends on is in the same state."""
    kept: OrderedDict[tuple[Any, ...], tuple[str, Any]] = service.extras.setdefault("mapped", OrderedDict())
    if key not in kept or kept[key][0] != state:
        kept[key] = state, await work_out()
    kept.move_to_end(key)
    if len(kept) > KEPT:
        kept.popitem(last=False)
    return kept[key][1]


def share(line: Line) -> tuple[float, str]:
    """Sorts by the share of members who met the quota, the best first."""
    counts, unit_id = line.counts, line.unit.unit_id if line.unit else NOWHERE
    return (-counts.members_met / counts.members if counts.members else 1.0, unit_id)
