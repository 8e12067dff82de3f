"""The province's page on every map after both reforms: it says which map, and its numbers add up on each."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from services.registry import editions
from services.reporting import answers
from services.reporting.answers import Question
from services.reporting.live import Live, View
from tests.service.reforms import DONG_SON, LY_SON, TAY_TRA_BONG, TRA_BUI, V1, V2, found_team, of_2023
from tests.support import figures
from tests.support.figures import Figures
from tests.support.pages import text_of
from tests.support.servers import Nats, Postgres, new_nats
from tests.support.stack import nats_config
from tests.support.world import a_member, ok, refused
from tests.system.test_reforms import Done, World, an_item, province, reform

HTML = {"accept": "text/html"}
MAPS = {"Bản đồ 2023": "2023", "Bản đồ 1/2025": "2025-01", "Bản đồ 7/2025, hiện nay": "2025-07"}
GONE = "t-gone"
"""A team of Trà Bùi that ended before Trà Bùi was split: it has no place on the map of July."""


async def lives(world: World) -> None:
    """One person more on a team elsewhere, and a team that met people and then ended; all before the reforms."""
    again = {"member_id": f"m-{V1}", "joined_on": "2023-07-20"}
    await ok(world.officer.post("/registry/teams/t-533/members", json=again), 201)
    await found_team(world.officer, TRA_BUI, "gone")
    second = a_member(member_id="m-gone-2", joined_on="2023-07-20")
    await ok(world.officer.post(f"/registry/teams/{GONE}/members", json=second), 201)
    await world.running.caught_up()
    met = [an_item(Done(GONE, 1)), *(an_item(Done("t-21400", 900_000 + n)) for n in range(7))]
    assert {r["result"] for r in await world.send(world.officer, *met, an_item(Done(GONE, 999_999)))} == {"accepted"}
    end = {"last_day": "2023-08-19", "reason": "task_done"}
    await ok(world.officer.post(f"/registry/teams/{GONE}/disband", json=end))


@pytest.fixture(scope="module")
async def world(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """A team at every district and commune of 2023, through both reforms."""
    nats = new_nats(tmp_path_factory.mktemp("nats"), config=nats_config())
    await nats.start()
    async with province(postgres, nats, of_2023()) as here:
        await lives(here)
        await reform(here)
        yield here
    await nats.stop()
    nats.remove()


@pytest.fixture
async def small(postgres: Postgres, fresh_nats: Callable[..., Awaitable[Nats]]) -> AsyncIterator[World]:
    """Teams at Trà Bùi's villages, Mộ Đức and Lý Sơn; no reform yet."""
    async with province(postgres, await fresh_nats(nats_config()), [V1, V2, "533", LY_SON]) as here:
        yield here


async def look(world: World, **asked: str) -> Figures:
    """The page as anybody sees it."""
    answer = await world.running.client().get("/", params=asked, headers=HTML)
    assert answer.status_code == 200, answer.text
    return figures.read(answer.text)


async def told(world: World) -> tuple[int, ...]:
    """What the API says of the whole province, in the order of the table."""
    page = await ok(world.running.client().get("/reporting/overview"))
    m, t = page["members"], page["teams"]
    return m["met"], m["total"], m["started"], t["met"], t["total"], page["citizens"], page["sessions"]


@pytest.mark.parametrize(("key", "tiles"), [(None, 13), ("2023", 13), ("2025-01", 13), ("2025-07", 96)])
async def test_tiles_and_what_is_besides_them_add_up_to_the_province(world: World, key: str | None, tiles: int) -> None:
    page = await look(world, **({"map": key} if key else {}))
    assert page.total.numbers == page.sums() == await told(world)
    assert len(page.tiles) + len(page.empty) == tiles
    assert {line.key: line.numbers[:2] for line in page.units} == page.tiles
    assert sum(met for met, _ in page.tiles.values()) > 0
    said = await ok(world.running.client().get("/reporting/units", params={"map": key or "2023", "limit": "500"}))
    sessions = {u["unit_id"]: u["sessions"] for u in said["items"] if u["teams"]}
    assert {line.key: line.numbers[-1] for line in page.units} == sessions


