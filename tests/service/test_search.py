"""The search over HTTP: units by names of three maps, teams and people for those who look after them."""

from __future__ import annotations

import unicodedata
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from shared.auth import Role
from shared.vietnamese import person_sort_key, sort_key
from tests.service.reforms import CA_DAM, TAY_TRA_BONG, TRA_BUI, V1, V2, VILLAGES, World, world
from tests.support.servers import Nats, Postgres
from tests.support.world import a_member, a_team, ok, refused

AN_PHU, NGHIA_DUNG, MO_DUC = "21034-2507", "21034", "533"
BEFORE: dict[str, Any] = {"on": "2025-06-30"}
PEOPLE = {
    "p-an": "Nguyễn Văn An", "p-an2": "Bùi Văn An", "p-anh": "Nguyễn Văn Ánh", "p-binh": "Trần Thị Bình",
    "p-ly": "Đỗ Thị Mỹ Lý", "p-dung": "Nguyễn Dũng", "p-hlen": "H'Len Niê", "p-hoa": "Lê Hoà",
}  # fmt: skip
TEAM, OTHER = "to-mo-duc", "to-ly-son"


@pytest.fixture(scope="module")
async def here(postgres: Postgres, guarded_nats: Nats) -> AsyncIterator[World]:
    """Both reforms behind us; a team with people at Mộ Đức, one at Lý Sơn, one that was renamed."""
    async with world(postgres, guarded_nats, TRA_BUI, V1, V2) as made:
        officer = made.officer
        for unit_id, level, team_id in (("21400", "commune", TEAM), ("536", "commune", OTHER)):
            name = f"Tổ công nghệ số cộng đồng {team_id}"
            await ok(officer.post("/registry/teams", json=a_team(unit_id, level, team_id=team_id, name=name)), 201)
        for member_id, full_name in PEOPLE.items():
            await joins(officer, TEAM, member_id, full_name)
        await joins(officer, OTHER, "p-xa", "Nguyễn Thị Xa")
        body = {"name": "Tổ số Đức Lân", "effective_on": "2024-01-01"}
        await ok(officer.post(f"/registry/teams/{OTHER}/rename", json=body))
        await ok(officer.post("/registry/organisations", json=ORGANISATION), 201)
        await made.execute(edition="2025-01")
        await made.execute(edition="2025-07", choices={"villages": VILLAGES, "teams": {f"t-{TRA_BUI}": CA_DAM}})
        yield made


ORGANISATION = {"organisation_id": "hpn-md", "name": "Hội Phụ nữ Mộ Đức", "sector": "mass_organisation", "headcount": 9}


async def joins(officer: httpx.AsyncClient, team_id: str, member_id: str, full_name: str, **changed: Any) -> None:
    body = a_member(member_id=member_id, full_name=full_name, **changed)
    await ok(officer.post(f"/registry/teams/{team_id}/members", json=body), 201)


async def find(client: httpx.AsyncClient, q: str, **asked: Any) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = (await ok(client.get("/registry/search", params={"q": q, **asked})))["items"]
    return items


def ids(items: list[dict[str, Any]]) -> list[str]:
    return [item["id"] for item in items]


# -- units ------------------------------------------------------------------------------------------------------------


async def test_an_old_name_finds_the_unit_that_took_over_and_says_until_when_it_was_the_name(here: World) -> None:
    anyone = here.running.client()
    [hit] = [h for h in await find(anyone, "Xã Nghĩa Dũng") if h["match"] == "exact"]
    assert (hit["kind"], hit["id"], hit["unit_name"]) == ("unit", AN_PHU, "Tỉnh Quảng Ngãi")
    assert hit["formerly"] == {"name": "Xã Nghĩa Dũng", "last_day": "2025-06-30", "unit_id": NGHIA_DUNG}
    [then] = [h for h in await find(anyone, "nghia dung", **BEFORE) if h["match"] == "exact"]
    assert (then["id"], then["formerly"], then["unit_name"]) == (NGHIA_DUNG, None, "Thành phố Quảng Ngãi")


async def test_an_old_name_is_followed_through_two_reforms(here: World) -> None:
    hit = (await find(here.running.client(), "Nghĩa Phú"))[0]
    assert (hit["id"], hit["formerly"]["name"], hit["formerly"]["last_day"]) == (AN_PHU, "Xã Nghĩa Phú", "2024-12-31")


