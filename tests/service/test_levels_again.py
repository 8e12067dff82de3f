"""Villages within villages that were established after a decision's day go along with the one that they lie in: when it
is carried out late, when it is taken back, and when it is carried out again."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import date
from typing import Any

import pytest

from tests.service.deep import GROUP, HAMLET, QUARTER, deep_world, establish
from tests.service.reforms import JULY, TRA_BUI, World, found_team, made_of, plan, unit
from tests.service.test_levels import a_reform, tree
from tests.service.test_reversals import AN_PHU, NGHIA_AN, NGHIA_PHU, agree
from tests.service.test_reversals_villages import at, reverse
from tests.support.servers import Nats, Postgres
from tests.support.stack import nats_config
from tests.support.world import refused

H, G, L = "h-new", "g-new", "l-new"
BELOW = {G: H, L: G}
KINDS = {H: "hamlet", G: "household_group", L: "lane"}
NAMES = {H: "Thôn Mới", G: "Tổ liên gia Mới", L: "Ngõ Mới"}
ELSEWHERE = "21136"
AGAIN = {"edition": "2025-01", "reform_id": "again"}


@pytest.fixture
async def here(postgres: Postgres, fresh_nats: Callable[..., Awaitable[Nats]]) -> AsyncIterator[World]:
    async with deep_world(postgres, await fresh_nats(nats_config())) as made:
        yield made


async def since(here: World, home: str, *some: str, below: str = "", day: str = "2025-03-10") -> None:
    """These units, each in the one before and the first right below `below`, with a team in the last."""
    for unit_id in some:
        said = {"name": NAMES[unit_id], "kind": KINDS[unit_id], "valid_from": day}
        await establish(here.officer, unit_id, parent_id=below or home, **said)
        below = unit_id
    place = {"level": "village", "village": NAMES[below], "village_id": below, "formed_on": day}
    await found_team(here.officer, home, below, **place)


async def lie(here: World, top: str, home: str | None, day: date = JULY) -> None:
    """All three are below `top`, one in another, and the team is where they are."""
    found = await tree(here, day)
    assert {i: found[i] for i in (H, G, L)} == {H: (top, home), G: (H, home), L: (G, home)}
    place = await here.place(f"t-{L}", day)
    assert (place.unit_id, place.village_id, place.commune_id) == (home, L, home)


def elsewhere(reform_id: str = "r-1") -> dict[str, Any]:
    """The hamlet goes from its quarter to another commune."""
    return {**a_reform((HAMLET, "Thôn Thượng", ELSEWHERE, (HAMLET,))), "reform_id": reform_id}


async def test_a_decision_that_is_entered_late_takes_all_depths_along(here: World) -> None:
    await since(here, NGHIA_AN, H, G, L, day="2025-01-10")
    seen = await here.preview(edition="2025-01")
    assert seen["questions"] == []
    ends = [(v["village"]["unit_id"], v["origin"]["unit_id"], v["target"]["unit_id"]) for v in seen["villages"]]
    assert ends == [(H, NGHIA_AN, AN_PHU), (G, H, H), (L, G, G)]
    assert (await here.execute(edition="2025-01"))["villages"] == 3
    await lie(here, AN_PHU, AN_PHU)
    assert await at(here, L, date(2025, 1, 10)) == (G, "522", AN_PHU)
    await agree(here)


async def test_back_and_forth_all_depths_stay_together(here: World) -> None:
    await here.execute(edition="2025-01")
    await since(here, AN_PHU, H, G, L)
    seen = await reverse(here, preview=True)
    assert [q["field"] for q in seen["questions"]] == [f"choices.villages.{H}"]
    assert (await reverse(here, villages={H: NGHIA_AN}))["villages"] == 3
    await lie(here, NGHIA_AN, NGHIA_AN)
    await agree(here)
    assert (await here.execute(**AGAIN))["villages"] == 3
    await lie(here, AN_PHU, AN_PHU)
    assert (await reverse(here, "again", villages={H: NGHIA_PHU}))["villages"] == 3
    await lie(here, NGHIA_PHU, NGHIA_PHU)
    await agree(here)


async def test_what_came_into_a_hamlet_goes_with_it_to_another_commune_and_back(here: World) -> None:
    """No commune is touched by the decision; the hamlet is, and what came into it has another home since."""
    await since(here, TRA_BUI, G, L, below=HAMLET)
    for reform_id in ("r-1", "r-2"):
        seen = await here.preview(plan=elsewhere(reform_id))
        assert ([v["village"]["unit_id"] for v in seen["villages"]], seen["questions"]) == ([G, L], [])
        assert f"t-{L}" in str(seen["moves"])
        assert (await here.execute(plan=elsewhere(reform_id)))["villages"] == 2
        found = await tree(here)
        assert (found[HAMLET], found[G], found[L]) == ((ELSEWHERE,) * 2, (HAMLET, ELSEWHERE), (G, ELSEWHERE))
        place = await here.place(f"t-{L}", JULY)
        assert (place.unit_id, place.village_id, place.commune_id) == (ELSEWHERE, L, ELSEWHERE)
        await agree(here)
        assert (await reverse(here, reform_id))["villages"] == 2
        found = await tree(here)
        assert (found[HAMLET], found[G], found[L]) == ((QUARTER, TRA_BUI), (HAMLET, TRA_BUI), (G, TRA_BUI))
        assert (await here.place(f"t-{L}", JULY)).unit_id == TRA_BUI
        await agree(here)


async def test_all_depths_wait_for_the_one_that_somebody_has_to_send(here: World) -> None:
    halves = [made_of(unit(i, name, parent_id="525"), parts=(TRA_BUI,)) for i, name in (("a", "Xã A"), ("b", "Xã B"))]
    body = plan("r-split", *halves, effective_on="2025-03-01", heirs={TRA_BUI: "a"})
    answers = {"villages": {"v-21142-1": "a", "v-21142-2": "b", QUARTER: "b"}, "teams": {f"t-{TRA_BUI}": "a"}}
    await since(here, TRA_BUI, H, G, L)
    seen = await here.preview(plan=body, choices=answers)
    assert [q["field"] for q in seen["questions"]] == [f"choices.villages.{H}"]
    assert (seen["villages"], f"t-{L}" in str(seen["moves"])) == ([], False)
    without = {**answers, "villages": {i: a for i, a in answers["villages"].items() if i != QUARTER}}
    open_still = await here.preview(plan=body, choices=without)
    assert f"t-{GROUP}" not in str(open_still["moves"]), "it waits for the quarter"
    answers["villages"] |= {H: "b"}
    await here.execute(plan=body, choices=answers)
    await lie(here, "b", "b")
    await agree(here)


async def test_a_team_stays_with_a_village_that_is_to_stay_where_it_is(here: World) -> None:
    """The commune goes on as the second of the parts."""
    parts = [unit("a", "Xã A", parent_id="525"), unit(TRA_BUI, "Xã Trà Bùi Mới", parent_id="525")]
    body = plan("r-split", *(made_of(p, parts=(TRA_BUI,)) for p in parts), effective_on="2025-03-01")
    answers = {"villages": dict.fromkeys(("v-21142-1", "v-21142-2", QUARTER), "a"), "teams": {f"t-{TRA_BUI}": "a"}}
    await since(here, TRA_BUI, H, G, L)
    answers["villages"] |= {H: TRA_BUI}
    assert (await here.execute(plan=body, choices=answers))["villages"] == 0
    await lie(here, TRA_BUI, TRA_BUI)
    await agree(here)


async def test_a_unit_that_comes_to_a_level_below_what_lies_in_it_is_refused(here: World) -> None:
    """What has been there is named by its level; what came since stands in the way."""
    await establish(here.officer, H, name=NAMES[H], kind="hamlet", parent_id=TRA_BUI)
    lane = made_of(unit(H, "Ngõ Thôn", "lane", TRA_BUI, level="village"), H)
    body = {"plan": plan("r-lane", lane, effective_on="2025-03-01")}
    await since(here, TRA_BUI, G, below=H)
    refused(await here.officer.post("/registry/reforms", json=body), 422, "newer_state", "plan.effective_on")
    old = made_of(unit(HAMLET, "Ngõ Thượng", "lane", TRA_BUI, level="village"), HAMLET)
    body = {"plan": plan("r-lane", old, effective_on="2025-03-01")}
    refused(await here.officer.post("/registry/reforms", json=body), 422, "level_does_not_fit", "plan.successors")


async def test_what_changed_within_a_village_that_came_since_stands_in_the_way(here: World) -> None:
    await since(here, TRA_BUI, G, L, below=HAMLET)
    renamed = made_of(unit(L, "Ngõ Khác", "lane", G, level="village"), L)
    await here.execute(plan=plan("r-name", renamed, effective_on="2025-04-01"))
    body = {"plan": elsewhere()}
    problem = refused(await here.officer.post("/registry/reforms", json=body), 422, "newer_state", "plan.effective_on")
    assert {e.get("about") for e in problem["errors"]} == {"r-name", None}


async def test_a_village_that_came_since_is_not_put_beside_one_of_its_name_that_stays(here: World) -> None:
    named = {"name": "Thôn Trùng", "kind": "hamlet", "valid_from": "2025-03-10"}
    await establish(here.officer, "v-stays", parent_id=ELSEWHERE, **named)
    await establish(here.officer, "v-comes", parent_id="21139", **named)
    merged = made_of(unit(ELSEWHERE, "Xã Mới", parent_id="525"), ELSEWHERE, "21139")
    body = {"plan": plan("r-merge", merged, effective_on="2025-03-01")}
    refused(await here.officer.post("/registry/reforms", json=body), 422, "village_exists", "choices.villages.v-comes")
