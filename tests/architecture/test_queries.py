"""Every query that a page, a phone or an API list runs finds its rows by an index, on tables of a campaign's size.

The lists below name each reading function of each store with the arguments of its callers; one that is missing fails.
Registry's are in test_queries_registry.py.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime
from types import ModuleType
from typing import Any, NamedTuple

import asyncpg
import pytest

from services.courses import store as courses
from services.courses.app import SPEC as COURSES
from services.outreach import store as outreach
from services.outreach.app import SPEC as OUTREACH
from services.reporting import store as reporting
from services.reporting.app import SPEC as REPORTING
from services.reporting.maps import Spots
from services.reporting.projections.progress_rows import CampaignRow
from services.reporting.store import MembersChosen, Whose
from shared import event_log
from shared.projection import store as projections
from shared.service import Spec
from tests.support.explain import Read, read, scanned

WRITES = ("save_", "mark_", "note_", "end_")
SMALL = {
    "unit": "some hundreds", "unit_version": "2,000 with the villages", "roster_unit": "as many",
    "known_unit": "as many",
    "roster_heir": "some hundreds a reform", "reform": "a handful in a decade", "lineage": "some hundreds a reform",
    "headcount": "some of each organisation", "edition": "a handful in a decade",
    "organisation": "some hundreds", "known_organisation": "some hundreds",
    "campaign": "a handful in a decade", "campaign_topic": "some tens", "topic_total": "some tens",
    "course": "some tens",
    "organisation_result": "some hundreds of a course",
    "projection": "one of each", "checkpoint": "one of each and stream", "follow_health": "one of each stream",
    "parked": "a hundred at most, then the projection stops",
}  # fmt: skip
"""Tables that may be read from end to end, and how large they become."""
WHOLE_PROVINCE = {
    "team": "1,700 teams", "team_place": "1,700 teams", "team_total": "as many of a campaign",
    "membership": "12,000 members", "member_progress": "as many of a campaign",
}  # fmt: skip
"""What an answer about everyone counts from end to end, on purpose: members against the quota depend on the window."""


class Store(NamedTuple):
    """A service's statements, its size in a campaign, and how they are called."""

    spec: Spec
    module: ModuleType
    fill: str
    reads: list[Read]


OF = CampaignRow("c2", "C", date(2023, 7, 28), "ceremony_day", 7, date(2023, 7, 28), date(2023, 8, 3), 7,
                 date(2023, 8, 15), 13)  # fmt: skip
END = datetime(2200, 1, 1, tzinfo=UTC)
MIDDLE = datetime(2023, 7, 30, tzinfo=UTC)
DISTRICTS = [f"d{n}" for n in range(13)]
DAY = date(2023, 8, 3)
COMMUNES = [f"u{n}" for n in range(1, 174)]
SPOTS = Spots(DAY, COMMUNES, [f"d{n % 13}" for n in range(1, 174)], [], [])
A_COMMUNES = [f"t{n}" for n in range(6, 8000, 173)]
A_DISTRICTS = [f"t{n}" for n in range(1, 8001) if (1 + n % 173) % 13 == 7]
A_THIRTEENTH = {"member_progress": "a district is a thirteenth of the province"}