async def test_the_name_of_a_split_unit_finds_both_parts(here: World) -> None:
    exact = [h for h in await find(here.running.client(), "Trà Bùi", kinds="unit") if h["match"] == "exact"]
    assert {h["id"] for h in exact} == {CA_DAM, TAY_TRA_BONG}


async def test_a_unit_that_kept_its_identity_is_found_by_its_own_former_name(here: World) -> None:
    anyone = here.running.client()
    hit = (await find(anyone, "huyện Lý Sơn", kinds="unit"))[0]
    assert (hit["id"], hit["name"]) == ("536", "Đặc khu Lý Sơn")
    assert hit["formerly"] == {"name": "Huyện Lý Sơn", "last_day": "2025-06-30", "unit_id": None}
    assert (await find(anyone, "đặc khu lý sơn"))[0]["formerly"] is None


@pytest.mark.parametrize(
    "typed",
    [
        "Thị trấn Mộ Đức", "thi tran mo duc", "tt mo duc", "TT. Mộ Đức", "MỘ ĐỨC",
        unicodedata.normalize("NFD", "Mộ Đức"), "  mộ   đức ", "thị trấn mộ đứ",
    ],
)  # fmt: skip
async def test_a_unit_is_found_however_it_is_typed(here: World, typed: str) -> None:
    assert "21400" in ids(await find(here.running.client(), typed, kinds="unit", **BEFORE))[:2]


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("Lí Sơn", "536"),
        ("ly sonn", "536"),
        ("Ngia Dung", NGHIA_DUNG),
        ("nghia dunng", NGHIA_DUNG),
        ("quag ngai", "522"),
    ],
)
async def test_a_slip_of_the_fingers_finds_it_still(here: World, typed: str, found: str) -> None:
    assert found in ids(await find(here.running.client(), typed, kinds="unit", **BEFORE))[:3]


async def test_the_better_match_comes_first_and_equals_sort_as_vietnamese_sorts(here: World) -> None:
    hits = await find(here.running.client(), "đức", kinds="unit", limit=100, **BEFORE)
    ranks = [("exact", "prefix", "words", "alike").index(h["match"]) for h in hits]
    assert ranks == sorted(ranks)
    assert len(set(ranks)) > 1
    for rank in set(ranks) - {3}:
        names = [h["name"] for h, r in zip(hits, ranks, strict=True) if r == rank]
        assert names == sorted(names, key=sort_key)
    assert "Xã Đức Nhuận" in [h["name"] for h in hits if h["match"] == "prefix"]
    assert "Thị trấn Mộ Đức" in [h["name"] for h in hits if h["match"] == "words"]


async def test_a_search_may_stay_below_a_unit(here: World) -> None:
    hits = await find(here.running.client(), "đức", kinds="unit", limit=100, within=MO_DUC, **BEFORE)
    assert len(hits) > 5
    assert {h["unit_id"] for h in hits} == {MO_DUC}


async def test_a_reversed_day_knows_nothing_of_later_names(here: World) -> None:
    hits = await find(here.running.client(), "Cà Đam", kinds="unit", on="2024-05-01")
    assert CA_DAM not in ids(hits)


# -- pages ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [1, 2, 7])
async def test_pages_give_each_hit_once_and_in_order(here: World, limit: int) -> None:
    asked: dict[str, Any] = {"q": "nguyen duc an", "limit": limit, **BEFORE}
    whole = await find(here.officer, **{**asked, "limit": 100})
    pieces: list[dict[str, Any]] = []
    page: dict[str, Any] = {"next": ""}
    while page["next"] is not None:
        more = {"after": page["next"]} if pieces else {}
        page = await ok(here.officer.get("/registry/search", params={**asked, **more}))
        pieces += page["items"]
    assert pieces == whole
    assert {h["kind"] for h in whole} >= {"unit", "member"}
    assert len(whole) > 7


