"""Queries of organisations and of the vault find their rows by an index, with a long record behind them."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime
from types import ModuleType

import asyncpg
import pytest

from services.registry.app import SPEC as REGISTRY
from services.registry.person import Why
from services.registry.store import accesses, contacts, organisations, requests, vault
from services.registry.store.accesses import Wanted as AccessesWanted
from services.registry.store.contacts import Whose
from services.registry.store.requests import Wanted as RequestsWanted
from tests.architecture.test_queries import WRITES, scans
from tests.support.explain import Read, read

DAY, NOW = date(2023, 7, 30), datetime(2023, 7, 30, tzinfo=UTC)
FILL = """
insert into unit (unit_id) select 'u' || n from generate_series(1, 187) n;
insert into unit_version (unit_id, valid_from, known_from, code, name, kind, level, edition, commune_id,
    district_id)
  select 'u' || n, '2020-02-01', now(), 'u' || n, 'U', 'commune', 'commune', '2023', 'u' || n, 'd' || n % 13
  from generate_series(1, 187) n;
insert into organisation (organisation_id, name, sector) select 'o' || n, 'O', 'press' from generate_series(1, 500) n;
insert into organisation_version (organisation_id, valid_from, name, sector, parent_id)
  select 'o' || n, '2023-01-01', 'O', 'press', case when n > 9 then 'o' || n % 9 + 1 end from generate_series(1, 500) n;
insert into headcount select 'o' || n, '2023-01-01', n from generate_series(1, 500) n;
insert into team (team_id, name, level, unit_id, decision_number, decision_date, formed_on)
  select 't' || n, 'T', 'commune', 'u' || 1 + n % 187, '1', '2023-07-01', '2023-07-01' from generate_series(1, 1700) n;
insert into team_place (team_id, valid_from, unit_id, level, commune_id, district_id, reason, known_from)
  select 't' || n, '2023-07-01', 'u' || 1 + n % 187, 'commune', 'u' || 1 + n % 187, 'd' || n % 13, 'founding', now()
  from generate_series(1, 1700) n;
insert into person select 'm' || n from generate_series(1, 12000) n;
insert into membership (member_id, team_id, joined_on)
  select 'm' || n, 't' || 1 + n % 1700, '2023-07-02' from generate_series(1, 12000) n;
insert into vault_person (member_id, full_name) select 'm' || n, 'N' from generate_series(1, 12000) n;
insert into vault_erased select 'e' || n, now() from generate_series(1, 5000) n;
insert into vault_access (at, subject, roles, member_id, action, fields, why, trace)
  select timestamptz '2023-01-01' + n * interval '1 minute', 's' || n % 300, '{}', 'm' || n % 12000, 'read', '{}',
    'team_list', '' from generate_series(1, 60000) n;
insert into contact (contact_id, unit_id, since) select 'c' || n, 'u' || n % 187, '2023-01-01'
  from generate_series(1, 5000) n;
insert into subject_request (request_id, member_id, kind, received_at, due_at)
  select 'r' || n, 'm' || n, 'access', now(), now() + n * interval '1 minute' from generate_series(1, 5000) n;
"""
SMALL = {"organisation_version": "some hundreds, and their changes", "headcount": "as many a year",
         "unit_version": "some hundreds, and their changes"}  # fmt: skip
EVERYTHING = AccessesWanted(None, None, None, None, None, None)
EVERY_REQUEST = RequestsWanted(None, None, None, None, DAY)
FEW = {"subject_request": "some hundreds a year"}

READS: dict[ModuleType, list[Read]] = {
    organisations: [
        read("organisation", organisation_id="o7"),
        read("tree"),
        read("states", organisation_id="o7"),
        read("on_day", organisation_id="o7", day=DAY),
        read("list_on_day", day=DAY, within="o7", after="", limit=200),
        read("list_on_day", day=DAY, within=None, after="o3", limit=200),
        read("sum_on_day", day=DAY, within=None),
        read("headcounts", organisation_id="o7"),
        read("predecessors", organisation_id="o7"),
        read("lock_tree"),
    ],
    vault: [
        read(
            "read_and_note",
            access=vault.Access(NOW, "s", [], Why.CALL, ""),
            member_ids=[f"m{n}" for n in range(500)],
            withdrawn_too=False,
        ),
        read("lock", member_ids=["m7", "m8"]),
        read("is_held", member_id="m7"),
        read("erased", member_ids=["m7", "m8"]),
        read("places", member_id="m7", day=DAY),
        read("places", member_id="c7", day=DAY),
    ],
    accesses: [
        read("accesses", wanted=EVERYTHING, before=2**62, limit=200),
        read("accesses", wanted=EVERYTHING._replace(member_id="m7"), before=2**62, limit=200),
        read("accesses", wanted=EVERYTHING._replace(subject="s7", why="team_list"), before=30_000, limit=200),
        read("count_accesses", {"vault_access": "all of the record is counted"}, wanted=EVERYTHING),
        read("count_accesses", wanted=EVERYTHING._replace(member_id="m7")),
        read("count_accesses", wanted=EVERYTHING._replace(since=datetime(2023, 2, 11, tzinfo=UTC))),
    ],
    requests: [
        read("request", request_id="r7"),
        read("requests", FEW, wanted=EVERY_REQUEST, after=(NOW, ""), limit=50),
        read("requests", FEW, wanted=EVERY_REQUEST._replace(within=["u7"]), after=(NOW, ""), limit=50),
        read("count_requests", FEW, wanted=EVERY_REQUEST),
    ],
    contacts: [
        read("contact", contact_id="c7"),
        read("contacts", whose=Whose("unit_id", "u7"), day=DAY),
        read("contacts", whose=Whose("organisation_id", "o7"), day=DAY),
        read("contacts", whose=Whose("team_id", "t7"), day=DAY),
    ],
}


async def test_each_query_finds_its_rows_by_an_index(database: Callable[..., Awaitable[str]]) -> None:
    conn = await asyncpg.connect(await database(*REGISTRY.folders))
    try:
        await conn.execute(FILL + "analyze;")
        for module, reads in READS.items():
            for call in reads:
                found = await scans(conn, getattr(module, call.name), **call.arguments)
                assert found - SMALL.keys() <= call.scans.keys(), (call.name, call.arguments)
    finally:
        await conn.close()


@pytest.mark.parametrize("module", READS, ids=lambda m: m.__name__.rsplit(".", 1)[1])
def test_no_reading_function_is_forgotten(module: ModuleType) -> None:
    functions = {n for n, f in vars(module).items() if inspect.iscoroutinefunction(f) and not n.startswith(WRITES)}
    assert {call.name for call in READS[module]} == functions
