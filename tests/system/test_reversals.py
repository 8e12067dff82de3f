"""A reform is taken back with teams, people and numbers that came since: every total stays, on every map."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime
from typing import Any

import pytest

from phongtrao import operate
from services.registry import editions
from shared.clock import VIETNAM
from shared.contracts.outreach import CitizenGuided
from tests.service.reforms import CA_DAM, CHOICES, LY_SON, TAY_TRA_BONG, TRA_BUI, V1, V2, found_team
from tests.support.servers import Nats, Postgres
from tests.support.stack import nats_config
from tests.support.world import a_campaign, ok
from tests.system.test_reforms import COMMUNES_NOW, IN_2023, NOW, Done, World, an_item, province, reform, shown, sums

SECOND = "qn-2025"
NEW, ISLE = "t-new", "t-isle"
"""Teams that were formed on the map of July: at Cà Đam, which has several predecessors, and at Lý Sơn, with one."""
[ANOTHER, *_] = [
    line.predecessor_id
    for line in editions.lineage("2025-07")
    if line.successor_id == CA_DAM and line.predecessor_id != TRA_BUI
]
SENT = [Done(NEW, 1), Done(NEW, 2), Done(ISLE, 1), Done(f"t-{V1}", 2), Done(f"t-{V2}", 3), Done(f"t-{LY_SON}", 4)]
IN_JULY = {NEW: CA_DAM, ISLE: LY_SON, f"t-{V1}": CA_DAM, f"t-{V2}": TAY_TRA_BONG, f"t-{LY_SON}": LY_SON}
TAKEN_BACK = {NEW: ANOTHER, ISLE: LY_SON, f"t-{V1}": TRA_BUI, f"t-{V2}": TRA_BUI, f"t-{LY_SON}": LY_SON}


@pytest.fixture
async def here(postgres: Postgres, fresh_nats: Callable[..., Awaitable[Nats]]) -> AsyncIterator[World]:
    """The campaign of 2023, both reforms, two teams more, and a campaign on the new map."""
    async with province(postgres, await fresh_nats(nats_config()), [V1, V2, LY_SON, ANOTHER]) as world:
        await reform(world)
        await found_team(world.officer, CA_DAM, "new", formed_on="2025-07-10")
        await found_team(world.officer, LY_SON, "isle", level="commune", formed_on="2025-07-12")
        plan = a_campaign(campaign_id=SECOND, launched_on="2025-07-28", report_due_on="2025-12-15",
                          reporting_unit_ids=COMMUNES_NOW)  # fmt: skip
        await ok(world.officer.post("/outreach/campaigns", json=plan), 201)
        await world.running.caught_up()
        await send(world, *(an_item(done, "2025-07-30") for done in SENT))
        yield world


async def send(world: World, *items: dict[str, Any]) -> None:
    body = {"campaign_id": SECOND, "items": list(items)}
    answer = await ok(world.officer.post("/outreach/guidances", json=body))
    assert {r["result"] for r in answer["receipts"]} == {"accepted"}, answer
    await world.running.caught_up()


def by_unit(at: dict[str, str], *more: Done) -> dict[str, tuple[int, int]]:
    """Distinct citizens and sessions by the unit that each team is to be at."""
    done = [*SENT, *more]
    sessions = Counter(at[d.team_id] for d in done)
    citizens = Counter(unit_id for unit_id, _ in {(at[d.team_id], d.citizen) for d in done})
    return {unit_id: (citizens[unit_id], n) for unit_id, n in sessions.items()}


async def numbers(world: World, day: str, level: str, campaign: str = SECOND) -> dict[str, tuple[int, int]]:
    """Everything that an answer says of units; the parts must add up to what the overview says of all together."""
    page = await world.units(campaign=campaign, map=day, level=level)
    every = await ok(world.running.client().get("/reporting/overview", params={"campaign": campaign}))
    members, teams = every["members"], every["teams"]
    facts = {"members": members["total"], "members_met": members["met"], "teams": teams["total"]}
    assert sums(page) == Counter({"sessions": every["sessions"], **facts}), (day, level, campaign)
    return shown(page) | shown(page, "rest")


async def test_every_total_stays_with_teams_that_were_formed_on_the_map_that_goes(here: World) -> None:
    assert await numbers(here, NOW, "commune") == by_unit(IN_JULY)
    of_2023 = [await numbers(here, IN_2023, level, "qn-2023") for level in ("district", "commune")]
    july = await numbers(here, NOW, "commune", "qn-2023")
    [asked] = (await ok(here.officer.post("/registry/reforms/2025-07/reverse/preview"), 200))["questions"]
    assert asked["field"] == f"choices.teams.{NEW}"

    body = {"choices": {"teams": {NEW: ANOTHER}}}
    await ok(here.officer.post("/registry/reforms/2025-07/reverse", json=body), 201)
    await here.running.caught_up()
    assert await numbers(here, NOW, "commune") == by_unit(TAKEN_BACK)
    assert sum(n for _, n in (await numbers(here, NOW, "district")).values()) == len(SENT)
    assert [await numbers(here, IN_2023, level, "qn-2023") for level in ("district", "commune")] == of_2023
    listed = await ok(here.officer.get("/reporting/teams", params={"campaign": SECOND, "map": NOW}))
    assert {t["team_id"]: t["unit_id"] for t in listed["items"] if t["team_id"] in TAKEN_BACK} == TAKEN_BACK

    late = Done(NEW, 9)
    await send(here, an_item(late, "2025-07-31"))
    event = (await here.running.log("outreach", CitizenGuided))[-1]
    assert isinstance(event, CitizenGuided)
    assert (event.unit_id, event.commune_id) == (ANOTHER, ANOTHER)
    assert await numbers(here, NOW, "commune") == by_unit(TAKEN_BACK, late)
    assert await operate.verify(list(here.running.services.values()), None, lambda _: None) == 0

    here.clock.now = datetime(2025, 8, 2, 8, 0, tzinfo=VIETNAM)
    again = {"edition": "2025-07", "reform_id": "again", "choices": {"villages": CHOICES["villages"]}}
    await ok(here.officer.post("/registry/reforms", json=again), 201)
    await here.running.caught_up()
    assert await numbers(here, NOW, "commune") == by_unit(IN_JULY, late)
    assert await numbers(here, NOW, "commune", "qn-2023") == july
    assert await operate.verify(list(here.running.services.values()), None, lambda _: None) == 0


async def test_a_village_of_the_map_that_goes_and_its_team_are_at_the_predecessor_everywhere(here: World) -> None:
    body = {"village_id": "v-late", "name": "Thôn Muộn", "parent_id": CA_DAM, "valid_from": "2025-07-11"}
    await ok(here.officer.post("/registry/villages", json=body), 201)
    own = {"village": "Thôn Muộn", "village_id": "v-late", "level": "village", "formed_on": "2025-07-12"}
    await found_team(here.officer, CA_DAM, "late", **own)
    await here.running.caught_up()
    late = [Done("t-late", 5), Done("t-late", 6)]
    await send(here, *(an_item(done, "2025-07-30") for done in late))
    assert await numbers(here, NOW, "commune") == by_unit({**IN_JULY, "t-late": CA_DAM}, *late)

    choices = {"choices": {"teams": {NEW: ANOTHER}, "villages": {"v-late": TRA_BUI}}}
    done = await ok(here.officer.post("/registry/reforms/2025-07/reverse", json=choices), 201)
    assert done["villages"] == 1
    await here.running.caught_up()
    assert await numbers(here, NOW, "commune") == by_unit({**TAKEN_BACK, "t-late": TRA_BUI}, *late)
    await send(here, an_item(Done("t-late", 7), "2025-07-31"))
    event = (await here.running.log("outreach", CitizenGuided))[-1]
    assert isinstance(event, CitizenGuided)
    assert (event.unit_id, event.commune_id) == (TRA_BUI, TRA_BUI)
    assert await operate.verify(list(here.running.services.values()), None, lambda _: None) == 0