async def test_a_page_that_ended_with_somebody_who_was_renamed_is_not_continued(here: World) -> None:
    await joins(here.officer, OTHER, "p-z1", "Quách Zũng")
    await joins(here.officer, OTHER, "p-z2", "Quách Zương")
    asked: dict[str, Any] = {"q": "quách z", "kinds": "member", "limit": 1}
    first = await ok(here.officer.get("/registry/search", params=asked))
    assert ids(first["items"]) == ["p-z1"]
    assert "Quách" not in first["next"]
    assert ids(await find(here.officer, **asked, after=first["next"])) == ["p-z2"]
    async with here.running.services["registry"].pool.acquire() as conn:
        await conn.execute("update vault_person set full_name = 'Quách Zũng Sửa' where member_id = 'p-z1'")
    answer = await here.officer.get("/registry/search", params={**asked, "after": first["next"]})
    refused(answer, 409, "list_changed", "after")


# -- people and teams -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "first"),
    [
        ("Nguyễn Văn An", "p-an"), ("nguyen van a", "p-an"), ("van an", "p-an2"), ("nguyễn an", "p-an"),
        ("an nguyen", "p-an"), ("do thi mi li", "p-ly"), ("Hòa", "p-hoa"), ("hlen", "p-hlen"),
        ("ngyuen dung", "p-dung"), ("tran thi bihn", "p-binh"),
    ],
)  # fmt: skip
async def test_people_are_found_as_names_are_typed(here: World, typed: str, first: str) -> None:
    assert ids(await find(here.officer, typed, kinds="member"))[0] == first


async def test_people_of_a_rank_sort_by_given_name(here: World) -> None:
    hits = await find(here.officer, "nguyen", kinds="member")
    names = [h["name"] for h in hits if h["match"] == "prefix"]
    assert len(names) >= 4
    assert names == sorted(names, key=person_sort_key)


async def test_a_person_comes_with_the_team_of_the_day(here: World) -> None:
    hit = (await find(here.officer, "Nguyễn Dũng", kinds="member", **BEFORE))[0]
    assert (hit["name"], hit["match"], hit["unit_name"]) == ("Nguyễn Dũng", "exact", None)
    assert hit["teams"] == [
        {"team_id": TEAM, "name": f"Tổ công nghệ số cộng đồng {TEAM}", "role": "member", "unit_id": "21400",
         "unit_name": "Thị trấn Mộ Đức"}
    ]  # fmt: skip


async def test_who_has_left_is_found_on_the_days_before(here: World) -> None:
    await joins(here.officer, OTHER, "p-left", "Khúc Thừa Dụ")
    left = {"left_on": "2024-05-31", "reason": "new_duty"}
    await ok(here.officer.post("/registry/members/p-left/leave", json=left))
    assert await find(here.officer, "khuc thua du", kinds="member") == []
    assert ids(await find(here.officer, "khuc thua du", kinds="member", on="2024-05-31")) == ["p-left"]


async def test_a_team_is_found_by_its_former_name(here: World) -> None:
    hit = (await find(here.officer, f"tổ công nghệ số cộng đồng {OTHER}", kinds="team"))[0]
    assert (hit["id"], hit["name"], hit["unit_name"]) == (OTHER, "Tổ số Đức Lân", "Đặc khu Lý Sơn")
    assert hit["formerly"]["last_day"] == "2023-12-31"
    assert hit["formerly"]["unit_id"] is None


async def test_an_organisation_is_found_by_anyone(here: World) -> None:
    hit = (await find(here.running.client(), "hoi phu nu mo duc"))[0]
    assert (hit["kind"], hit["id"], hit["match"]) == ("organisation", "hpn-md", "exact")


async def test_only_the_names_that_are_shown_are_on_record(here: World) -> None:
    officer = here.running.client(Role.PROVINCE_OFFICER, subject="searcher", units=["51"])
    items = await find(officer, "nguyen", kinds="member", limit=2)
    read = await here.ask("select member_id, action, why from vault_access where subject = 'searcher'")
    assert sorted(read) == sorted((i, "read", "search") for i in ids(items))
    assert len(read) == 2


