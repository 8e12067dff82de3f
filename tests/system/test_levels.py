"""What teams do at any depth below a commune counts for the commune and the district, through reforms of the tree."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime

from shared.clock import VIETNAM
from tests.service.deep import DISTRICT, GROUP, GROUP_2, HAMLET, LANE, QUARTER, grow
from tests.service.reforms import CHOICES, TAY_TRA_BONG, TRA_BUI
from tests.service.test_levels import a_reform
from tests.support.servers import Nats, Postgres
from tests.support.stack import nats_config
from tests.support.world import TOWN, ok
from tests.system.test_reforms import CAMPAIGN, World, province

OTHER = "21136"
"""Another commune of the same district, of which Trà Bùi's hamlet becomes a part."""
SENT = {QUARTER: 1, HAMLET: 2, GROUP: 3, GROUP_2: 4, LANE: 5}
"""Citizens that each team guides."""


async def guided(here: World) -> None:
    """Each team of the tree guides its citizens, and everybody knows."""
    items = [
        {"guidance_id": f"g-{team}-{n}", "member_id": f"m-{team}", "occurred_at": "2023-07-29T08:00:00+07:00",
         "citizen": {"phone": f"0167{at}000{n:02}"}, "topics": ["services"], "place": "home"}
        for at, (team, count) in enumerate(SENT.items()) for n in range(count)
    ]  # fmt: skip
    body = {"campaign_id": CAMPAIGN, "items": items}
    receipts = (await ok(here.officer.post("/outreach/guidances", json=body)))["receipts"]
    assert [r["result"] for r in receipts] == ["accepted"] * sum(SENT.values()), receipts
    await here.running.caught_up()


async def counted(here: World, day: str, *units: str) -> dict[str, tuple[int, int]]:
    """Citizens and sessions of these units on the map of a day; a unit that is not listed has none."""
    found: dict[str, tuple[int, int]] = {}
    for level in ("district", "commune"):
        rows = await here.units(level=level, map=day)
        assert not [r for r in rows["items"] if r["level"] == "village"], "villages stand in no list of numbers"
        found |= {r["unit_id"]: (r["citizens"], r["sessions"]) for r in rows["items"]}
    return {unit: found.get(unit, (0, 0)) for unit in units}


async def test_a_deep_tree_counts_for_its_commune_and_its_district(
    postgres: Postgres, fresh_nats: Callable[..., Awaitable[Nats]]
) -> None:
    async with province(postgres, await fresh_nats(nats_config()), [TOWN]) as here:
        await grow(here.officer)
        await here.running.caught_up()
        await guided(here)
        every, moved = sum(SENT.values()), SENT[HAMLET] + SENT[GROUP] + SENT[LANE]
        all_of_it = {TRA_BUI: (every, every), DISTRICT: (every, every), OTHER: (0, 0)}
        assert await counted(here, "2023-07-29", *all_of_it) == all_of_it
        people = await ok(here.officer.get("/reporting/members", params={"campaign": CAMPAIGN, "limit": "500"}))
        mine = {m["member_id"]: m["citizens_in_window"] for m in people["items"] if m["team_id"] != f"t-{TOWN}"}
        assert mine == {f"m-{team}": count for team, count in SENT.items()}

        here.clock.now = datetime(2025, 8, 1, 8, tzinfo=VIETNAM)
        await ok(here.officer.post("/registry/reforms", json={"edition": "2025-01"}), 201)
        await ok(here.officer.post("/registry/reforms", json={"plan": a_reform(
            (HAMLET, "Thôn Thượng", OTHER, (HAMLET,)))}), 201)  # fmt: skip
        await here.running.caught_up()
        assert await counted(here, "2025-02-28", *all_of_it) == all_of_it, "as the map was"
        rest = every - moved
        assert await counted(here, "2025-03-01", TRA_BUI, OTHER, DISTRICT) == {
            TRA_BUI: (rest, rest), OTHER: (moved, moved), DISTRICT: (every, every),
        }  # fmt: skip

        chosen = {"villages": {**CHOICES["villages"], QUARTER: TAY_TRA_BONG}}
        await ok(here.officer.post("/registry/reforms", json={"edition": "2025-07", "choices": chosen}), 201)
        await here.running.caught_up()
        july = await counted(here, "2025-07-01", TAY_TRA_BONG, TRA_BUI, OTHER)
        assert july == {TAY_TRA_BONG: (rest, rest), TRA_BUI: (0, 0), OTHER: (0, 0)}
        assert sum(
            r["sessions"] for r in (await here.units(level="commune", map="2025-07-01"))["items"]
        ) == every + len(here.done)
        for edition in ("2025-07", "r-1"):
            await ok(here.officer.post(f"/registry/reforms/{edition}/reverse"))
        await here.running.caught_up()
        assert await counted(here, "2025-07-01", *all_of_it) == all_of_it
