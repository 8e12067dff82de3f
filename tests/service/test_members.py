"""Lists of people over HTTP: orders, pages, filters, days; names for those who look after them, each on record."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from services.registry.store import members
from shared.auth import Role
from shared.vietnamese import person_sort_key, sort_key
from tests.service.reforms import World, world
from tests.support.servers import Nats, Postgres
from tests.support.world import a_member, a_team, ok, refused

TOWN, DUC_NHUAN, LY_SON = "21400", "21403", "536"
TEAMS = {"to-b": (TOWN, "Tổ Bàu"), "to-a": (TOWN, "Tổ Âu"), "to-c": (LY_SON, "Tổ Cù Lao")}
PEOPLE = [
    ("p1", "to-b", "Nguyễn Văn An", "leader", "2023-07-03"), ("p2", "to-b", "Bùi Thị Ân", "member", "2023-07-05"),
    ("p3", "to-a", "Đỗ Ánh", "deputy", "2023-07-03"), ("p4", "to-a", "Trần Văn An", "member", "2023-07-04"),
    ("p5", "to-c", "Lê Đào", "leader", "2023-07-03"), ("p6", "to-c", "Lê Dao", "member", "2023-07-10"),
    ("p7", "to-c", "Phan Thị Lý", "member", "2023-07-03"),
]  # fmt: skip
DAY: dict[str, Any] = {"on": "2023-07-28"}


@pytest.fixture(scope="module")
async def here(postgres: Postgres, guarded_nats: Nats) -> AsyncIterator[World]:
    """Three teams; one person is on two of them, one is erased, one left in August 2023."""
    async with world(postgres, guarded_nats) as made:
        officer = made.officer
        await ok(officer.post("/registry/organisations", json=UNION), 201)
        for team_id, (unit_id, name) in TEAMS.items():
            await ok(officer.post("/registry/teams", json=a_team(unit_id, team_id=team_id, name=name)), 201)
        for member_id, team_id, name, role, day in PEOPLE:
            organisation = {"organisation_id": "doan"} if member_id in {"p1", "p6"} else {}
            body = a_member(member_id=member_id, full_name=name, role=role, joined_on=day, **organisation)
            await ok(officer.post(f"/registry/teams/{team_id}/members", json=body), 201)
        second = {"member_id": "p1", "joined_on": "2023-07-20"}
        await ok(officer.post("/registry/teams/to-c/members", json=second), 201)
        left = {"team_id": "to-a", "left_on": "2023-08-05", "reason": "new_duty"}
        await ok(officer.post("/registry/members/p4/leave", json=left))
        async with made.running.services["registry"].pool.acquire() as conn:
            await conn.execute("delete from vault_person where member_id = 'p7'")
        yield made


UNION = {"organisation_id": "doan", "name": "Tỉnh đoàn", "sector": "youth_union", "headcount": 10}


async def pages(
    client: httpx.AsyncClient, limit: int = 500, path: str = "members", **asked: Any
) -> list[dict[str, Any]]:
    """Every item, page by page; the total said on each is theirs."""
    items: list[dict[str, Any]] = []
    more: dict[str, str] = {}
    while True:
        page = await ok(client.get(f"/registry/{path}", params={**asked, "limit": limit, **more}))
        items += page["items"]
        if not page["next"]:
            assert page["total"] == len(items)
            return items
        more = {"after": page["next"]}


def names(items: list[dict[str, Any]]) -> list[str | None]:
    return [item["full_name"] for item in items]


async def test_people_sort_by_given_name_and_the_nameless_stand_at_the_end(here: World) -> None:
    items = await pages(here.officer, **DAY)
    known = [name for name in names(items) if name]
    assert known == sorted(known, key=person_sort_key)
    assert known == [
        "Nguyễn Văn An", "Nguyễn Văn An", "Trần Văn An", "Đỗ Ánh", "Bùi Thị Ân", "Lê Dao", "Lê Đào",
    ]  # fmt: skip
    assert (names(items)[-1], items[-1]["member_id"]) == (None, "p7")


async def test_people_sort_by_the_name_of_the_team_then_by_theirs(here: World) -> None:
    items = await pages(here.officer, sort="team", **DAY)
    teams = [i["team_name"] for i in items]
    assert teams == sorted(teams, key=sort_key)
    assert [i["member_id"] for i in items] == ["p4", "p3", "p1", "p2", "p1", "p6", "p5", "p7"]


async def test_people_sort_by_the_day_they_joined_then_by_name(here: World) -> None:
    items = await pages(here.officer, sort="joined", **DAY)
    assert [i["member_id"] for i in items] == ["p1", "p3", "p5", "p7", "p4", "p2", "p6", "p1"]


@pytest.mark.parametrize("sort", ["name", "team", "joined"])
@pytest.mark.parametrize("limit", [1, 3])
@pytest.mark.parametrize("at_once", [1, 2, 5, 1000])
async def test_pages_give_each_place_once_and_in_order(
    here: World, sort: str, limit: int, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = await pages(here.officer, sort=sort, **DAY)
    monkeypatch.setattr(members, "_SORTED_AT_ONCE", at_once)  # days of any size, many of them or one
    monkeypatch.setattr(members, "_TEAMS_AT_ONCE", at_once)
    assert await pages(here.officer, limit, sort=sort, **DAY) == whole
    assert len(whole) == 8


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"role": "leader"}, "p1 p5"), ({"role": "deputy"}, "p3"), ({"organisation_id": "doan"}, "p1 p1 p6"),
        ({"team_id": "to-c"}, "p1 p6 p5 p7"), ({"within": "533"}, "p1 p4 p3 p2"), ({"within": LY_SON}, "p1 p6 p5 p7"),
        ({"within": "51", "role": "leader"}, "p1 p5"), ({"status": "left"}, ""), ({"team_id": "none"}, ""),
        ({"on": "2023-08-06", "status": "left"}, "p4"), ({"on": "2023-08-06", "team_id": "to-a"}, "p3"),
        ({"on": "2023-08-06", "team_id": "to-a", "status": "all"}, "p4 p3"), ({"on": "2023-07-02"}, ""),
        ({"on": "2023-07-04", "team_id": "to-b"}, "p1"),
    ],
)  # fmt: skip
async def test_the_list_may_be_narrowed(here: World, asked: dict[str, str], found: str) -> None:
    items = await pages(here.officer, **{**DAY, **asked})
    assert [i["member_id"] for i in items] == found.split()


async def test_a_role_is_that_of_the_day(here: World) -> None:
    changed = {"team_id": "to-a", "role": "leader", "effective_on": "2023-07-20"}
    await ok(here.officer.post("/registry/members/p3/role", json=changed))
    before, since = [await pages(here.officer, on=day, team_id="to-a") for day in ("2023-07-19", "2023-07-20")]
    assert [(i["member_id"], i["role"]) for i in before] == [("p4", "member"), ("p3", "deputy")]
    assert [(i["member_id"], i["role"]) for i in since] == [("p4", "member"), ("p3", "leader")]
    assert [i["member_id"] for i in await pages(here.officer, on="2023-07-20", role="deputy")] == []
    assert "p3" in [i["member_id"] for i in await pages(here.officer, on="2023-07-20", role="leader")]


async def test_each_name_that_is_shown_is_on_record_and_no_other(here: World) -> None:
    officer = here.running.client(Role.PROVINCE_OFFICER, subject="reader", units=["51"])
    page = await ok(officer.get("/registry/members", params={**DAY, "limit": 3}))
    read = await here.ask("select member_id, action, why from vault_access where subject = 'reader'")
    assert sorted(read) == sorted((i, "read", "team_list") for i in {p["member_id"] for p in page["items"]})


async def test_officers_see_their_units_and_leaders_their_team(here: World) -> None:
    client = here.running.client
    commune = client(Role.COMMUNE_OFFICER, units=[DUC_NHUAN])
    assert (await ok(commune.get("/registry/members", params=DAY)))["total"] == 0
    district = client(Role.DISTRICT_OFFICER, units=["533"])
    assert {i["team_id"] for i in await pages(district, **DAY)} == {"to-a", "to-b"}
    leader = client(Role.TEAM_LEADER, team_id="to-c", units=["51"])
    assert {i["team_id"] for i in await pages(leader, **DAY)} == {"to-c"}
    assert await ok(leader.get("/registry/members", params={**DAY, "team_id": "to-a"})) == {
        "items": [], "total": 0, "next": None,
    }  # fmt: skip
    for role in (Role.MEMBER, Role.OPERATOR, Role.PARTNER, Role.LEARNER):
        refused(await client(role, units=["51"]).get("/registry/members"), 403, "role_not_allowed", "Authorization")
    refused(await client().get("/registry/members"), 401, "token_needed", "Authorization")


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"after": "x"}, "after"), ({"sort": "age"}, "sort"), ({"role": "boss"}, "role"), ({"limit": "501"}, "limit"),
        ({"status": "gone"}, "status"), ({"on": "2023-02-30"}, "on"),
    ],
)  # fmt: skip
async def test_what_cannot_be_listed_is_refused(here: World, asked: dict[str, str], field: str) -> None:
    refused(await here.officer.get("/registry/members", params=asked), 422, "invalid_data", field)


@pytest.mark.parametrize("cursor", ["1.20230703.to-b.p1", "1.20231399.to-b.p1", "1.20230703.none.p1"])
async def test_a_page_is_not_continued_where_the_list_has_changed(here: World, cursor: str) -> None:
    answer = await here.officer.get("/registry/members", params={**DAY, "after": cursor})
    refused(answer, 409, "list_changed", "after")


@pytest.mark.parametrize("limit", [7, 500])
async def test_units_sort_by_name_page_by_page(here: World, limit: int) -> None:
    units = await pages(here.running.client(), limit, "units", sort="name", **DAY)
    assert [u["name"] for u in units] == sorted((u["name"] for u in units), key=sort_key)
    assert len({u["unit_id"] for u in units}) == len(units) > 180


@pytest.mark.parametrize("limit", [1, 500])
async def test_teams_sort_by_name_page_by_page(here: World, limit: int) -> None:
    teams = await pages(here.officer, limit, "teams", sort="name", **DAY)
    assert [t["name"] for t in teams] == ["Tổ Âu", "Tổ Bàu", "Tổ Cù Lao"]
    assert await pages(here.officer, limit, "teams", sort="name", within="533", **DAY) == teams[:2]
