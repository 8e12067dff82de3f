"""A decision that was taken back is carried out again, with the villages that were established on its map."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import date
from typing import Any

import pytest

from services.registry.store import reforms
from shared.contracts.registry import TeamReassigned, UnitCorrected, UnitsReorganised
from tests.service.reforms import JULY, TRA_BUI, V1, V2, World, found_team, world
from tests.service.test_reversals import AN_PHU, NGHIA_AN, NGHIA_PHU, agree
from tests.service.test_reversals_villages import SINCE, a_split, at, reverse, village
from tests.support.pages import page
from tests.support.servers import Nats, Postgres
from tests.support.stack import nats_config
from tests.support.world import ok, refused

OWN = f"t-{TRA_BUI}"
AGAIN = {"edition": "2025-01", "reform_id": "again"}


@pytest.fixture
async def here(postgres: Postgres, fresh_nats: Callable[..., Awaitable[Nats]]) -> AsyncIterator[World]:
    """The map of 2023 with villages of Trà Bùi, and teams at it and in them."""
    async with world(postgres, await fresh_nats(nats_config()), TRA_BUI, V1, V2, NGHIA_AN) as made:
        yield made


async def team_in(here: World, village_id: str, unit_id: str) -> str:
    at_it = {"village": f"Thôn {village_id}", "village_id": village_id, "level": "village", "formed_on": "2025-03-10"}
    return await found_team(here.officer, unit_id, village_id[2:], **at_it)


async def taken_back(here: World) -> None:
    """January made An Phú of two communes; a village of it came, with a team, and it is at Nghĩa An since."""
    await here.execute(edition="2025-01")
    await village(here, "v-new", AN_PHU)
    await team_in(here, "v-new", AN_PHU)
    await reverse(here, villages={"v-new": NGHIA_AN})


async def split_and_taken_back(here: World) -> dict[str, Any]:
    """Trà Bùi was split, a village came to its second part with a team, and both are at Trà Bùi again."""
    plan = a_split()
    answers = {"villages": {V1: "c-1", V2: "c-2"}, "teams": {OWN: "c-1"}}
    await here.execute(plan=plan, choices=answers)
    await village(here, "v-new", "c-2")
    await team_in(here, "v-new", "c-2")
    await reverse(here, "r-split")
    assert (await at(here, "v-new"))[0] == TRA_BUI
    return {"plan": {**plan, "reform_id": "r-again"}, "choices": answers}


async def test_the_village_goes_along_with_its_team(here: World) -> None:
    await taken_back(here)
    seen = await here.preview(**AGAIN)
    assert seen["questions"] == []
    ends = [(v["village"]["name"], v["origin"]["unit_id"], v["target"]["unit_id"]) for v in seen["villages"]]
    assert ends == [("Thôn v-new", NGHIA_AN, AN_PHU)]
    done = await here.execute(**AGAIN)
    assert done["villages"] == 1
    assert await here.execute(**AGAIN) == done
    assert await at(here, "v-new", SINCE) == (AN_PHU, "522", AN_PHU)
    place = await here.place("t-new", JULY)
    assert (place.unit_id, place.village_id, place.commune_id) == (AN_PHU, "v-new", AN_PHU)
    asked = {"name": "Thôn v-new", "on": "2025-07-01"}
    found = await ok(here.officer.get("/registry/units/resolve", params=asked))
    assert (found["unit"]["unit_id"], found["unit"]["parent_id"]) == ("v-new", AN_PHU)
    async with here.running.services["registry"].pool.acquire() as conn:
        lines = await reforms.transitions(conn, "again")
    assert {t.predecessor_id for t in lines if t.successor_id == AN_PHU} == {NGHIA_PHU, NGHIA_AN}
    await agree(here)


async def test_whoever_follows_is_told_after_the_map_and_before_the_team(here: World) -> None:
    await taken_back(here)
    before = len(await here.running.log("registry"))
    await here.execute(**AGAIN)
    told = (await here.running.log("registry"))[before:]
    assert list(dict.fromkeys(type(e) for e in told)) == [UnitsReorganised, UnitCorrected, TeamReassigned]
    [corrected] = [e for e in told if isinstance(e, UnitCorrected)]
    assert (corrected.unit_id, corrected.since, corrected.parent_id) == ("v-new", SINCE, AN_PHU)
    known = await here.ask(
        "select parent_id, known_to is null, reason from unit_version where unit_id = 'v-new' order by known_from"
    )
    number = "1279/NQ-UBTVQH15"
    assert known == [
        (AN_PHU, False, None), (NGHIA_AN, False, f"Rút lại {number}"), (AN_PHU, True, f"Sắp xếp theo {number}"),
    ]  # fmt: skip


async def test_back_and_forth_and_back(here: World) -> None:
    await taken_back(here)
    await here.execute(**AGAIN)
    assert (await reverse(here, "again", villages={"v-new": NGHIA_PHU}))["villages"] == 1
    assert (await at(here, "v-new"))[0] == NGHIA_PHU
    await here.execute(edition="2025-01", reform_id="third")
    assert (await here.place("t-new", JULY)).unit_id == AN_PHU
    await agree(here)


async def test_of_a_split_it_goes_to_the_part_that_it_came_from(here: World) -> None:
    body = await split_and_taken_back(here)
    seen = await here.preview(**body)
    assert ([v["target"]["unit_id"] for v in seen["villages"]], seen["questions"]) == (["c-2"], [])
    assert (await here.execute(**body))["villages"] == 1
    assert (await at(here, "v-new"), (await here.place("t-new", JULY)).unit_id) == (("c-2", "525", "c-2"), "c-2")
    await agree(here)


async def test_of_a_split_somebody_may_say_otherwise(here: World) -> None:
    body = await split_and_taken_back(here)
    body["choices"]["villages"] |= {"v-new": "c-1"}
    await here.execute(**body)
    assert ((await at(here, "v-new"))[0], (await here.place("t-new", JULY)).unit_id) == ("c-1", "c-1")
    await agree(here)


async def test_of_a_split_somebody_says_where_a_village_goes_that_was_at_none_of_its_parts(here: World) -> None:
    body = await split_and_taken_back(here)
    await village(here, "v-late", TRA_BUI)
    await team_in(here, "v-late", TRA_BUI)
    [asked] = (await here.preview(**body))["questions"]
    assert (asked["field"], asked["kind"], asked["unit"]["unit_id"]) == ("choices.villages.v-late", "village", TRA_BUI)
    assert [c["unit_id"] for c in asked["candidates"]] == ["c-1", "c-2"]
    path = "/registry/reforms"
    refused(await here.officer.post(path, json=body), 422, "choice_missing", "choices.villages.v-late")
    body["choices"]["villages"] |= {"v-late": AN_PHU}
    refused(await here.officer.post(path, json=body), 422, "not_a_candidate", "choices.villages.v-late")
    body["choices"]["villages"] |= {"v-late": "c-1"}
    assert (await here.execute(**body))["villages"] == 2
    assert ((await at(here, "v-late"))[0], (await here.place("t-late", JULY)).unit_id) == ("c-1", "c-1")
    assert (await here.place("t-new", JULY)).unit_id == "c-2"
    await agree(here)


async def test_two_villages_of_one_name_are_not_put_beside_each_other(here: World) -> None:
    for village_id, unit_id in (("v-late", NGHIA_AN), ("v-twin", NGHIA_PHU)):
        await village(here, village_id, unit_id, name="Thôn Trùng", valid_from="2025-01-10")
    problem = refused(
        await here.officer.post("/registry/reforms", json=AGAIN), 422, "village_exists", "choices.villages.v-twin"
    )
    assert "«Thôn Trùng» (v-twin) would have the name of «Thôn Trùng» (v-late)" in str(problem["errors"])


async def test_a_village_that_changed_since_stands_in_the_way_as_before(here: World) -> None:
    await taken_back(here)
    unit = {"unit_id": "v-renamed", "code": "", "name": "Thôn Khác", "kind": "hamlet", "level": "village",
            "parent_id": NGHIA_AN}  # fmt: skip
    renamed = {
        "reform_id": "r-name", "effective_on": "2025-04-01",
        "legal_basis": {"number": "7/NQ-HĐND", "title": "Đổi tên", "issued_on": "2025-03-20", "issuer": "HĐND"},
        "successors": [{"unit": unit, "predecessors": [{"unit_id": "v-new"}]}],
    }  # fmt: skip
    await here.execute(plan=renamed)
    problem = refused(await here.officer.post("/registry/reforms", json=AGAIN), 422, "newer_state", "plan.effective_on")
    assert "r-name" in {e.get("about") for e in problem["errors"]}


async def test_a_decision_that_is_entered_late_takes_along_what_came_after_its_day(here: World) -> None:
    """Nobody has taken anything back: the village was established below a unit that was abolished already."""
    await village(here, "v-late", NGHIA_AN, valid_from="2025-01-10")
    await here.execute(edition="2025-01")
    assert await at(here, "v-late", date(2025, 1, 10)) == (AN_PHU, "522", AN_PHU)
    assert "Thôn v-late" in await page(here.officer, f"/so/don-vi/{AN_PHU}")