async def test_each_map_is_offered_with_its_days_and_marked_where_it_is_looked_at(world: World) -> None:
    page = await look(world)
    assert page.maps == {name: f"/?map={key}" for name, key in MAPS.items()}
    assert page.chosen == "Bản đồ 2023", "the usual map of a campaign that is over is that of its last day"
    for name, href in page.maps.items():
        answer = await world.running.client().get(href, headers=HTML)
        assert figures.read(answer.text).chosen == name
        assert f'href="{href}&amp;lang=en"' in answer.text, "the other language keeps the map"
        assert f'data-live="/reporting/live?lang=vi&amp;map={MAPS[name]}"' in answer.text
    text = text_of(await world.running.client().get("/", params={"map": "2025-07"}, headers=HTML))
    assert "96 xã, phường, đặc khu; từ 01/07/2025" in text
    assert "13 huyện, thị xã, thành phố; từ 01/01/2025 đến hết 30/06/2025" in text
    assert "13 huyện, thị xã, thành phố; đến hết 31/12/2024" in text
    assert "đổi bản đồ thì số của từng đơn vị đổi, còn số của cả tỉnh không đổi" in text
    english = text_of(await world.running.client().get("/", params={"map": "2025-07", "lang": "en"}, headers=HTML))
    assert "Map of July 2025, in force 96 communes and wards; from 1 Jul 2025" in english


async def test_a_day_leads_to_the_map_of_that_day(world: World) -> None:
    for day, key in (
        ("2024-12-31", "2023"),
        ("2025-01-01", "2025-01"),
        ("2025-06-30", "2025-01"),
        ("2031-01-01", "2025-07"),
    ):
        assert await look(world, map=day) == await look(world, map=key)


async def test_units_stand_by_the_district_in_which_most_of_what_they_are_from_lay(world: World) -> None:
    answer = await world.running.client().get("/", params={"map": "2025-07"}, headers=HTML)
    group = {
        key: part
        for part in answer.text.split('<li class="group ')[1:]
        for key in [part.split('data-key="')[1].split('"')[0]]
    }
    assert f'data-key="{DONG_SON}"' in group["524"], "four of its five communes were of Bình Sơn"
    assert 'data-key="536"' in group["536"]
    assert list(group)[:2] == ["524", "536"], "from north to south"
    assert "40 đơn vị của Tỉnh Kon Tum cũ chưa có tổ" in text_of(answer)
    page = figures.read(answer.text)
    kon_tum = {u.unit_id for u in editions.units("2025-07") if u.level == "commune"} - page.tiles.keys()
    assert page.empty == kon_tum


async def test_what_no_tile_stands_for_is_named(world: World) -> None:
    now = await look(world, map="2025-07")
    names = [line.name for line in now.rest]
    assert names == ["Tổ không có đơn vị nào trên bản đồ này", "Có ở nhiều đơn vị, trong tổng chỉ đếm một lần"]
    nowhere, twice = now.rest
    assert (nowhere.numbers[1], nowhere.numbers[4], nowhere.numbers[-2:]) == (2, 1, (2, 2)), "the team that ended"
    assert twice.numbers[1] == -1, "the person on two teams"
    text = text_of(await world.running.client().get("/", params={"map": "2025-07"}, headers=HTML))
    assert "Ngoài các ô: tổ không có đơn vị nào trên bản đồ này, 2 thành viên." in text
    then = await look(world, map="2023")
    assert [line.name for line in then.rest] == names[1:]


@pytest.mark.parametrize("key", ["2023", "2025-01"])
async def test_a_district_adds_up_as_well_and_keeps_the_map(world: World, key: str) -> None:
    for district in ("525", "522"):
        answer = await world.running.client().get("/", params={"unit": district, "map": key}, headers=HTML)
        page = figures.read(answer.text)
        known = [n is not None for n in page.sums()]
        assert [n for n, k in zip(page.total.numbers, known, strict=True) if k] == [
            n for n in page.sums() if n is not None
        ]
        assert page.rest[0].name.startswith("Tổ thuộc thẳng")
        assert f'<a href="/?map={key}">Tỉnh Quảng Ngãi</a>' in answer.text
        assert page.maps["Bản đồ 1/2025"] == f"/?unit={district}&map=2025-01"
        assert page.maps["Bản đồ 7/2025, hiện nay"] == "/?map=2025-07", "there is no such unit any more"
    for tile in ("525", "536"):
        html = (await world.running.client().get("/", params={"map": key}, headers=HTML)).text
        assert f'href="/?unit={tile}&amp;map={key}"' in html


@pytest.mark.parametrize("asked", ["2024", "abc", "", "2019-01-01", "2025-13-01", "99999-1-1", "x" * 5000, "\u202e<b>"])
async def test_a_map_that_is_not_there_is_refused_with_those_that_are(world: World, asked: str) -> None:
    public = world.running.client()
    page = text_of(await public.get("/", params={"map": asked}, headers=HTML), 422)
    for name in ("2023", "2025-01", "2025-07", "01/07/2025"):
        assert name in page
    assert len(page) < 2000
    for path in ("units", "overview", "teams", "members", "live"):
        if asked != "2019-01-01" or path == "live":  # the API answers of any day
            answer = await world.officer.get(f"/reporting/{path}", params={"map": asked})
            assert "2025-07" in refused(answer, 422, "no_such_map", "map")["messages"]["en"]


