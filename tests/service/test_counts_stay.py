"""A person moves in mid-campaign, and is erased later: every number of every service stays what it was."""

from __future__ import annotations

from typing import Any

import httpx

from services.courses.app import SPEC as COURSES
from services.outreach.app import SPEC as OUTREACH
from services.registry.app import SPEC as REGISTRY
from services.reporting.app import SPEC as REPORTING
from shared.auth import Role
from tests.support.servers import Nats, Postgres
from tests.support.stack import HandClock, Stack, stack
from tests.support.world import (
    AFTER_THE_WINDOW,
    CAMPAIGN,
    DUC_NHUAN,
    LY_SON,
    MO_DUC,
    TOWN,
    a_campaign,
    an_item,
    ok,
    people,
    results,
    send,
)

BEFORE, AFTER = "2023-07-29T08:00:00+07:00", "2023-08-01T08:00:00+07:00"


async def counted(running: Stack, officer: httpx.AsyncClient) -> dict[str, Any]:
    """What reporting says of province, units, teams and members, without what changes by itself."""
    await running.caught_up()
    whole = await ok(officer.get("/reporting/overview"))
    found: dict[str, Any] = {k: whole[k] for k in ("members", "teams", "citizens", "sessions", "withdrawn")}
    for listed in ("units", "teams", "members"):
        page = await ok(officer.get(f"/reporting/{listed}", params={"limit": 200}))
        found[listed + "_listed"] = sorted(page["items"], key=str)
    return found


def _by(items: list[dict[str, Any]], key: str, wanted: str) -> dict[str, Any]:
    return next(i for i in items if i[key] == wanted)


async def test_a_move_in_mid_campaign_and_an_erasure_leave_every_number_right(
    postgres: Postgres, guarded_nats: Nats
) -> None:
    specs = (REGISTRY, OUTREACH, REPORTING)
    async with stack(*specs, postgres=postgres, nats=guarded_nats, clock=HandClock(AFTER_THE_WINDOW)) as running:
        officer = running.client(Role.PROVINCE_OFFICER, units=["51"])
        loaded = await ok(officer.post("/registry/editions/2023"), 201)
        campaign = a_campaign(campaign_id=CAMPAIGN)
        await ok(officer.post("/outreach/campaigns", json=campaign, params={"min_pos": loaded["pos"]}), 201)
        old, (_, member) = await people(running)
        new, _ = await people(running, DUC_NHUAN, count=1)
        move = {"from_team_id": old, "to_team_id": new, "moved_on": "2023-07-31"}
        await ok(officer.post(f"/registry/members/{member}/move", json=move))
        await running.caught_up()

        sent = [an_item(member, f"01777100{n:02}", occurred_at=BEFORE) for n in range(4)]
        sent += [an_item(member, f"01777100{n:02}", occurred_at=AFTER) for n in range(3, 8)]  # one of them once more
        assert results(await send(officer, *sent)) == ["accepted"] * len(sent)
        before = await counted(running, officer)

        assert (before["citizens"], before["sessions"]) == (8, 9)
        assert [_by(before["teams_listed"], "team_id", t)["sessions"] for t in (old, new)] == [4, 5]
        listed = [m for m in before["members_listed"] if m["member_id"] == member]
        assert {m["citizens_in_window"] for m in listed} == {8}, "the quota is the person's, whichever the team"
        assert before["members"]["met"] == 1
        units = {u["unit_id"]: u for u in before["units_listed"]}
        assert (units[MO_DUC]["citizens"], units[MO_DUC]["sessions"], units[LY_SON]["sessions"]) == (8, 9, 0)
        below = await ok(officer.get("/reporting/units", params={"level": "commune", "within": MO_DUC, "limit": 200}))
        communes = {u["unit_id"]: u["sessions"] for u in below["items"]}
        assert (communes[TOWN], communes[DUC_NHUAN]) == (4, 5)

        log = len(await running.log("outreach"))
        await ok(officer.post(f"/registry/members/{member}/erase"))
        assert await counted(running, officer) == before
        assert len(await running.log("outreach")) == log
        again = an_item(member, "0177710099", occurred_at=AFTER)
        assert results(await send(officer, again)) == ["accepted"], "what was done before the erasure may come late"
        assert (await counted(running, officer))["sessions"] == 10


async def test_course_results_stand_beside_the_headcount_of_the_day(postgres: Postgres, guarded_nats: Nats) -> None:
    specs = (REGISTRY, COURSES, REPORTING)
    async with stack(*specs, postgres=postgres, nats=guarded_nats, clock=HandClock(AFTER_THE_WINDOW)) as running:
        officer = running.client(Role.PROVINCE_OFFICER, units=["51"])
        school = {"organisation_id": "truong", "name": "Trường", "sector": "education"}
        await ok(officer.post("/registry/organisations", json=school), 201)
        for since, count in (("2023-07-01", 60), ("2023-08-03", 75)):
            declared = {"headcount": count, "valid_from": since}
            await ok(officer.post("/registry/organisations/truong/headcounts", json=declared), 201)
        await running.caught_up()
        found = {}
        for day in ("2023-06-30", "2023-07-01", "2023-08-02", "2023-08-03", None):
            page = await ok(officer.get("/reporting/organisations", params={"on": day} if day else {}))
            found[page["on"]] = [line["headcount"] for line in page["items"]]
        assert found == {
            "2023-06-30": [None], "2023-07-01": [60], "2023-08-02": [60], "2023-08-03": [75], "2023-08-05": [75],
        }  # fmt: skip
