"""Every query of registry finds its rows by an index, on tables of twice the merged province's size.

The lists name each reading function of each module of its store with the arguments of its callers; one that is missing
fails.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, date, datetime
from types import ModuleType

import asyncpg
import pytest

from services.registry import store
from services.registry.app import SPEC as REGISTRY
from services.registry.ranking import Floor, Kind, query
from services.registry.reform import Newer
from services.registry.store import (
    accesses,
    contacts,
    imports,
    levels,
    lineage,
    members,
    memberships,
    organisations,
    pages,
    reform_links,
    reforms,
    requests,
    reversals,
    search,
    search_names,
    team_lists,
    teams,
    units,
    vault,
    vocabulary,
)
from services.registry.store.team_lists import Choice, Order
from services.registry.unit import Unit
from shared.contracts.reform import LegalBasis, Level
from shared.db import Conn
from tests.support.explain import Read, explained, read, scanned
from tests.support.servers import Postgres

WRITES = ("save_", "mark_", "note_", "end_", "restore_", "replace_", "purge")
LOCKS = {"lock_map", "hold_map", "lock_tree", "lock_imports"}
"""Advisory locks: no table is read."""
SMALL = {
    "unit_level": "some", "unit_kind": "some",
    "unit": "an id each", "organisation": "some hundreds", "organisation_version": "some hundreds",
    "headcount": "some of each organisation", "reform": "a handful in a decade", "lineage": "some hundreds a reform",
    "vault_import_key": "one", "vault_import_progress": "one of each upload that is being written",
    "contact": "some hundreds", "team_word": "the syllables of a language", "vault_word": "the same",
}  # fmt: skip
"""Tables that may be read from end to end, and how large they become."""
MAP = {"unit_version": "the whole map of a day, with its villages"}
EVERYBODY = {"membership": "all of them are counted"}
ALL_TEAMS = {"team": "all of them", "team_place": "all of them", "team_name": "all of them"}
A_THIRTEENTH = {"team": "a district is a thirteenth of the province"}
LEADERS = {"membership_role": "one in ten leads a team"}
DAY = date(2025, 8, 1)
STATE = Unit("u7", "u7", "U", "commune", Level.COMMUNE, "d7", "d7", "u7", "2023", date(2023, 7, 1))
NOW = datetime(2025, 8, 1, tzinfo=UTC)
END = datetime(2200, 1, 1, tzinfo=UTC)
COMMUNE, DISTRICT = ["u7"], ["d7", *(f"u{n}" for n in range(1, 301) if n % 13 == 7)]
A_TEAM, A_COMMUNES, A_DISTRICTS = (
    ["t7"], [f"t{n}" for n in range(7, 4000, 300)], [f"t{n}" for n in range(1, 4001) if n % 13 == 7]
)  # fmt: skip
FEW, ALL = members.Choice(DAY, A_COMMUNES), members.Choice(DAY, None)
PLACE = members.Listed("m7", "t7", date(2023, 7, 2), None, None, b"a", "1", "member")

FILL = """
insert into unit values ('51');
insert into unit select 'd' || n from generate_series(0, 12) n;
insert into unit select 'u' || n from generate_series(1, 300) n;
insert into unit select 'v' || n from generate_series(1, 3000) n;
insert into unit_version (unit_id, valid_from, valid_to, known_from, code, name, kind, level, parent_id, district_id,
  commune_id, edition, reform_id, closed_by)
  select '51', '2020-02-01'::date, null::date, now(), '51', 'Tỉnh', 'province', 'province', null, null, null, '2023',
    null, null
  union all select 'd' || n, '2020-02-01', '2025-07-01', now(), 'd' || n, 'Huyện ' || n, 'district', 'district', '51',
    'd' || n, null, '2023', null, 'r1' from generate_series(0, 12) n
  union all select 'u' || n, '2020-02-01', null, now(), 'u' || n, 'Xã Bình ' || n, 'commune', 'commune', 'd' || n % 13,
    'd' || n % 13, 'u' || n, '2023', 'r' || n % 7, null from generate_series(1, 300) n
  union all select 'v' || n, '2020-02-01', null, now(), '', 'Thôn ' || n, 'hamlet', 'village', 'u' || 1 + n % 300,
    'd' || n % 13, 'u' || 1 + n % 300, '', 'r' || n % 7, null from generate_series(1, 3000) n;