async def test_who_withdrew_or_was_erased_is_found_no_more(here: World) -> None:
    await joins(here.officer, OTHER, "p-gone", "Lý Thường Kiệt")
    await joins(here.officer, OTHER, "p-mute", "Lý Thái Tổ")
    assert {"p-gone", "p-mute"} <= set(ids(await find(here.officer, "lý th", kinds="member")))
    async with here.running.services["registry"].pool.acquire() as conn:
        await conn.execute("update vault_person set withdrawn_at = now() where member_id = 'p-mute'")
        await conn.execute("delete from vault_person where member_id = 'p-gone'")
    for typed in ("lý th", "lý thường kiệt", "thai to", "li thuong ket"):
        assert not {"p-gone", "p-mute"} & set(ids(await find(here.officer, typed, kinds="member", limit=100)))


# -- who may ----------------------------------------------------------------------------------------------------------


async def test_people_and_teams_are_for_those_who_look_after_them(here: World) -> None:
    client = here.running.client
    officer_of_mo_duc = client(Role.COMMUNE_OFFICER, units=["21400-2507", "21400"])
    officer_of_ly_son = client(Role.COMMUNE_OFFICER, units=["536"])
    leader = client(Role.TEAM_LEADER, team_id=OTHER, units=["51"])
    assert "p-an" in ids(await find(here.officer, "nguyen"))
    assert "p-xa" not in ids(await find(officer_of_mo_duc, "nguyen", kinds="member", **BEFORE))
    assert "p-an" in ids(await find(officer_of_mo_duc, "nguyen", kinds="member", **BEFORE))
    for other in (officer_of_ly_son, leader):
        assert ids(await find(other, "nguyen", kinds="member")) == ["p-xa"]
        assert ids(await find(other, "tổ", kinds="team")) == [OTHER]
    for nobody in (client(), client(Role.MEMBER, member_id="p-an", team_id=TEAM), client(Role.OPERATOR, units=["51"])):
        assert {h["kind"] for h in await find(nobody, "nguyen duc")} <= {"unit", "organisation"}
    refused(await client().get("/registry/search?q=an&kinds=unit,member"), 401, "token_needed", "Authorization")
    asked = await client(Role.PARTNER, units=["51"]).get("/registry/search?q=an&kinds=team")
    refused(asked, 403, "role_not_allowed", "Authorization")


async def test_a_cursor_of_somebody_else_opens_nothing(here: World) -> None:
    page = await ok(here.officer.get("/registry/search?q=nguyen&kinds=member&limit=1"))
    answer = await here.running.client().get("/registry/search", params={"q": "nguyen", "after": page["next"]})
    refused(answer, 409, "list_changed", "after")


@pytest.mark.parametrize(
    ("asked", "slug", "field"),
    [
        ({"q": ""}, "invalid_data", "q"), ({"q": "x" * 101}, "invalid_data", "q"), ({}, "invalid_data", "q"),
        ({"q": "…«»"}, "nothing_to_look_for", "q"), ({"q": "an", "kinds": "person"}, "invalid_data", "kinds"),
        ({"q": "an", "after": "unit-1"}, "invalid_data", "after"), ({"q": "an", "limit": "0"}, "invalid_data", "limit"),
        ({"q": "an", "on": "30/6/2025"}, "invalid_data", "on"),
        ({"q": "an", "within": "a b"}, "invalid_data", "within"),
    ],
)  # fmt: skip
async def test_what_cannot_be_looked_for_is_refused(here: World, asked: dict[str, str], slug: str, field: str) -> None:
    refused(await here.running.client().get("/registry/search", params=asked), 422, slug, field)


async def test_nothing_that_is_typed_is_taken_for_a_pattern(here: World) -> None:
    plain = await find(here.officer, "nguyen", kinds="member", limit=100)
    assert len(plain) >= 4
    for typed in ("nguyen%", "%nguyen", "_nguyen\\", "'nguyen"):
        assert await find(here.officer, typed, kinds="member", limit=100) == plain
    assert await find(here.officer, "n%n", kinds="member") == await find(here.officer, "n n", kinds="member")


@pytest.mark.parametrize("day", ["2023-08-01", "2024-02-01"])
async def test_people_are_listed_by_team_before_and_after_it_was_renamed(here: World, day: str) -> None:
    page = await ok(here.officer.get("/registry/members", params={"sort": "team", "on": day}))
    teams = [item["team_name"] for item in page["items"]]
    assert teams == sorted(teams, key=sort_key)
    assert page["total"] == len(teams)
    assert {TEAM, OTHER} <= {item["team_id"] for item in page["items"]}
