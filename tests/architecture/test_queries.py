"""Queries that a page or a phone runs find their rows by an index, on tables as large as a campaign makes them."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, date, datetime
from typing import Any

import asyncpg

from services.outreach import store as outreach
from services.outreach.app import SPEC as OUTREACH
from services.registry import store as registry
from services.registry.app import SPEC as REGISTRY
from services.reporting import store as reporting
from services.reporting.app import SPEC as REPORTING
from services.reporting.projections.progress_rows import CampaignRow

ROWS = 60_000
WINDOW = (date(2023, 7, 28), date(2023, 8, 3))
OF = CampaignRow("c", "C", date(2023, 7, 28), "ceremony_day", 7, *WINDOW, 7, date(2023, 8, 15), 13)
FILL_REGISTRY = f"""
insert into unit select 'u' || n, 'u' || n, 'U', 'commune', 'commune', null, 'd' || n % 13, 'u' || n, '2023',
  '2020-02-01' from generate_series(1, 200) n;
insert into team select 't' || n, 'T', 'commune', 'u' || 1 + n % 200, null, 'd' || n % 13, 'u' || 1 + n % 200, '1',
  '2023-07-01', '2023-07-01' from generate_series(1, {ROWS // 5}) n;
insert into member select 'm' || n, 't' || 1 + n % {ROWS // 5}, 'member', null, '2023-07-02'
  from generate_series(1, {ROWS}) n;
analyze;
"""
FILL_OUTREACH = f"""
insert into campaign values ('c', 'C', '2023-07-28', 'ceremony_day', 7, '2023-07-28', '2023-08-03', 7, '{{t}}',
  '2023-08-15', '{{533}}');
insert into guidance select 'g' || n, 'd', 'c', 'm' || n % 9000, 't', 'r' || n, '{{t}}', 'home', 'u', 'd', 'u',
  timestamptz '2023-07-28' + n * interval '1 second', now() from generate_series(1, {ROWS}) n;
insert into model.roster_member select 'm' || n, 't', 'u', 'd', 'u', '2023-07-02', null
  from generate_series(1, {ROWS}) n;
analyze;
"""
FILL_REPORTING = f"""
insert into model.team select 't' || n, 'T', 'commune', 'u' || n % 200, null, 'd' || n % 13, 'u' || n % 200,
  '2023-07-01' from generate_series(1, {ROWS // 5}) n;
insert into model.unit_day select 'c', 'u' || n % 200, date '2023-07-28' + n % 7, date '2023-07-28' + n / 2000,
  'd' || n % 13, 1, 0 from generate_series(1, {ROWS}) n on conflict do nothing;
insert into model.citizen select 'c', 'r' || n, '[]' from generate_series(1, {ROWS}) n;
analyze;
"""


class Explaining:
    """A connection that explains each query before it runs it, and remembers which tables were read from end to end."""

    def __init__(self, conn: asyncpg.Connection[asyncpg.Record]) -> None:
        self._conn = conn
        self.scanned: set[str] = set()

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        async def run(query: str, *args: object) -> Any:
            [plan] = json.loads(await self._conn.fetchval(f"explain (format json) {query}", *args))
            self.scanned |= set(_scans(plan["Plan"]))
            return await getattr(self._conn, name)(query, *args)

        return run


def _scans(node: dict[str, Any]) -> Iterator[str]:
    if node["Node Type"] == "Seq Scan":
        yield node["Relation Name"]
    for child in node.get("Plans", []):
        yield from _scans(child)


async def _explaining(dsn: str, fill: str) -> tuple[Any, asyncpg.Connection[asyncpg.Record]]:
    conn = await asyncpg.connect(dsn)
    await conn.execute(fill)
    return Explaining(conn), conn


async def test_registry_finds_its_rows(database: Callable[..., Awaitable[str]]) -> None:
    db, conn = await _explaining(await database(*REGISTRY.folders), FILL_REGISTRY)
    await registry.team(db, "t7")
    await registry.teams(db, within=["u7"], after="", limit=100)
    await registry.teams(db, within=["d7"], after="t2", limit=100)
    await registry.members(db, "t7")
    await registry.member(db, "m7")
    await conn.close()
    assert db.scanned.isdisjoint({"team", "member"})


async def test_outreach_finds_its_rows(database: Callable[..., Awaitable[str]]) -> None:
    db, conn = await _explaining(await database(*OUTREACH.folders), FILL_OUTREACH)
    await outreach.members(db, ["m7", "m8"])
    await outreach.digests(db, ["g7", "g8"])
    await outreach.lock_guidance(db, "g7")
    await outreach.guidances_of(db, "m7", after=(datetime(2200, 1, 1, tzinfo=UTC), ""), limit=50)
    await outreach.count_guidances_of(db, "m7")
    await conn.close()
    assert db.scanned.isdisjoint({"guidance", "roster_member"})


async def test_reporting_finds_its_rows(database: Callable[..., Awaitable[str]]) -> None:
    """Members of the whole province are read from end to end on purpose: 12,000 rows, counted once a second at most."""
    db, conn = await _explaining(await database(*REPORTING.folders), FILL_REPORTING)
    await reporting.days(db, "c", by="occurred", unit_id="u7")
    await reporting.totals(db, "c")
    await reporting.count_teams(db, within=["u7"])
    await reporting.one_unit(db, OF, "d7")
    await conn.close()
    assert db.scanned.isdisjoint({"unit_day", "citizen"})


async def test_a_missing_index_is_seen(database: Callable[..., Awaitable[str]]) -> None:
    db, conn = await _explaining(await database(*OUTREACH.folders), FILL_OUTREACH + "drop index guidance_member;")
    await outreach.count_guidances_of(db, "m7")
    await conn.close()
    assert db.scanned == {"guidance"}