insert into reform (reform_id, effective_on, legal_basis, changes, heirs, recorded_at)
  select 'r' || n, '2025-07-01', '{"number": "1", "title": "T", "issued_on": "2025-06-01", "issuer": "I"}', '[]', '[]',
    now() from generate_series(0, 40) n;
insert into lineage select 'r' || n % 40, 'v' || n, 'v' || n + 1, 'whole', 'renamed', date '2025-07-01' + n % 40
  from generate_series(1, 2999) n;
insert into organisation (organisation_id, name, sector) select 'o' || n, 'Hội ' || n, 'press'
  from generate_series(1, 500) n;
insert into organisation_version (organisation_id, valid_from, name, sector) select 'o' || n, '2023-01-01', 'Hội ' || n,
  'press' from generate_series(1, 500) n;
insert into team (team_id, name, level, unit_id, district_id, commune_id, decision_number, decision_date, formed_on)
  select 't' || n, 'Tổ ' || n, 'commune', 'u' || 1 + n % 300, 'd' || n % 13, 'u' || 1 + n % 300, '1', '2023-07-01',
    '2023-07-01' from generate_series(1, 4000) n;
insert into team_name (team_id, valid_from, name, known_from) select team_id, formed_on, name, now() from team;
insert into team_place (team_id, valid_from, valid_to, unit_id, level, district_id, commune_id, reason, known_from)
  select team_id, formed_on, '2025-07-01'::date, unit_id, level, district_id, commune_id, 'founding', now() from team
  union all select team_id, '2025-07-01', null, unit_id, level, null, commune_id, 'reform', now() from team;
insert into reform_move select 'r' || n % 40, n, 't' || n, '{}', '{}' from generate_series(1, 4000) n where n % 40 > 5;
insert into person select 'm' || n, 'o' || 1 + n % 500 from generate_series(1, 24000) n;
insert into membership (member_id, team_id, joined_on, organisation_id)
  select 'm' || n, 't' || 1 + n % 4000, date '2023-07-02' + n % 60, 'o' || 1 + n % 500 from generate_series(1, 24000) n;
insert into membership_role (member_id, team_id, joined_on, role, valid_from, known_from)
  select member_id, team_id, joined_on, case when right(member_id, 1) = '7' then 'leader' else 'member' end, joined_on,
    now() from membership;
insert into vault_person (member_id, full_name)
  select 'm' || n, (array['Nguyễn','Trần','Lê','Phạm','Võ'])[1 + n % 5] || ' ' || (array['Văn','Thị','Minh'])[1 + n % 3]
    || ' ' || chr(65 + n % 23) || substr(md5(n::text), 1, 2) from generate_series(1, 24000) n;
insert into team_name (team_id, valid_from, name, known_from)
  select 't' || 40 * n, '2024-01-01', 'Tổ ' || n || ' Đức Lân', now() from generate_series(1, 100) n;
insert into vault_erased select 'x' || n, now() from generate_series(1, 5000) n;
insert into vault_access (at, subject, roles, member_id, action, fields, why, trace)
  select timestamptz '2025-01-01' + n * interval '1 minute', 's' || n % 200, '{}', 'm' || 1 + n % 24000, 'read', '{}',
    'search', '' from generate_series(1, 60000) n;
insert into subject_request (request_id, member_id, kind, received_at, due_at, answered_at)
  select 'q' || n, 'm' || n, 'access', now(), now() + n * interval '1 minute', case when n % 50 > 0 then now() end
  from generate_series(1, 5000) n;
insert into contact select 'c' || n, 'u' || 1 + n % 300, null, null, '2023-07-01' from generate_series(1, 900) n;
insert into vault_import (import_id, kind, state, size, digest, subject, roles, units, created_at, touched_at)
  select 'i' || n, 'members', 'checked', 1, 'd', 's' || n % 200, '{}', '{}', now(), now()
  from generate_series(1, 2000) n;
