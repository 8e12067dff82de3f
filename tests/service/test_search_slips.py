"""The search with slips where nearly every name has the words, and where a slip makes another word."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date
from typing import Any

import asyncpg
import pytest

from services.registry.app import SPEC as REGISTRY
from services.registry.ranking import EXACT, Floor, Found, query
from services.registry.store import search, search_names
from services.registry.store.search import Asked
from shared.vietnamese import person_sort_key, sort_key
from tests.support.servers import Databases, Postgres

DAY = date(2024, 2, 1)
TEAMS, PEOPLE = 2_500, 6_000
FILL = f"""
insert into unit (unit_id) values ('u');
insert into team (team_id, name, level, unit_id, decision_number, decision_date, formed_on)
  select 't' || n, 'T', 'commune', 'u', '1', '2023-07-01', '2023-07-01' from generate_series(1, {TEAMS}) n;
insert into team_name (team_id, valid_from, name, known_from)
  select 't' || n, '2023-07-01', 'Tổ công nghệ số cộng đồng ' || n, now() from generate_series(1, {TEAMS}) n;
insert into team_name (team_id, valid_from, name, known_from) values ('t7', '2024-01-01', 'Tổ Đức Lân', now());
insert into person select 'm' || n from generate_series(1, {PEOPLE}) n;
insert into membership (member_id, team_id, joined_on)
  select 'm' || n, 't' || 1 + n % {TEAMS}, '2023-07-02' from generate_series(1, {PEOPLE}) n;
insert into vault_person (member_id, full_name)
  select 'm' || n, (array['Nguyễn Thị ', 'Nguyễn Văn ', 'Trần Thị '])[1 + n % 3]
    || (array['Hoa', 'Hảo', 'Lan', 'Mai', 'Nga'])[1 + n / 3 % 5]
  from generate_series(1, {PEOPLE} - 3) n
  union all values ('m5998', 'Trần Văn Dũng'), ('m5999', 'Quách Nghiêm'), ('m6000', 'H''Len Niê');
