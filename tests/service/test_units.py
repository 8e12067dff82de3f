"""Units over HTTP: any day's map, a unit over time, what a paper means, lineage, villages, corrections."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from services.registry import editions
from services.registry.app import SPEC as REGISTRY
from shared.auth import Role
from tests.support.servers import Nats, Postgres
from tests.support.stack import HandClock, Stack, nats_config, stack
from tests.support.world import LY_SON, MO_DUC, TOWN, ok, refused

JULY_2023 = datetime(2023, 7, 28, 1, tzinfo=UTC)
AUTUMN_2025 = datetime(2025, 9, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
async def running(postgres: Postgres, guarded_nats: Nats) -> AsyncIterator[Stack]:
    """Registry with the units of 2023 and both reforms of 2025 behind it, in September 2025."""
    clock = HandClock(JULY_2023)
    async with stack(REGISTRY, postgres=postgres, nats=guarded_nats, clock=clock) as started:
        operator = started.client(Role.OPERATOR, units=["51"])
        await ok(operator.post("/registry/editions/2023"), 201)
        clock.now = AUTUMN_2025
        for edition in ("2025-01", "2025-07"):
            await ok(operator.post("/registry/reforms", json={"edition": edition, "reform_id": edition}), 201)
        yield started


@pytest.fixture
def anyone(running: Stack) -> httpx.AsyncClient:
    return running.client()


async def listed(client: httpx.AsyncClient, limit: int = 500, **asked: str) -> list[dict[str, Any]]:
    """Every unit of a list, page by page; the total said on each is theirs."""
    items: list[dict[str, Any]] = []
    after: dict[str, str] = {}
    while True:
        page = await ok(client.get("/registry/units", params={**asked, **after, "limit": str(limit)}))
        items += page["items"]
        if page["next"] is None:
            assert page["total"] == len(items)
            return items
        after = {"after": page["next"]}


def names(units: list[dict[str, Any]]) -> list[str]:
    return sorted(u["name"] for u in units)


async def resolve(client: httpx.AsyncClient, **asked: str) -> dict[str, Any]:
    return await ok(client.get("/registry/units/resolve", params=asked))


# -- the map of a day -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("day", "levels"),
    [
        ("2023-07-28", {"province": 1, "district": 13, "commune": 173}),
        ("2024-12-31", {"province": 1, "district": 13, "commune": 173}),
        ("2025-01-01", {"province": 1, "district": 13, "commune": 170}),
        ("2025-06-30", {"province": 1, "district": 13, "commune": 170}),
        ("2025-07-01", {"province": 1, "commune": 96}),
        ("2019-12-31", {}),
    ],
)
async def test_each_day_has_its_map(anyone: httpx.AsyncClient, day: str, levels: dict[str, int]) -> None:
    assert Counter(u["level"] for u in await listed(anyone, on=day)) == levels


@pytest.mark.parametrize(
    ("edition", "day"), [("2023", "2024-12-31"), ("2025-01", "2025-06-30"), ("2025-07", "2025-07-01")]
)
async def test_the_map_of_a_day_is_the_editions(anyone: httpx.AsyncClient, edition: str, day: str) -> None:
    told = {(u["unit_id"], u["code"], u["name"], u["kind"], u["parent_id"], u["valid_from"])
            for u in await listed(anyone, on=day)}  # fmt: skip
    assert told == {
        (u.unit_id, u.code, u.name, u.kind, u.parent_id, str(u.valid_from)) for u in editions.units(edition)
    }


async def test_the_map_is_todays_unless_a_day_is_said(anyone: httpx.AsyncClient) -> None:
    assert len(await listed(anyone)) == 97
    assert len(await listed(anyone, limit=10)) == 97


async def test_within_works_at_any_depth(anyone: httpx.AsyncClient) -> None:
    assert len(await listed(anyone, on="2023-07-28", within="51", limit=50)) == 186
    assert len(await listed(anyone, on="2023-07-28", within=MO_DUC)) == 13
    assert TOWN in {u["unit_id"] for u in await listed(anyone, on="2023-07-28", within=MO_DUC, limit=5)}
    assert await listed(anyone, on="2023-07-28", within=LY_SON) == []
    assert await listed(anyone, on="2025-07-01", within=MO_DUC) == []
    assert len(await listed(anyone, on="2025-07-01", within="51", level="commune")) == 96


async def test_kon_tum_is_no_part_of_the_map_until_it_joins(anyone: httpx.AsyncClient) -> None:
    below = await listed(anyone, on="2025-06-30", within="62")
    assert Counter(u["level"] for u in below) == {"district": 10, "commune": 102}
    assert await listed(anyone, on="2025-07-01", within="62") == []
    ours = {u["unit_id"] for u in await listed(anyone, on="2025-06-30")}
    assert not ours & {u["unit_id"] for u in below}
    assert names(await listed(anyone, name="phuong kon tum")) == ["Phường Kon Tum"]


async def test_units_are_found_by_words_of_their_names_without_marks(anyone: httpx.AsyncClient) -> None:
    assert names(await listed(anyone, on="2023-07-28", name="mo duc")) == ["Huyện Mộ Đức", "Thị trấn Mộ Đức"]
    assert names(await listed(anyone, on="2023-07-28", name="LÍ sơn")) == ["Huyện Lý Sơn"]
    assert await listed(anyone, on="2023-07-28", name="o duc") == []


async def test_what_is_asked_for_has_to_make_sense(anyone: httpx.AsyncClient) -> None:
    refused(await anyone.get("/registry/units", params={"on": "1789-07-14"}), 422, "invalid_data", "on")
    refused(await anyone.get("/registry/units", params={"known": "2025-01-01"}), 422, "invalid_data", "known")
    refused(await anyone.get("/registry/units", params={"level": "hamlet"}), 422, "unknown_level", "level")
    refused(await anyone.get("/registry/units", params={"within": "x y"}), 422, "invalid_data", "within")


async def test_what_was_known_at_a_moment_stays_known_of_it(anyone: httpx.AsyncClient) -> None:
    """The reforms were recorded in September 2025: until then, July 2025 looked like 2023."""
    before = (AUTUMN_2025 - timedelta(seconds=1)).isoformat()
    assert len(await listed(anyone, on="2025-07-01", known=before)) == 187
    assert len(await listed(anyone, on="2025-07-01", known=AUTUMN_2025.isoformat())) == 97
    assert await listed(anyone, on="2023-07-28", known="2023-01-01T00:00:00+07:00") == []
    shown = await ok(anyone.get("/registry/units/536", params={"on": "2025-07-01", "known": before}))
    assert (shown["name"], shown["level"]) == ("Huyện Lý Sơn", "district")


# -- a unit over time -------------------------------------------------------------------------------------------------


async def test_a_unit_is_shown_with_its_states_and_what_is_around_it(anyone: httpx.AsyncClient) -> None:
    ly_son = await ok(anyone.get("/registry/units/536"))
    assert (ly_son["name"], ly_son["code"], names(ly_son["above"])) == ("Đặc khu Lý Sơn", "21548", ["Tỉnh Quảng Ngãi"])
    assert [(s["name"], s["level"], s["valid_from"], s["valid_to"], s["reform_id"]) for s in ly_son["states"]] == [
        ("Huyện Lý Sơn", "district", "2020-02-01", "2025-07-01", None),
        ("Đặc khu Lý Sơn", "commune", "2025-07-01", None, "2025-07"),
    ]
    mo_duc = await ok(anyone.get(f"/registry/units/{MO_DUC}", params={"on": "2024-01-01"}))
    assert (len(mo_duc["children"]), mo_duc["valid_to"]) == (13, "2025-07-01")
    town = await ok(anyone.get(f"/registry/units/{TOWN}", params={"on": "2024-01-01"}))
    assert [u["unit_id"] for u in town["above"]] == ["51", MO_DUC]


async def test_an_abolished_unit_is_shown_as_it_was_last(anyone: httpx.AsyncClient) -> None:
    shown = await ok(anyone.get(f"/registry/units/{MO_DUC}"))
    assert (shown["name"], shown["valid_to"]) == ("Huyện Mộ Đức", "2025-07-01")
    gone = await anyone.get(f"/registry/units/{MO_DUC}", params={"on": "2025-07-01"})
    problem = refused(gone, 404, "not_in_force", "on")
    assert "01/02/2020 đến trước 01/07/2025" in problem["detail"]
    refused(await anyone.get("/registry/units/21109-2507?on=2025-06-30"), 404, "not_in_force", "on")
    refused(await anyone.get("/registry/units/nowhere"), 404, "no_such_unit", "unit_id")


async def test_everything_that_was_ever_said_is_on_record(anyone: httpx.AsyncClient) -> None:
    told = (await ok(anyone.get("/registry/units/21253/history")))["said"]
    assert [(k["name"], k["valid_to"], k["known_to"] is None) for k in told] == [
        ("Xã Nghĩa Phú", None, False),
        ("Xã Nghĩa Phú", "2025-01-01", True),
    ]
    assert told[0]["known_to"] == told[1]["known_from"]
    refused(await anyone.get("/registry/units/nowhere/history"), 404, "no_such_unit", "unit_id")


# -- what a paper means -----------------------------------------------------------------------------------------------


async def test_a_code_means_another_unit_on_another_day(anyone: httpx.AsyncClient) -> None:
    before, after = [await resolve(anyone, code="21034", on=day) for day in ("2025-06-30", "2025-07-01")]
    assert (before["unit"]["name"], after["unit"]["name"]) == ("Xã Nghĩa Dũng", "Xã An Phú")
    assert before["unit"]["unit_id"] != after["unit"]["unit_id"]
    assert [(u["name"], u["valid_to"]) for u in after["others"]] == [("Xã Nghĩa Dũng", "2025-07-01")]


async def test_an_phu_is_another_unit_before_and_after(anyone: httpx.AsyncClient) -> None:
    before, after = [await resolve(anyone, name="xa an phu", on=day) for day in ("2025-06-30", "2025-07-01")]
    assert (before["unit"]["unit_id"], after["unit"]["unit_id"]) == ("21262-2501", "21034-2507")
    assert [u["unit_id"] for u in after["others"]] == ["21262-2501"]
    never = await resolve(anyone, name="An Phú", on="2023-07-28")
    assert (never["unit"], never["candidates"]) == (None, [])
    assert "chỉ có từ 01/01/2025" in never["why"]["vi"]


async def test_where_a_name_is_ambiguous_there_is_a_choice_and_what_would_help(anyone: httpx.AsyncClient) -> None:
    several = await resolve(anyone, name="mộ đức", on="2023-07-28")
    assert (several["unit"], names(several["candidates"])) == (None, ["Huyện Mộ Đức", "Thị trấn Mộ Đức"])
    assert "2 đơn vị" in several["why"]["vi"]
    for narrowed in ({"level": "commune"}, {"code": TOWN}, {"within": MO_DUC}):
        told = await resolve(anyone, name="TT Mộ Đức", on="2023-07-28", **narrowed)
        assert told["unit"]["unit_id"] == TOWN, narrowed
        assert told["why"] is None


async def test_another_provinces_unit_is_meant_only_where_ours_has_none(anyone: httpx.AsyncClient) -> None:
    ours = await resolve(anyone, name="Phường Trần Hưng Đạo", on="2023-07-28")
    assert (ours["unit"]["unit_id"], [u["unit_id"] for u in ours["others"]]) == ("21022", ["23308"])
    theirs = await resolve(anyone, name="Thị trấn Plei Kần", on="2023-07-28")
    assert theirs["unit"]["unit_id"] == "23377"


async def test_of_a_unit_that_has_ended_it_tells_what_became_of_it(anyone: httpx.AsyncClient) -> None:
    told = await resolve(anyone, name="Trà Bùi", on="2025-08-01")
    assert (told["unit"], names(told["candidates"])) == (None, ["Xã Cà Đam", "Xã Tây Trà Bồng"])
    assert "trước 01/07/2025" in told["why"]["vi"]
    assert [u["unit_id"] for u in told["others"]] == ["21142"]
    through_two = await resolve(anyone, name="Nghĩa Phú", on="2025-08-01")
    assert [u["unit_id"] for u in through_two["candidates"]] == ["21034-2507"]


async def test_a_code_and_a_name_that_do_not_fit_are_told_apart(anyone: httpx.AsyncClient) -> None:
    told = await resolve(anyone, code="21034", name="Xã Nghĩa Dũng", on="2025-08-01")
    assert (told["unit"], names(told["candidates"])) == (None, ["Xã An Phú"])
    assert "mang một phần" in told["why"]["vi"]
    refused(await anyone.get("/registry/units/resolve?name=Xã Không Đâu"), 404, "no_such_unit", "name")
    refused(await anyone.get("/registry/units/resolve?code=99999"), 404, "no_such_unit", "code")
    refused(await anyone.get("/registry/units/resolve"), 422, "invalid_data", "query")
    refused(await anyone.get("/registry/units/resolve?name=%2C%2C"), 422, "invalid_data", "name")
    refused(await anyone.get("/registry/units/resolve?code=x"), 422, "invalid_data", "code")


# -- lineage ----------------------------------------------------------------------------------------------------------


async def lineage(client: httpx.AsyncClient, unit_id: str, day: str) -> dict[str, Any]:
    return await ok(client.get(f"/registry/units/{unit_id}/lineage", params={"on": day}))


def ids(units: list[dict[str, Any]]) -> list[str]:
    return sorted(u["unit_id"] for u in units)


async def test_successors_are_followed_through_two_reforms(anyone: httpx.AsyncClient) -> None:
    after_one = await lineage(anyone, "21253", "2025-03-01")
    assert (ids(after_one["successors"]), after_one["unit"]) == (["21262-2501"], None)
    after_two = (await lineage(anyone, "21253", "2025-07-01"))["successors"]
    assert [(u["name"], u["part"], u["reforms"], u["since"]) for u in after_two] == [
        ("Xã An Phú", "whole", ["2025-01", "2025-07"], "2025-07-01")
    ]
    before = await lineage(anyone, "21253", "2024-12-31")
    assert (before["successors"], before["predecessors"], before["unit"]["name"]) == ([], [], "Xã Nghĩa Phú")


async def test_predecessors_are_followed_back_through_two_reforms(anyone: httpx.AsyncClient) -> None:
    in_june = await lineage(anyone, "21034-2507", "2025-06-30")
    assert ids(in_june["predecessors"]) == ["21034", "21037", "21256", "21262-2501"]
    in_2023 = await lineage(anyone, "21034-2507", "2023-07-28")
    assert ids(in_2023["predecessors"]) == ["21034", "21037", "21253", "21256", "21262"]
    assert {tuple(u["reforms"]) for u in in_2023["predecessors"]} == {("2025-07",), ("2025-01", "2025-07")}
    province = await lineage(anyone, "51", "2023-07-28")
    assert (ids(province["predecessors"]), province["unit"]["unit_id"]) == (["62"], "51")


async def test_a_split_says_part(anyone: httpx.AsyncClient) -> None:
    tra_bui = await lineage(anyone, "21142", "2025-07-01")
    assert [(u["name"], u["part"]) for u in tra_bui["successors"]] == [
        ("Xã Cà Đam", "part"),
        ("Xã Tây Trà Bồng", "part"),
    ]
    ca_dam = await lineage(anyone, "21136-2507", "2025-06-30")
    assert [(u["name"], u["part"]) for u in ca_dam["predecessors"]] == [("Xã Trà Tân", "whole"), ("Xã Trà Bùi", "part")]


async def test_dong_son_comes_from_two_districts(anyone: httpx.AsyncClient) -> None:
    told = await lineage(anyone, "21109-2507", "2023-07-28")
    assert {u["parent_id"] for u in told["predecessors"]} == {"522", "524"}


async def test_a_unit_that_goes_on_is_its_own_successor_and_not_listed(anyone: httpx.AsyncClient) -> None:
    for day in ("2023-07-28", "2025-08-01"):
        told = await lineage(anyone, LY_SON, day)
        assert (told["unit"]["unit_id"], told["successors"], told["predecessors"]) == (LY_SON, [], [])
    refused(await anyone.get("/registry/units/nowhere/lineage"), 404, "no_such_unit", "unit_id")


# -- a reform that is taken back --------------------------------------------------------------------------------------


async def test_a_unit_that_was_taken_back_is_gone_and_on_record(
    postgres: Postgres, fresh_nats: Callable[..., Awaitable[Nats]]
) -> None:
    clock = HandClock(AUTUMN_2025)
    async with stack(REGISTRY, postgres=postgres, nats=await fresh_nats(nats_config()), clock=clock) as started:
        officer = started.client(Role.PROVINCE_OFFICER, units=["51"])
        await ok(officer.post("/registry/editions/2023"), 201)
        await ok(officer.post("/registry/reforms", json={"edition": "2025-01"}), 201)
        clock.forward(hours=1)
        await ok(officer.post("/registry/reforms/2025-01/reverse", json={}), None)
        assert len(await listed(officer, on="2025-06-30")) == 187
        refused(await officer.get("/registry/units/21262-2501"), 404, "taken_back", "unit_id")
        refused(await officer.get("/registry/units/21262-2501/lineage"), 404, "taken_back", "unit_id")
        assert (await lineage(officer, "21253", "2025-06-30"))["successors"] == []
        then = {"known": AUTUMN_2025.isoformat(), "on": "2025-06-30"}
        assert (await ok(officer.get("/registry/units/21262-2501", params=then)))["name"] == "Xã An Phú"
        assert len(await listed(officer, 500, **then)) == 184
        village = {"village_id": "21262-2501", "name": "Thôn 1", "parent_id": "21253", "valid_from": "2025-08-01"}
        refused(await officer.post("/registry/villages", json=village), 409, "id_taken", "village_id")