STORES = {
    "outreach": Store(
        OUTREACH,
        outreach,
        """
        insert into campaign select 'c' || n, 'C', '2023-07-28', 'ceremony_day', 7, '2023-07-28', '2023-08-03', 7,
          '{t}', '2023-08-15', '{533}' from generate_series(1, 3) n;
        insert into guidance select 'g' || n, 'd', 'c1', 'm' || n % 12000, 't', 'r' || n, '{t}', 'home', 'u', 'd', 'u',
          timestamptz '2023-07-28' + n * interval '1 second', now() from generate_series(1, 60000) n;
        insert into model.roster_spell select 'm' || n, 't' || 1 + n % 8000, '2023-07-02', null, 'member', null
          from generate_series(1, 40000) n;
        insert into model.roster_team_place select 't' || n, '2023-07-01', null, 'u' || 1 + n % 187, 'commune', null,
          null from generate_series(1, 8000) n;
        insert into model.roster_unit select 'u' || n, '2020-02-01', null, false, 'u', 'U', 'commune', 'commune', null,
          'd', 'u' from generate_series(1, 2000) n;
        insert into model.roster_heir select 'u' || n, '2025-07-01', 'h', false from generate_series(1, 187) n;
        """,
        [
            read("campaigns"),
            read("campaign", campaign_id="c1"),
            read("units_on", wanted=["u1", "u2"], day=date(2023, 7, 28)),
            read("members", wanted=["m7"]),
            read("members", {"roster_team_place": "a full batch has a tenth of all teams"},
                 wanted=[f"m{n}" for n in range(500)]),
            read("team_path", team_id="t7"),
            read("heirs"),
            read("digests", wanted=[f"g{n}" for n in range(500)]),
            read("lock_guidance", guidance_id="g7"),
            read("guidances_of", member_id="m7", after=(END, ""), limit=50),
            read("guidances_of", member_id="m7", after=(MIDDLE, "g7"), limit=50),
            read("count_guidances_of", member_id="m7"),
        ],
    ),
    "courses": Store(
        COURSES,
        courses,
        """
        insert into course select 'c' || n, 'C', 10, 6, null, '2023-07-28', null, now() from generate_series(1, 20) n;
        insert into lesson select 'c' || 1 + n % 20, n, 'L', 'L' from generate_series(1, 10000) n;
        insert into question select 'c' || 1 + n % 20, n, 'q' || n, 'Q', '{a,b}', '{A,B}', '{a}'
          from generate_series(1, 10000) n;
        insert into enrolment select 'c' || 1 + n % 20, 'l' || n, null, null, null, null, now(), 0, null
          from generate_series(1, 30000) n;
        insert into attempt select 'a' || n, 'c' || 1 + n % 20, 'l' || n, 1, 6, 10, true, '{}', '{}', now()
          from generate_series(1, 30000) n;
        """,
        [
            read("course", course_id="c7"),
            read("courses", after="", limit=200),
            read("count_courses"),
            read("lessons", course_id="c7"),
            read("questions", course_id="c7"),
            read("enrolment", course_id="c8", learner_id="l7"),
            read("lock_enrolment", course_id="c8", learner_id="l7"),
            read("attempts", course_id="c8", learner_id="l7"),
            read("known_unit", unit_id="u7"),
            read("known_organisation", organisation_id="o7"),
        ],
    ),
    "reporting": Store(
        REPORTING,
        reporting,
        """
        insert into model.unit_version select 'd' || n, '2020-02-01', null, false, 'd', 'D', 'district', 'district',
          '51', 'd' || n, null from generate_series(0, 12) n;
        insert into model.unit_version select 'u' || n, '2020-02-01', null, false, 'u', 'U', 'commune', 'commune',
          'd' || n % 13, 'd' || n % 13, 'u' || n from generate_series(1, 2000) n;
        insert into model.organisation select 'o' || n, 'O', 'press', null, null, null, null
          from generate_series(1, 500) n;
        insert into model.organisation_state select 'o' || n, date '2020-01-01' + 200 * s, 'O', 'press', null
          from generate_series(1, 500) n, generate_series(1, 3) s;
        insert into model.headcount select 'o' || n, '2023-07-01', 9 from generate_series(1, 500) n;
        insert into model.campaign select 'c' || n, 'C', '2023-07-28', 'ceremony_day', 7, '2023-07-28', '2023-08-03', 7,
          '2023-08-15', 13 from generate_series(1, 3) n;
        insert into model.team select 't' || n, 'T', '2023-07-01', null, null from generate_series(1, 8000) n;
        insert into model.team_place select 't' || n, '2023-07-01', null, 'u' || 1 + n % 173, 'commune', null, null
          from generate_series(1, 8000) n;
        insert into model.team_total select 'c' || c, 't' || n, 'u' || 1 + n % 173, 'd', 9, 9, 9, 9, 0, 0
          from generate_series(1, 8000) n, generate_series(1, 3) c;
        insert into model.membership select 'm' || n, 't' || 1 + n % 8000, '2023-07-02', null, 'member', null
          from generate_series(1, 30000) n;
        insert into model.member_progress select 'c' || c, 'm' || n, 3, 3, 3, 3, 0, now()
          from generate_series(1, 30000) n, generate_series(1, 3) c;
        insert into model.citizen select 'c' || c, 'r' || n, '[]'
          from generate_series(1, 30000) n, generate_series(1, 3) c;
        insert into model.unit_day select 'c' || c, 'u' || u, date '2023-07-28' + d, date '2023-07-28' + d + r,
          'd' || u % 13, 1, 0 from generate_series(1, 173) u, generate_series(1, 3) c, generate_series(0, 13) d,
          generate_series(0, 9) r;
        insert into model.organisation_result select 'k' || c, 'o' || n, 1, 1, 1
          from generate_series(1, 500) n, generate_series(1, 5) c;
        insert into model.learner select 'k1', 'l' || n, null, null, 1, 1, null from generate_series(1, 30000) n;
        """,
        [
            read("campaign", campaign_id=None),
            read("campaign", campaign_id="c2"),
            read("topics", campaign_id="c2"),
            read("unit_name", unit_id="u7"),
            read("is_team", team_id="t7"),
            read("state", stream="registry"),
            read("units_on", day=DAY),
            read("versions"),
            read("editions"),
            read("lineage"),
            read("strays", {"team_place": "all are looked at, once for a map"}, day=DAY, unit_ids=COMMUNES),
            read("teams_at", day=DAY, unit_ids=["u7"]),
            read("teams_at", day=DAY, unit_ids=[f"u{n}" for n in range(1, 14)]),
            read("totals", campaign_id="c2"),
            read("province_counts", WHOLE_PROVINCE, of=OF),
            read("counts_by_key", WHOLE_PROVINCE, of=OF, spots=SPOTS),
            read("recorded_totals", campaign_id="c2"),
            read("are_recorded", WHOLE_PROVINCE, campaign_id="c2", own=SPOTS),
            read("sessions_by_key", WHOLE_PROVINCE, campaign_id="c2", spots=SPOTS),
            read("citizens_by_key", {"citizen": "every citizen of the campaign counts", **WHOLE_PROVINCE},
                 campaign_id="c2", spots=SPOTS),
            read("days", campaign_id="c2", by="occurred", unit_id="u7"),
            read("days", campaign_id="c2", by="received", unit_id="d7"),
            read("days", {"unit_day": "every day of every unit of the campaign counts"}, campaign_id="c2",
                 by="occurred", unit_id=None),
            read("organisations", day=DAY),
            read("course_totals"),
            read("teams", of=OF, whose=Whose(["t7"]), day=DAY, page=(0, 100)),
            read("teams", of=OF, whose=Whose(A_COMMUNES), day=DAY, page=(0, 100)),
            read("teams", A_THIRTEENTH, of=OF, whose=Whose(A_DISTRICTS), day=DAY, page=(0, 100)),
            read("teams", WHOLE_PROVINCE, of=OF, whose=Whose(), day=DAY, page=(0, 100)),
            read("count_teams", of=OF, whose=Whose(A_COMMUNES)),
            read("count_teams", WHOLE_PROVINCE, of=OF, whose=Whose()),
            read("members", of=OF, chosen=MembersChosen(Whose(member_ids=["m7"]), False), day=DAY, page=(0, 100)),
            read("members", of=OF, chosen=MembersChosen(Whose(["t7"]), True), day=DAY, page=(0, 100)),
            read("members", of=OF, chosen=MembersChosen(Whose(A_COMMUNES), True), day=DAY, page=(0, 100)),
            read("members", A_THIRTEENTH, of=OF, chosen=MembersChosen(Whose(A_DISTRICTS), False), day=DAY,
                 page=(0, 100)),
            read("members", WHOLE_PROVINCE, of=OF, chosen=MembersChosen(Whose(), True), day=DAY, page=(0, 100)),
            read("count_members", of=OF, chosen=MembersChosen(Whose(A_COMMUNES), False)),
            read("count_members", WHOLE_PROVINCE, of=OF, chosen=MembersChosen(Whose(), False)),
        ],
    ),
}  # fmt: skip
LOG = """
insert into log select n, n, 'e' || n, 't', 's', 'k', now(), now(), '', '{}', now() from generate_series(1, 50000) n;
insert into stage (event_id, type, subject, key, occurred_at, recorded_at, payload)
  select 'e' || n, 't', 's', 'k', now(), now(), '{}' from generate_series(1, 5000) n;
"""