analyze;
"""


@pytest.fixture(scope="module")
async def conn(postgres: Postgres) -> AsyncIterator[Any]:
    databases = Databases(postgres)
    opened = await asyncpg.connect(await databases.create(*REGISTRY.folders))
    await opened.execute(FILL)
    transaction = opened.transaction()
    await transaction.start()
    await search.prepare(opened)
    yield opened
    await transaction.rollback()
    await opened.close()
    await databases.drop()


def asked(text: str, **other: Any) -> Asked:
    wanted = query(text)
    assert wanted
    return Asked(wanted, **{"day": DAY, "among": None, "behind": Floor(EXACT, b"", ""), "limit": 21, **other})


async def people(conn: Any, text: str, **other: Any) -> list[str]:
    found = await search_names.members(conn, asked(text, alike=True, **other))
    rows = await conn.fetch("select member_id, full_name from vault_person where member_id = any($1)", _ids(found))
    names = {row["member_id"]: row["full_name"] for row in rows}
    return [names[hit.id] for hit in found]


def _ids(found: list[Found]) -> list[str]:
    return [hit.id for hit in found]


@pytest.mark.parametrize("typed", ["cong nge so", "to cogn nghe so", "công ngheej số", "tổ công nghệ ssố"])
async def test_a_slip_in_words_that_every_team_has_finds_them_in_order(conn: Any, typed: str) -> None:
    found = await search_names.teams(conn, asked(typed, alike=True))
    every = sorted((f"Tổ công nghệ số cộng đồng {n}" for n in range(1, TEAMS + 1) if n != 7), key=sort_key)
    assert [hit.name for hit in found][:20] == every[:20]
    assert {hit.match for hit in found} == {"alike"}


async def test_a_number_is_meant_as_it_is_typed(conn: Any) -> None:
    found = await search_names.teams(conn, asked("cong nge so 2499", alike=True))
    assert [hit.name for hit in found] == ["Tổ công nghệ số cộng đồng 2499"]


async def test_a_slip_finds_a_team_by_its_past_name(conn: Any) -> None:
    found = await search_names.teams(conn, asked("cong nge so cong dong 7", alike=True, limit=2_000))
    [hit] = [hit for hit in found if hit.id == "t7"]
    assert (hit.id, hit.name, hit.formerly) == ("t7", "Tổ Đức Lân", "Tổ công nghệ số cộng đồng 7")
    [hit] = await search_names.teams(conn, asked("to ducs lan", alike=True))
    assert (hit.id, hit.name, hit.formerly) == ("t7", "Tổ Đức Lân", None)


async def test_slips_in_the_commonest_words_of_people(conn: Any) -> None:
    found = await people(conn, "nguyenn thij hoa")
    assert set(found) == {"Nguyễn Thị Hoa"}
    found = await people(conn, "nguyenn thij")
    assert set(found) == {"Nguyễn Thị Hảo"}
    assert found == sorted(found, key=person_sort_key)


async def test_a_word_that_exists_but_was_meant_otherwise(conn: Any) -> None:
    """«Lan» and «Dũng» are names, and no Trần Văn Dungx is there; one slip leads from each to somebody."""
    assert await search_names.members(conn, asked("tran van lan")) == []
    assert "Trần Văn Dũng" in await people(conn, "tran van dugn")
    assert await search_names.members(conn, asked("quach nghiem hoa")) == []
    assert (await people(conn, "tran vang dung"))[0] == "Trần Văn Dũng"
    assert set(await people(conn, "tran thi hoaa", limit=100)) == {"Trần Thị Hoa"}


async def test_a_known_word_is_corrected_where_nobody_has_it_with_the_others(conn: Any) -> None:
    assert await search_names.members(conn, asked("quach nghem")) == []
    assert await people(conn, "quach nghem") == ["Quách Nghiêm"]
    assert (await people(conn, "nguyen van nag"))[0] == "Nguyễn Văn Nga"


@pytest.mark.parametrize("typed", ["qauch nghim", "quachh ngghiemm", "qach nhgiem"])
async def test_two_slips(conn: Any, typed: str) -> None:
    assert await people(conn, typed) == ["Quách Nghiêm"]


async def test_a_word_that_nobody_has_is_left_out_last(conn: Any) -> None:
    assert await people(conn, "quach zzzz nghiem") == []
    found = await search_names.members(conn, asked("quach zzzz nghiem", shortened=True))
    assert _ids(found) == ["m5999"]
    assert found[0].rank > (await search_names.members(conn, asked("qauch nghiem", alike=True)))[0].rank
    assert await search_names.members(conn, asked("zzzz wwww", shortened=True)) == []


async def test_who_came_on_a_page_before_with_a_slip_comes_no_more(conn: Any) -> None:
    found = await search_names.members(conn, asked("qauch nghiem", alike=True))
    later = Floor(found[-1].rank, found[-1].sort_key, found[-1].id)
    assert await search_names.members(conn, asked("qauch nghiem", alike=True, behind=later)) == []
    assert await search_names.members(conn, asked("qauch nghiem", shortened=True, behind=later)) == []


@pytest.mark.parametrize(
    ("typed", "how"),
    [
        ("nguyenn thij", {"alike": True}),
        ("tran thi hao", {"alike": True}),
        ("nguyen zzzzz", {"shortened": True}),
        ("nguyen", {}),
    ],
)
async def test_pages_give_each_hit_once_and_in_order(conn: Any, typed: str, how: dict[str, bool]) -> None:
    whole = await search_names.members(conn, asked(typed, **how, limit=6_000))
    assert [h.place for h in whole] == sorted({h.place for h in whole})
    assert len({h.id for h in whole}) == len(whole) >= 400
    behind, limit = Floor(EXACT, b"", ""), len(whole) // 10
    for start in range(0, len(whole), limit):
        some = await search_names.members(conn, asked(typed, **how, limit=limit, behind=behind))
        assert some == whole[start : start + limit]
        behind = Floor(some[-1].rank, some[-1].sort_key, some[-1].id)
    only = whole[317]
    assert await search_names.members(conn, asked(typed, **how, only=only.id)) == [only]


@pytest.mark.parametrize("teams", [3, 300])
async def test_only_people_of_the_teams_that_one_may_see(conn: Any, teams: int) -> None:
    among = [f"t{n}" for n in range(1, teams + 1)]
    whole = await search_names.members(conn, asked("nguyenn thij", alike=True, among=among, limit=5_000))
    own = await conn.fetch(
        "select m.member_id from membership m join vault_person p using (member_id) where team_id = any($1)"
        " and p.words like ' nguyen thi %'",
        among,
    )
    assert {hit.id for hit in whole} == {row["member_id"] for row in own}
    assert len(whole) >= teams // 3
    for text in ("nguyen", "nguyen thi hoa", "hoa"):
        found = await search_names.members(conn, asked(text, among=among, limit=5_000))
        assert {hit.id for hit in found} <= {
            r["member_id"] for r in await conn.fetch("select member_id from membership where team_id = any($1)", among)
        }
        assert len(found) >= teams // 6
