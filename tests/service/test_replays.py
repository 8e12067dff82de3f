"""A command sent again by its sender, by a colleague and by somebody who may not: who is told what it was answered."""

from __future__ import annotations

from datetime import datetime

import httpx

from shared.auth import Role
from shared.clock import VIETNAM
from shared.contracts.registry import TeamRenamed
from shared.ids import new_id
from tests.support.stack import Stack
from tests.support.world import LY_SON, MO_DUC, TOWN, a_team, ok, refused

NOW = datetime(2023, 7, 29, 20, 0, tzinfo=VIETNAM)


async def test_somebody_of_another_unit_is_refused_and_the_sender_is_answered(running: Stack) -> None:
    sender = running.client(Role.COMMUNE_OFFICER, units=[TOWN], subject="sender")
    stranger = running.client(Role.DISTRICT_OFFICER, units=[LY_SON], subject="stranger")
    body = a_team()
    first = await ok(sender.post("/registry/teams", json=body), 201)
    for again in (body, {**body, "name": "Tổ khác"}):
        refused(await stranger.post("/registry/teams", json=again), 403, "outside_your_unit", "unit_id")
    assert await ok(sender.post("/registry/teams", json=body), 201) == first


async def test_a_sender_who_lost_the_rights_is_refused(running: Stack) -> None:
    body = a_team()
    await ok(running.client(Role.COMMUNE_OFFICER, units=[TOWN], subject="moved").post("/registry/teams", json=body))
    elsewhere = running.client(Role.COMMUNE_OFFICER, units=[LY_SON], subject="moved")
    refused(await elsewhere.post("/registry/teams", json=body), 403, "outside_your_unit", "unit_id")


async def test_a_sender_whose_rights_are_others_by_now_is_still_answered(running: Stack) -> None:
    """Doing it again would be refused, for the team is there; what was asked is done, and that is the answer."""
    body = a_team()
    first = await ok(running.client(Role.COMMUNE_OFFICER, units=[TOWN]).post("/registry/teams", json=body), 201)
    province = running.client(Role.PROVINCE_OFFICER, units=["51"])
    assert await ok(province.post("/registry/teams", json=body), 201) == first
    colleague = running.client(Role.PROVINCE_OFFICER, units=["51"], subject="colleague")
    refused(await colleague.post("/registry/teams", json=body), 409, "id_taken", "team_id")


async def test_looking_whether_somebody_may_leaves_nothing_behind(running: Stack, officer: httpx.AsyncClient) -> None:
    """The last of two names is taken: renaming to the first again would be possible, and is not done."""
    team_id = str((await ok(officer.post("/registry/teams", json=a_team())))["team_id"])
    path, key = f"/registry/teams/{team_id}/rename", {"Idempotency-Key": new_id()}
    one, other = ({"name": name, "effective_on": "2023-07-20"} for name in ("Tổ một", "Tổ hai"))
    first = await ok(officer.post(path, json=one, headers=key))
    await ok(officer.post(path, json=other))
    colleague = running.client(Role.DISTRICT_OFFICER, units=[MO_DUC], subject="colleague")
    assert await ok(colleague.post(path, json=one, headers=key)) == first
    assert (await ok(officer.get(f"/registry/teams/{team_id}")))["name"] == "Tổ hai"
    assert len([e for e in await running.log("registry", TeamRenamed) if e.key() == team_id]) == 2


async def test_a_receipt_from_before_its_sender_was_kept_is_for_whoever_may(running: Stack) -> None:
    officer = running.client(Role.COMMUNE_OFFICER, units=[TOWN], subject="sender")
    stranger = running.client(Role.DISTRICT_OFFICER, units=[LY_SON], subject="stranger")
    body = a_team()
    first = await ok(officer.post("/registry/teams", json=body), 201)
    async with running.services["registry"].pool.acquire() as conn:
        await conn.execute("update receipt set sender = '', rights = '' where id = $1", body["team_id"])
    assert await ok(officer.post("/registry/teams", json=body), 201) == first
    refused(await stranger.post("/registry/teams", json=body), 403, "outside_your_unit", "unit_id")


async def test_two_receipts_do_not_show_that_one_person_sent_them(running: Stack, officer: httpx.AsyncClient) -> None:
    ids = [str((await ok(officer.post("/registry/teams", json=a_team())))["team_id"]) for _ in range(2)]
    async with running.services["registry"].pool.acquire() as conn:
        kept = await conn.fetch("select sender, rights from receipt where id = any($1)", ids)
    assert len({text for row in kept for text in row}) == 4