async def test_a_unit_of_another_map_says_where_it_is(world: World) -> None:
    for unit, asked, there in ((DONG_SON, "2023", "2025-07"), ("525", "2025-07", "2025-01")):
        answer = await world.running.client().get("/", params={"unit": unit, "map": asked}, headers=HTML)
        assert f"«&map={there}»" in text_of(answer, 404)
    answer = await world.running.client().get("/", params={"unit": "99999"}, headers=HTML)
    assert "Không có đơn vị «99999»." in text_of(answer, 404)


async def test_the_api_knows_the_maps_by_name(world: World) -> None:
    public = world.running.client()
    maps = (await ok(public.get("/reporting/maps")))["items"]
    said = [
        (m["map"], m["first_day"], m["last_day"], m["day"], m["today"], m["districts"], m["communes"]) for m in maps
    ]
    assert said == [
        ("2023", "2020-02-01", "2024-12-31", "2023-08-03", False, 13, 173),
        ("2025-01", "2025-01-01", "2025-06-30", "2025-06-30", False, 13, 170),
        ("2025-07", "2025-07-01", None, "2025-08-01", True, 0, 96),
    ]
    for m in maps:
        by_name, by_day = [
            await ok(public.get("/reporting/units", params={"map": m[k], "limit": "500"})) for k in ("map", "day")
        ]
        assert (by_name["items"], by_name["map"]) == (by_day["items"], m["day"])


async def test_members_of_the_window_are_explained_beside_their_number(world: World) -> None:
    text = text_of(await world.running.client().get("/", headers=HTML))
    assert (
        "Tính mọi người có tên trong một tổ ít nhất một ngày từ 28/07/2023 đến hết 03/08/2023, mỗi người một lần;"
        " sổ đăng ký đếm người đang ở các tổ hôm nay nên có thể khác."
    ) in text
    in_window = (await told(world))[1]
    desk = text_of(await world.officer.get("/so", headers=HTML))
    assert f"{in_window} thành viên" not in desk, "somebody left and somebody is on two teams since"
    assert f"{in_window} thành viên" in text


# -- before the reforms, through them, and back ----------------------------------------------------------------------


async def test_before_a_reform_there_is_no_choice_and_after_it_there_is(small: World) -> None:
    page = await look(small)
    assert (page.maps, page.chosen, len(page.tiles)) == ({}, None, 13)
    assert page.total.numbers == page.sums()
    await reform(small)
    assert list((await look(small)).maps.values()) == [f"/?map={key}" for key in MAPS.values()]
    await ok(small.officer.post("/registry/reforms/2025-07/reverse"), 201)
    await small.running.caught_up()
    assert list((await look(small)).maps.values()) == ["/?map=2023", "/?map=2025-01"]
    answer = await small.running.client().get("/", params={"map": "2025-07"}, headers=HTML)
    assert "«2025-01» (từ 01/01/2025); hoặc một ngày" in text_of(answer, 422)


async def test_the_live_page_follows_its_map_and_reads_it_once_for_everybody(
    small: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await reform(small)
    asked: list[Question] = []
    numbers = answers.numbers

    async def counted(*args: Any) -> Any:
        asked.append(args[1])
        return await numbers(*args)

    monkeypatch.setattr(answers, "numbers", counted)
    live: Live = small.running.services["reporting"].extras["live"]
    now, then = Question(None, "2025-07"), Question(None, "2023")
    views = [View("vi", now, None), View("en", now, None), View("vi", now, "51"), View("vi", then, None)]
    feeds = [live.changes(view) for view in views]
    firsts = [await anext(feed) for feed in feeds]
    assert ["row-21136-2507" in first["map"] + first["league"] for first in firsts] == [True, True, True, False]
    asked.clear()
    await small.send(small.officer, an_item(Done(f"t-{V2}", 777_001), "2023-07-31"))
    grown = {feeds[3]: "row-525"}
    for feed in feeds:
        async with asyncio.timeout(10):
            while grown.get(feed, f"row-{TAY_TRA_BONG}") not in (changes := await anext(feed)):
                assert "league" not in changes, "no more is sent than what is different"
        assert "row-total" in changes
    rounds = asked.count(then)
    assert 1 <= asked.count(now) <= rounds + 1, "three views, read once a round"

    await ok(small.officer.post("/registry/reforms/2025-07/reverse"), 201)
    async with asyncio.timeout(10):
        while 'href="/?map=2025-07"' in (await anext(feeds[0])).get("maps", 'href="/?map=2025-07"'):
            pass
    for feed in feeds:
        await feed.aclose()  # type: ignore[attr-defined]