insert into vault_import_row select 'i' || 1 + n % 50, n, '{}', '{}', 'new' from generate_series(1, 40000) n;
analyze;
"""


def asked(text: str, among: list[str] | None = None, *, alike: bool = False, shortened: bool = False) -> search.Asked:
    wanted = query(text)
    assert wanted
    return search.Asked(wanted, DAY, among, Floor(0, b"", ""), 21, alike, shortened)


A_REFORM = reforms.Reform(
    "r7", DAY, "e7", None, LegalBasis(number="7", title="T", issued_on=DAY, issuer="I"), (), (), END
)
OF_ONE = accesses.Wanted("m7", None, None, None, None, None)
BY_ONE = accesses.Wanted(None, "s7", None, None, None, None)
SOME_DAYS = accesses.Wanted(None, None, None, None, datetime(2025, 2, 1, tzinfo=UTC), datetime(2025, 2, 2, tzinfo=UTC))
OPEN = requests.Wanted(None, False, None, None, DAY)

READS: dict[ModuleType, list[Read]] = {
    units: [
        read("unit", unit_id="u7"),
        read("on_day", unit_id="u7", day=DAY),
        read("on_day", unit_id="u7", day=DAY, known=END),
        read("many_on_day", unit_ids=["u7", "u8"], day=DAY),
        read("map_of_day", day=DAY, root="u7"),
        read("map_of_day", MAP, day=DAY, root="51"),
        read("list_on_day", day=DAY, level="village", within="u7", after="", limit=200),
        read("choose", choice=units.Choice(DAY, within="u7"), after="", limit=200),
        read("choose", choice=units.Choice(DAY, END, within="u7"), after="", limit=200),
        read("choose", choice=units.Choice(DAY, within="u7", by_name=True), after="v6", limit=200),
        read("count_chosen", choice=units.Choice(DAY, within="u7")),
        read("children", unit_id="u7", day=DAY),
        read("ever_below", unit_id="u7", day=DAY),
        read("roots", unit_ids=["v7"], day=DAY),
        read("has_communes", unit_id="d7", day=DAY),
        read("states", unit_id="u7"),
        read("history", unit_id="u7"),
        read("resolve", code="u7", name_key=None, day=DAY),
        read("held", code=None, name_key="xa binh 7"),
        read("editions", {"unit_version": "all of it, when an edition is loaded"}),
    ],
    levels: [read("all_levels"), read("lying_below", states=[STATE], unit_id="d7")],
    lineage: [
        read("dependents", state=STATE),
        read("successors", unit_id="v7", day=DAY),
        read("predecessors", unit_id="v7", day=date(2025, 7, 1)),
    ],
    reforms: [
        read("reform", reform_id="r7"),
        read("reforms", after="", limit=20),
        read("count_reforms"),
        read("last_edition"),
        read("transitions", reform_id="r7"),
        read("heirs_of", unit_id="u7", day=DAY),
        read("moves", reform_id="none"),
        read("known_units", unit_ids=["u7"]),
        read("newer_units", unit_ids=["u7"], day=DAY),
        read("teams_since", unit_ids=["u7"], day=DAY),
        read("team_names", team_ids=A_TEAM),
        read("count_members", team_ids=A_TEAM, day=DAY),
    ],
    reform_links: [
        read("behind", found=[Newer("u7", "", DAY)]),
        read("some", reform_ids=["r7"]),
        read("later", reform=A_REFORM),
        read("again", reform=A_REFORM),
    ],
    reversals: [
        read("villages_since", unit_ids=["u7"], day=DAY),
        read("former_parents", village_ids=["u7"]),
        read("below", unit_ids=["u7"], day=DAY),
    ],
    teams: [
        read("team", team_id="t7"),
        read("history", team_id="t7"),
        read("lock_histories", team_ids=A_TEAM),
        read("histories", team_ids=A_COMMUNES),
        read("place", team_id="t7", day=DAY),
        read("places", team_id="t7"),
        read("voided", team_id="t7"),
        read("teams_at", unit_ids=["u7"], day=DAY),
    ],
    team_lists: [
        read("list_on_day", choice=Choice(DAY, scope=COMMUNE), limit=200),
        read("list_on_day", A_THIRTEENTH, choice=Choice(DAY, scope=DISTRICT), after="t2", limit=200),
        *(read("list_on_day", choice=Choice(DAY, scope=COMMUNE, order=o), after="t2", limit=50) for o in Order),
        read("list_on_day", choice=Choice(DAY, order=Order.NAME), limit=50),
        read("list_on_day", choice=Choice(DAY, order=Order.NAME), after="t2", limit=50),
        read("list_on_day", choice=Choice(DAY, order=Order.NAME), before="t2", limit=50),
        read("list_on_day", ALL_TEAMS, choice=Choice(DAY, order=Order.NAME, words="to 77"), limit=50),
        read("list_on_day", {**ALL_TEAMS, **MAP}, choice=Choice(DAY, order=Order.UNIT), after="t2", limit=50),
        read("list_on_day", ALL_TEAMS, choice=Choice(DAY, order=Order.FORMED), after="t2", limit=50),
        read("list_on_day", ALL_TEAMS, choice=Choice(DAY, order=Order.MEMBERS), after="t2", limit=50),
        read("count_on_day", choice=Choice(DAY, scope=COMMUNE)),
        read("count_on_day", choice=Choice(DAY, scope=COMMUNE, words="to 77", leaderless=True)),
        read("count_on_day", ALL_TEAMS, choice=Choice(DAY)),
        read("count_on_day", {**ALL_TEAMS, **EVERYBODY, **LEADERS}, choice=Choice(DAY, leaderless=True)),
        read("staff", day=DAY, team_ids=A_COMMUNES),
    ],
    memberships: [
        read("memberships", team_ids=A_TEAM),
        read("memberships_of", member_ids=["m7", "m8"]),
        read("members_on", team_id="t7", day=DAY),
        read("people", member_ids=["m7", "m8"]),
    ],
    members: [
        read("count", choice=FEW),
        read("count", EVERYBODY, choice=ALL),
        read("one", choice=ALL, member_id="m7", team_id="t8", joined_on=date(2023, 7, 9)),
        read("by_name", choice=FEW, after=None, limit=100),
        read("by_name", choice=ALL, after=None, limit=100),
        read("by_name", choice=ALL, after=PLACE, limit=100),
        read("by_name", LEADERS, choice=ALL._replace(role="leader"), after=None, limit=100),
        read("by_name", choice=ALL._replace(organisation_id="o7"), after=None, limit=10),
        read("by_team", choice=FEW, after=None, limit=100),
        read("by_team", choice=ALL, after=PLACE, limit=100),
        read("by_day", choice=FEW, after=None, limit=100),
        read("by_day", choice=ALL, after=PLACE, limit=100),
        read("prepare"),
    ],
    search: [
        read("prepare"),
        read("units", MAP, asked=asked("Xã Bình 7")),
        read("units", MAP, asked=asked("binhh 77", alike=True)),
        read("organisations", asked=asked("hoi 7")),
        read("team_ids", ALL_TEAMS, day=DAY, units=COMMUNE, own=None, within=None),
    ],
    search_names: [
        read("teams", asked=asked("to 77")),
        read("teams", asked=asked("to")),
        read("teams", asked=asked("tto", alike=True)),
        read("teams", asked=asked("tto 77", A_COMMUNES, alike=True)),
        read("teams", asked=asked("too zzz", shortened=True)),
        read("members", asked=asked("Nguyễn Văn A1b")),
        read("members", asked=asked("nguyen")),
        read("members", asked=asked("c4c")),
        read("members", asked=asked("ngyen van a1b", alike=True)),
        read("members", asked=asked("ngyen vann", alike=True)),
        read("members", asked=asked("nguyen zzzz", shortened=True)),
        read("members", asked=asked("nguyen", A_COMMUNES)),
        read("members", asked=asked("nguyen", A_DISTRICTS)),
        read("members", asked=asked("ngyen vann", A_DISTRICTS, alike=True)),
    ],
    vocabulary: [
        read("readings", kind=Kind.TEAM, typed=["tto", "cong"]),
        read("readings", kind=Kind.MEMBER, typed=["ngyen", "a"]),
    ],
    organisations: [
        read("organisation", organisation_id="o7"),
        read("tree"),
        read("states", organisation_id="o7"),
        read("on_day", organisation_id="o7", day=DAY),
        read("list_on_day", day=DAY, within=None, after="", limit=200),
        read("sum_on_day", day=DAY, within="o7"),
        read("headcounts", organisation_id="o7"),
        read("predecessors", organisation_id="o7"),
    ],
    vault: [
        read("read_and_note", access=vault.Access(NOW, "s", [], "search", ""), member_ids=["m7"], withdrawn_too=False),
        read("lock", member_ids=["m7"]),
        read("is_held", member_id="m7"),
        read("erased", member_ids=["m7"]),
        read("places", member_id="m7", day=DAY),
    ],
    accesses: [
        *(read("accesses", wanted=w, before=10**9, limit=100) for w in (OF_ONE, BY_ONE, SOME_DAYS)),
        *(read("count_accesses", wanted=w) for w in (OF_ONE, BY_ONE, SOME_DAYS)),
    ],
    contacts: [
        read("contact", contact_id="c7"),
        read("contacts", whose=contacts.Whose("unit_id", "u7"), day=DAY),
    ],
    requests: [
        read("request", request_id="q7"),
        read("requests", wanted=OPEN, after=(datetime(2020, 1, 1, tzinfo=UTC), ""), limit=20),
        read("count_requests", wanted=OPEN._replace(member_id="m7")),
    ],
    imports: [
        read("secret"),
        read("find", import_id="i7"),
        read("uploads_of", subject="s7", limit=20),
        read("lock_upload", import_id="i7"),
        read("lines", import_id="i7"),
        read("rows", import_id="i7", outcome=None, after=0, limit=100),
        read("count_rows", import_id="i7", outcome="new"),
        read("all_states", MAP),
        read("team_ids", ALL_TEAMS),
        read("headcounts"),
    ],
    pages: [
        read("map_days", MAP, root="51"),
        read("first_team_day"),
        read("reforms_of_day", day=DAY),
        read("lineage", unit_id="v7"),
        read("reform_titles", reform_ids=["r7"]),
        read("strength", {**ALL_TEAMS, **EVERYBODY}, day=DAY),
        read("standing", {**ALL_TEAMS, **EVERYBODY, **LEADERS}, day=DAY, within=None),
        read("standing", day=DAY, within=COMMUNE),
        read("organisation_names", organisation_ids=["o7"]),
        read("unit_names", unit_ids=["u7"]),
        read("name_of_contacted", contact_id="c7"),
    ],
}


@pytest.fixture(scope="module")
async def filled(postgres: Postgres) -> AsyncIterator[Conn]:
    """A database with twice the merged province."""
    from tests.support.servers import Databases

    databases = Databases(postgres)
    conn = await asyncpg.connect(await databases.create(*REGISTRY.folders))
    await conn.execute(FILL)
    yield conn
    await conn.close()
    await databases.drop()


@pytest.mark.parametrize("module", READS, ids=lambda m: m.__name__.rpartition(".")[2])
async def test_each_query_finds_its_rows_by_an_index(module: ModuleType, filled: asyncpg.Connection) -> None:
    for call in READS[module]:
        transaction = filled.transaction()
        await transaction.start()
        if module is search_names:
            await search.prepare(filled)  # as its callers do; it looks for the first of what nearly all names fit
        found = await scanned(filled, getattr(module, call.name), **call.arguments) if call.name != "prepare" else set()
        await transaction.rollback()
        assert found - SMALL.keys() <= call.scans.keys(), (call.name, call.arguments)


@pytest.mark.parametrize("place", [{}, {"after": "t2"}, {"before": "t2"}], ids=["first", "after", "before"])
async def test_the_teams_of_the_province_come_in_the_order_of_an_index(
    place: dict[str, str], filled: asyncpg.Connection
) -> None:
    named = Choice(DAY, order=Order.NAME)
    found = await explained(filled, team_lists.list_on_day, choice=named, limit=50, **place)
    assert ("team_name_sort" in found.indexes, found.sorts, found.scanned) == (True, False, set())
    formed = await explained(filled, team_lists.list_on_day, choice=named._replace(order=Order.FORMED), limit=50)
    assert formed.sorts, "what is sorted is seen"


def test_no_reading_function_and_no_module_is_forgotten() -> None:
    modules = {importlib.import_module(f"{store.__name__}.{m.name}") for m in pkgutil.iter_modules(store.__path__)}
    assert modules == READS.keys()
    for module, reads in READS.items():
        functions = {
            name
            for name, found in vars(module).items()
            if inspect.iscoroutinefunction(found)
            and found.__module__ == module.__name__
            and not name.startswith((*WRITES, "_"))
            and name not in LOCKS
        }
        assert {call.name for call in reads} == functions, module.__name__


async def test_a_missing_index_is_seen(database: Callable[..., Awaitable[str]]) -> None:
    conn = await asyncpg.connect(await database(*REGISTRY.folders))
    try:
        await conn.execute(FILL)
        await conn.execute("drop index vault_person_words; drop index vault_person_sort; drop index vault_person_name")
        assert await scanned(conn, search_names.members, asked=asked("Nguyễn Văn A1b")) == {"vault_person"}
    finally:
        await conn.close()
