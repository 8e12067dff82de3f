"""A reform is taken back with the villages that were established on its map since, and with the teams in them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import date
from typing import Any

import pytest

from shared.contracts.registry import ReorganisationReversed, TeamReassigned, UnitCorrected
from tests.service.reforms import CHOICES, JULY, LY_SON, TRA_BUI, V1, V2, World, found_team, world
from tests.service.test_reversals import AN_PHU, NGHIA_AN, NGHIA_PHU, REVERSE, agree
from tests.support.pages import page, text_of
from tests.support.servers import Nats, Postgres
from tests.support.stack import nats_config
from tests.support.world import ok, refused

SINCE = date(2025, 3, 1)


@pytest.fixture
async def here(postgres: Postgres, fresh_nats: Callable[..., Awaitable[Nats]]) -> AsyncIterator[World]:
    """The map of January, with a village of An Phú, which was merged of two, and a team there."""
    async with world(postgres, await fresh_nats(nats_config()), TRA_BUI, V1, V2, NGHIA_AN, LY_SON) as made:
        await made.execute(edition="2025-01")
        await village(made, "v-new", AN_PHU)
        at = {"village": "Thôn v-new", "village_id": "v-new", "level": "village", "formed_on": "2025-03-10"}
        await found_team(made.officer, AN_PHU, "new", **at)
        yield made


async def village(here: World, village_id: str, parent_id: str, **changed: Any) -> None:
    """A village, established on the map of its day."""
    body = {"village_id": village_id, "name": f"Thôn {village_id}", "parent_id": parent_id, "valid_from": str(SINCE)}
    await ok(here.officer.post("/registry/villages", json={**body, **changed}), 201)


async def reverse(here: World, reform_id: str = "2025-01", *, preview: bool = False, **choices: Any) -> dict[str, Any]:
    path = REVERSE.format(reform_id) + ("/preview" if preview else "")
    return await ok(here.officer.post(path, json={"choices": choices}))


async def at(here: World, unit_id: str, day: date = JULY) -> tuple[str | None, str | None, str | None]:
    found = next(u for u in await here.map(day) if u.unit_id == unit_id)
    return found.parent_id, found.district_id, found.commune_id


async def test_somebody_says_where_a_village_of_several_goes_and_its_team_goes_with_it(here: World) -> None:
    seen = await reverse(here, preview=True)
    [asked] = seen["questions"]
    assert (asked["field"], asked["kind"], asked["name"]) == ("choices.villages.v-new", "village", "Thôn v-new")
    assert (asked["unit"]["unit_id"], asked["since"]) == (AN_PHU, "2025-03-01")
    assert [c["unit_id"] for c in asked["candidates"]] == [NGHIA_PHU, NGHIA_AN]
    assert "t-new" not in str(seen["moves"])
    refused(await here.officer.post(REVERSE.format("2025-01")), 422, "choice_missing", "choices.villages.v-new")
    astray = {"choices": {"villages": {"v-new": TRA_BUI}}}
    answer = await here.officer.post(REVERSE.format("2025-01"), json=astray)
    refused(answer, 422, "not_a_candidate", "choices.villages.v-new")
    closed = {"choices": {"villages": {V1: NGHIA_AN}}}
    refused(
        await here.officer.post(REVERSE.format("2025-01"), json=closed),
        422,
        "choice_not_open",
        f"choices.villages.{V1}",
    )

    chosen = await reverse(here, preview=True, villages={"v-new": NGHIA_AN})
    assert [(v["village"]["unit_id"], v["origin"]["unit_id"], v["target"]["unit_id"]) for v in chosen["villages"]] == [
        ("v-new", AN_PHU, NGHIA_AN)
    ]
    assert (chosen["questions"], "t-new" in str(chosen["moves"])) == ([], True)
    done = await reverse(here, villages={"v-new": NGHIA_AN})
    assert (done["villages"], done["teams"]) == (1, 2)
    assert await reverse(here, villages={"v-new": NGHIA_AN}) == done
    assert await at(here, "v-new", SINCE) == (NGHIA_AN, "522", NGHIA_AN)
    place = await here.place("t-new", JULY)
    assert (place.unit_id, place.village_id, place.commune_id) == (NGHIA_AN, "v-new", NGHIA_AN)
    await agree(here)


async def test_whoever_follows_is_told_after_the_map_and_before_the_teams(here: World) -> None:
    await reverse(here, villages={"v-new": NGHIA_AN})
    told = [e for e in await here.running.log("registry") if isinstance(e, UnitCorrected | ReorganisationReversed)]
    assert [type(e) for e in told] == [ReorganisationReversed, UnitCorrected]
    [corrected] = [e for e in told if isinstance(e, UnitCorrected)]
    assert (corrected.unit_id, corrected.since, corrected.parent_id) == ("v-new", SINCE, NGHIA_AN)
    assert (corrected.district_id, corrected.commune_id) == ("522", NGHIA_AN)
    kinds = [type(e) for e in await here.running.log("registry")]
    assert kinds.index(UnitCorrected) < len(kinds) - 1 - kinds[::-1].index(TeamReassigned)
    known = await here.ask(
        "select parent_id, known_to is null, reason from unit_version where unit_id = 'v-new' order by 2"
    )
    assert known == [(AN_PHU, False, None), (NGHIA_AN, True, "Rút lại 1279/NQ-UBTVQH15")]


async def test_a_village_of_a_unit_with_one_predecessor_goes_there_by_itself(here: World) -> None:
    await here.execute(edition="2025-07", choices={**CHOICES, "villages": {**CHOICES["villages"]}})
    await village(here, "v-isle", LY_SON, valid_from="2025-07-10")
    assert await at(here, "v-isle", date(2025, 7, 20)) == (LY_SON, None, LY_SON)
    seen = await reverse(here, "2025-07", preview=True)
    assert [(v["village"]["name"], v["origin"]["name"], v["target"]["name"]) for v in seen["villages"]] == [
        ("Thôn v-isle", "Đặc khu Lý Sơn", "Huyện Lý Sơn")
    ]
    assert seen["questions"] == []
    assert (await reverse(here, "2025-07"))["villages"] == 1
    assert await at(here, "v-isle", date(2025, 7, 20)) == (LY_SON, LY_SON, None)
    await agree(here)


def a_split() -> dict[str, Any]:
    """Trà Bùi becomes two communes, each with one of its two villages."""
    made = [
        {"unit_id": f"c-{n}", "code": f"9000{n}", "name": f"Xã Phần {n}", "kind": "commune", "level": "commune",
         "parent_id": "525"} for n in (1, 2)
    ]  # fmt: skip
    return {
        "reform_id": "r-split", "effective_on": "2025-02-01", "heirs": {TRA_BUI: "c-1"},
        "legal_basis": {"number": "9/NQ", "title": "Tách xã", "issued_on": "2025-01-20", "issuer": "UBTVQH"},
        "successors": [{"unit": u, "predecessors": [{"unit_id": TRA_BUI, "part": "part"}]} for u in made],
    }  # fmt: skip


async def test_two_villages_of_one_name_are_not_put_beside_each_other(here: World) -> None:
    await here.execute(plan=a_split(), choices={"villages": {V1: "c-1", V2: "c-2"}, "teams": {f"t-{TRA_BUI}": "c-1"}})
    await village(here, "v-twin", "c-1", name="thôn 2")
    for path in (REVERSE, REVERSE + "/preview"):
        answer = await here.officer.post(path.format("r-split"))
        problem = refused(answer, 422, "village_exists", "choices.villages.v-twin")
        assert "«thôn 2» (v-twin) would have the name of «Thôn 2» (v-21142-2)" in str(problem["errors"])
    opened = await page(here.officer, "/so/sap-xep/r-split/rut-lai")
    assert "hãy đính chính tên trước" in opened
    assert "soạn một sắp xếp mới" not in opened
    right = {"since": str(SINCE), "name": "Thôn 3", "reason": "Trùng tên"}
    await ok(here.officer.post("/registry/units/v-twin/corrections", json=right), 201)
    assert (await reverse(here, "r-split"))["villages"] == 1
    assert await at(here, "v-twin") == (TRA_BUI, "525", TRA_BUI)
    await agree(here)


async def test_a_village_that_changed_since_stands_in_the_way_as_before(here: World) -> None:
    await village(here, "v-new2", AN_PHU)
    unit = {"unit_id": "v-both", "code": "", "name": "Thôn Chung", "kind": "hamlet", "level": "village",
            "parent_id": AN_PHU}  # fmt: skip
    merge = {
        "reform_id": "r-both", "effective_on": "2025-04-01",
        "legal_basis": {"number": "7/NQ-HĐND", "title": "Sáp nhập", "issued_on": "2025-03-20", "issuer": "HĐND"},
        "successors": [{"unit": unit, "predecessors": [{"unit_id": "v-new"}, {"unit_id": "v-new2"}]}],
    }  # fmt: skip
    await here.execute(plan=merge)
    problem = refused(await here.officer.post(REVERSE.format("2025-01")), 422, "newer_state", "reform_id")
    assert {e.get("about") for e in problem["errors"]} >= {"r-both"}
    await here.reverse("r-both")
    assert len((await reverse(here, preview=True))["questions"]) == 2


async def test_the_page_asks_for_villages_like_for_teams(here: World) -> None:
    path = "/so/sap-xep/2025-01/rut-lai"
    opened = await page(here.officer, path)
    assert "Cần bạn chọn nơi về cho 1 thôn, tổ" in opened
    assert "Thôn v-new ở Xã An Phú từ 01/03/2025" in opened
    missing = await here.officer.post(path, data={"step": "choose"})
    assert "hãy chọn đơn vị cho «Thôn v-new»" in text_of(missing, 422)
    sent = {"choices.villages.v-new": NGHIA_AN, "step": "choose"}
    sure = await here.officer.post(path, data=sent)
    assert '<input type="hidden" name="choices.villages.v-new"' in sure.text
    assert "Thôn lập sau đó đi theo 1 Tổ trở về 2" in text_of(sure)
    done = await here.officer.post(path, data={**sent, "step": "execute"})
    assert done.status_code == 303
    assert "Thôn v-new" in await page(here.officer, f"/so/don-vi/{NGHIA_AN}")