async def scans(
    conn: asyncpg.Connection[asyncpg.Record], call: Callable[..., Awaitable[Any]], **asked: Any
) -> set[str]:
    """The large tables that a call reads from end to end."""
    return await scanned(conn, call, **asked) - SMALL.keys()


@pytest.mark.parametrize("name", STORES)
async def test_each_query_finds_its_rows_by_an_index(name: str, database: Callable[..., Awaitable[str]]) -> None:
    store = STORES[name]
    conn = await asyncpg.connect(await database(*store.spec.folders))
    try:
        await conn.execute(store.fill + "analyze;")
        for call in store.reads:
            found = await scans(conn, getattr(store.module, call.name), **call.arguments)
            assert found <= call.scans.keys(), (call.name, call.arguments)
    finally:
        await conn.close()


@pytest.mark.parametrize("name", STORES)
def test_no_reading_function_is_forgotten(name: str) -> None:
    module = STORES[name].module
    functions = {n for n, f in vars(module).items() if inspect.iscoroutinefunction(f) and not n.startswith(WRITES)}
    assert {call.name for call in STORES[name].reads} == functions


async def test_the_log_and_the_positions_are_found_by_an_index(database: Callable[..., Awaitable[str]]) -> None:
    conn = await asyncpg.connect(await database(*OUTREACH.folders))
    try:
        await conn.execute(LOG + "analyze;")
        assert await scans(conn, event_log.read, after=40_000, limit=1000) == set()
        assert await scans(conn, event_log.positions, stage_ids=[7, 8]) == set()
        assert await scans(conn, event_log.age_of, pos=40_000) == set()
        for call in (event_log.last_pos, event_log.oldest_staged_age, projections.live_positions, projections.health):
            assert await scans(conn, call) == set()
        assert await scans(conn, projections.count_parked) == set()
    finally:
        await conn.close()


async def test_a_missing_index_is_seen(database: Callable[..., Awaitable[str]]) -> None:
    conn = await asyncpg.connect(await database(*OUTREACH.folders))
    try:
        await conn.execute(STORES["outreach"].fill + "drop index guidance_member; analyze;")
        assert await scans(conn, outreach.count_guidances_of, member_id="m7") == {"guidance"}
    finally:
        await conn.close()
