"""A reform in the middle of a campaign: who owes the report, whose quota it is, and where everything is counted."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

from services.registry import editions
from shared.clock import VIETNAM
from tests.service.reforms import CHOICES, DONG_SON, V1
from tests.support.servers import Nats, Postgres
from tests.support.stack import nats_config
from tests.support.world import a_campaign, an_item, ok
from tests.system.test_reforms import World, province

CAMPAIGN = "qn-2025"
OLD = sorted(line.predecessor_id for line in editions.lineage("2025-07") if line.successor_id == DONG_SON)


async def guided(here: World, member: str, day: str, citizens: range) -> None:
    """The member guides these citizens on a day, and everybody knows."""
    items = [an_item(member, f"01779900{n:02}", occurred_at=f"{day}T08:00:00+07:00") for n in citizens]
    sent = await ok(here.officer.post("/outreach/guidances", json={"campaign_id": CAMPAIGN, "items": items}))
    assert [r["result"] for r in sent["receipts"]] == ["accepted"] * len(items), sent
    await here.running.caught_up()


async def owed(here: World, **on: str) -> dict[tuple[str, str], tuple[list[str], str]]:
    """(unit, first day) to whose reports it owes, and the last day."""
    found = await ok(here.running.client().get(f"/outreach/campaigns/{CAMPAIGN}", params=on))
    return {(o["unit_id"], o["first_day"]): (o["of_unit_ids"], o["last_day"]) for o in found["reports_owed"]}


async def counted(here: World, member: str, map_day: str) -> tuple[list[int], int, int]:
    """The member's citizens in the window; citizens and sessions of the new commune, or of the old ones together."""
    asked = {"campaign": CAMPAIGN, "limit": "500"}
    people = await ok(here.officer.get("/reporting/members", params=asked))
    units = await ok(here.officer.get("/reporting/units", params={**asked, "map": map_day, "level": "commune"}))
    mine: list[dict[str, Any]] = [u for u in units["items"] if u["unit_id"] in (DONG_SON, *OLD)]
    in_window = [m["citizens_in_window"] for m in people["items"] if m["member_id"] == member]
    return in_window, sum(u["citizens"] for u in mine), sum(u["sessions"] for u in mine)


async def test_reports_quota_and_counts_go_through_a_reform_and_back(
    postgres: Postgres, fresh_nats: Callable[..., Awaitable[Nats]]
) -> None:
    async with province(postgres, await fresh_nats(nats_config()), [V1, *OLD]) as here:
        here.clock.now = datetime(2025, 6, 27, 8, tzinfo=VIETNAM)
        await ok(here.officer.post("/registry/reforms", json={"edition": "2025-01"}), 201)
        plan = a_campaign(campaign_id=CAMPAIGN, launched_on="2025-06-27", report_due_on="2025-07-15",
                          reporting_unit_ids=OLD)  # fmt: skip
        await here.running.caught_up()
        await ok(here.officer.post("/outreach/campaigns", json=plan), 201)
        member = f"m-{OLD[0]}"
        here.clock.now = datetime(2025, 6, 30, 20, tzinfo=VIETNAM)
        await guided(here, member, "2025-06-29", range(4))

        here.clock.now = datetime(2025, 7, 2, 20, tzinfo=VIETNAM)
        known = {"villages": CHOICES["villages"]}
        await ok(here.officer.post("/registry/reforms", json={"edition": "2025-07", "choices": known}), 201)
        await here.running.caught_up()
        await guided(here, member, "2025-07-02", range(3, 7))  # one of them once more

        before_it = {(unit, "2025-06-27"): ([unit], "2025-06-30") for unit in OLD}
        since = {(DONG_SON, "2025-07-01"): (OLD, "2025-07-15")}
        assert await owed(here) == before_it | since
        assert await owed(here, on="2025-06-30") == before_it
        assert await owed(here, on="2025-07-01") == since
        assert await counted(here, member, "2025-07-02") == ([7], 7, 8)

        await ok(here.officer.post("/registry/reforms/2025-07/reverse"))
        await here.running.caught_up()
        assert await owed(here) == {(unit, "2025-06-27"): ([unit], "2025-07-15") for unit in OLD}
        assert await counted(here, member, "2025-06-30") == ([7], 7, 8)
