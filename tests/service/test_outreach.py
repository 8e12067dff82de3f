"""Outreach as a whole: HTTP, Postgres, and what it learns from registry. Each test has people of its own."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import pytest

from services.outreach.app import SPEC as OUTREACH
from shared.auth import Role
from shared.contracts.outreach import CampaignLaunched, CitizenGuided, GuidanceWithdrawn
from shared.ids import new_id
from tests.support.servers import Nats, Postgres
from tests.support.stack import Stack, nats_config, stack
from tests.support.world import (
    CAMPAIGN,
    DUC_NHUAN,
    LY_SON,
    MO_DUC,
    TOWN,
    a_campaign,
    a_member,
    an_item,
    events_of,
    ok,
    outreach_at_work,
    people,
    refused,
    results,
    send,
    team_of,
)

OUTSIDE = ("refused", "outside_your_unit")


@pytest.fixture(scope="module")
async def running(postgres: Postgres, guarded_nats: Nats) -> AsyncIterator[Stack]:
    async with outreach_at_work(postgres, guarded_nats) as started:
        yield started


# -- campaigns --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "days"), [("ceremony_day", ("2023-07-28", "2023-08-03")), ("day_after", ("2023-07-29", "2023-08-04"))]
)
async def test_a_campaign_is_launched_once_under_both_day_one_rules(
    running: Stack, officer: httpx.AsyncClient, rule: str, days: tuple[str, str]
) -> None:
    body = a_campaign(day_one_rule=rule)
    answers = await asyncio.gather(*(officer.post("/outreach/campaigns", json=body) for _ in range(5)))
    assert {(a.status_code, a.text) for a in answers} == {(201, answers[0].text)}
    assert (answers[0].json()["first_day"], answers[0].json()["last_day"]) == days
    assert [e.key() for e in await running.log("outreach", CampaignLaunched)].count(body["campaign_id"]) == 1
    shown = await ok(running.client().get(f"/outreach/campaigns/{body['campaign_id']}"))
    assert (shown["first_day"], shown["topics"]) == (days[0], ["services", "payments"])
    listed = await ok(running.client().get("/outreach/campaigns"))
    assert body["campaign_id"] in {c["campaign_id"] for c in listed["items"]}
    other = await officer.post("/outreach/campaigns", json={**body, "quota": 8})
    refused(other, 409, "same_id_other_content", "campaign_id")


async def test_a_campaign_that_cannot_be_is_refused(running: Stack, officer: httpx.AsyncClient) -> None:
    topic = {"code": "a", "name_vi": "a", "name_en": "a"}
    for changed, slug, field in (
        ({"launched_on": "2023-08-06"}, "in_the_future", "launched_on"),
        ({"report_due_on": "2023-08-02"}, "due_before_end", "report_due_on"),
        ({"topics": [topic, topic]}, "topic_twice", "topics"),
        ({"reporting_unit_ids": [MO_DUC, "99999"]}, "unknown_unit", "reporting_unit_ids"),
        ({"reporting_unit_ids": [MO_DUC, MO_DUC]}, "unit_twice", "reporting_unit_ids"),
        ({"topics": []}, "invalid_data", "topics"),
        ({"quota": 0}, "invalid_data", "quota"),
        ({"window_days": 367}, "invalid_data", "window_days"),
        ({"topics": [{**topic, "code": "có dấu"}]}, "invalid_data", "topics.0.code"),
    ):
        refused(await officer.post("/outreach/campaigns", json=a_campaign(**changed)), 422, slug, field)
    district = running.client(Role.PROVINCE_OFFICER, units=[MO_DUC])
    answer = await district.post("/outreach/campaigns", json=a_campaign())
    refused(answer, 403, "outside_your_unit", "campaign_id")
    refused(await running.client().get("/outreach/campaigns/none"), 404, "no_such_campaign", "campaign_id")


# -- who may ----------------------------------------------------------------------------------------------------------


async def test_each_role_records_for_its_own(running: Stack) -> None:
    team_id, [leader, member] = await people(running)
    _, [_, elsewhere] = await people(running, DUC_NHUAN)
    _, [_, island] = await people(running, LY_SON, "village")
    _, [_, of_district] = await people(running, MO_DUC, "district")
    everyone = [leader, member, of_district, elsewhere, island, "nobody"]
    unknown = ("refused", "unknown_member")
    expected = {
        running.client(Role.MEMBER, member_id=member, team_id=team_id): [OUTSIDE, "accepted", *[OUTSIDE] * 4],
        running.client(Role.MEMBER, member_id="other", units=["51"]): [OUTSIDE] * 6,
        running.client(Role.TEAM_LEADER, member_id=leader, team_id=team_id): ["accepted"] * 2 + [OUTSIDE] * 4,
        running.client(Role.COMMUNE_OFFICER, units=[TOWN]): ["accepted"] * 2 + [OUTSIDE] * 3 + [unknown],
        running.client(Role.DISTRICT_OFFICER, units=[MO_DUC]): ["accepted"] * 4 + [OUTSIDE, unknown],
        running.client(Role.DISTRICT_OFFICER, units=[LY_SON]): [OUTSIDE] * 4 + ["accepted", unknown],
        running.client(Role.PROVINCE_OFFICER, units=["51"]): ["accepted"] * 5 + [unknown],
        running.client(Role.COMMUNE_OFFICER): [OUTSIDE] * 5 + [unknown],
    }  # fmt: skip
    for client, wanted in expected.items():
        assert results(await send(client, *(an_item(who) for who in everyone))) == wanted


async def test_who_may_not_record_may_not_withdraw(running: Stack) -> None:
    team_id, [leader, member] = await people(running)
    other_team, [other, _] = await people(running)
    officer = running.client(Role.PROVINCE_OFFICER, units=["51"])
    for allowed in (
        running.client(Role.MEMBER, member_id=member, team_id=team_id),
        running.client(Role.TEAM_LEADER, member_id=leader, team_id=team_id),
        running.client(Role.DISTRICT_OFFICER, units=[MO_DUC]),
    ):
        item = an_item(member)
        await send(officer, item)
        path, why = f"/outreach/guidances/{item['guidance_id']}/withdraw", {"reason": "did_not_happen"}
        for forbidden in (
            running.client(Role.MEMBER, member_id=leader, team_id=team_id, units=["51"]),
            running.client(Role.TEAM_LEADER, member_id=other, team_id=other_team, units=["51"]),
            running.client(Role.DISTRICT_OFFICER, units=[LY_SON]),
            running.client(Role.COMMUNE_OFFICER),
        ):
            refused(await forbidden.post(path, json=why), 403, "outside_your_unit", "guidance_id")
        await ok(allowed.post(path, json=why), 200)


# -- one at a time, withdrawn, listed ---------------------------------------------------------------------------------


async def test_one_guidance_under_an_id_of_the_client_s(running: Stack, officer: httpx.AsyncClient) -> None:
    team_id, [leader, member] = await people(running)
    phone = running.client(Role.MEMBER, member_id=member, team_id=team_id)
    body = an_item(member)
    path = f"/outreach/campaigns/{CAMPAIGN}/guidances/{body.pop('guidance_id')}"
    created = await ok(phone.put(path, json=body), 201)
    assert created["pos"].startswith("outreach:")
    await ok(phone.put(path, json=body), 200)
    refused(await phone.put(path, json={**body, "place": "market"}), 409, "same_id_other_content", "guidance_id")
    refused(await phone.put(path, json={**body, "member_id": leader}), 403, "outside_your_unit", "member_id")
    free = f"/outreach/campaigns/{CAMPAIGN}/guidances/{new_id()}"
    for changed, slug, field in (
        ({"topics": ["cooking"]}, "unknown_topic", "topics"),
        ({"occurred_at": "2023-07-27T12:00:00+07:00"}, "before_campaign", "occurred_at"),
        ({"citizen": {"phone": "call me"}}, "invalid_data", "citizen.phone"),
        ({"guidance_id": "x"}, "invalid_data", "guidance_id"),
    ):
        refused(await phone.put(free, json={**body, **changed}), 422, slug, field)
    refused(await officer.put(free, json={**body, "member_id": "nobody"}), 422, "unknown_member", "member_id")


async def test_withdrawing_is_done_once_however_often_it_is_sent(running: Stack, officer: httpx.AsyncClient) -> None:
    _, [_, member] = await people(running)
    item = an_item(member)
    await send(officer, item)
    path, why = f"/outreach/guidances/{item['guidance_id']}/withdraw", {"reason": "duplicate", "note": "hai lần"}
    answers = await asyncio.gather(*(officer.post(path, json=why) for _ in range(10)))
    assert Counter(a.status_code for a in answers) == {200: 10}
    assert Counter(a.json()["pos"] is None for a in answers) == {True: 9, False: 1}
    assert await events_of(running, item["guidance_id"]) == [
        (CitizenGuided, item["guidance_id"]), (GuidanceWithdrawn, item["guidance_id"]),
    ]  # fmt: skip
    refused(await officer.post(path, json={"reason": "wrong_citizen"}), 409, "withdrawn_already", "reason")
    refused(await officer.post(path, json={"reason": "because"}), 422, "invalid_data", "reason")
    gone = await officer.post("/outreach/guidances/none/withdraw", json=why)
    refused(gone, 404, "no_such_guidance", "guidance_id")
    assert results(await send(officer, item)) == ["already_had"]


async def test_own_guidances_are_listed_page_by_page_even_those_of_one_moment(running: Stack) -> None:
    team_id, [_, member] = await people(running)
    phone = running.client(Role.MEMBER, member_id=member, team_id=team_id)
    items = [an_item(member) for _ in range(7)]
    items += [an_item(member, occurred_at=f"2023-07-{day}T08:00:00+07:00") for day in (28, 30, 31)]
    await send(phone, *items)
    await ok(phone.post(f"/outreach/guidances/{items[0]['guidance_id']}/withdraw", json={"reason": "duplicate"}))

    listed: list[dict[str, Any]] = []
    after = None
    while after or not listed:
        page = await ok(
            phone.get("/outreach/guidances/mine", params={"limit": 3, **({"after": after} if after else {})})
        )
        assert page["total"] == 10
        listed += page["items"]
        after = page["next"]
    assert sorted(g["guidance_id"] for g in listed) == sorted(i["guidance_id"] for i in items)
    assert [g["occurred_at"] for g in listed] == sorted((g["occurred_at"] for g in listed), reverse=True)
    assert [g["withdraw_reason"] for g in listed if g["guidance_id"] == items[0]["guidance_id"]] == ["duplicate"]
    assert "citizen" not in str(listed)
    refused(await phone.get("/outreach/guidances/mine", params={"after": "2023~"}), 422, "invalid_data", "after")


async def test_what_a_leader_adds_is_known_to_outreach(running: Stack, officer: httpx.AsyncClient) -> None:
    team_id, [leader], _ = await team_of(officer)
    client = running.client(Role.TEAM_LEADER, team_id=team_id, member_id=leader)
    person = a_member()
    joined = await ok(client.post(f"/registry/teams/{team_id}/members", json=person), 201)
    answer = await send(client, an_item(person["member_id"]), min_pos=joined["pos"])
    assert results(answer) == ["accepted"]


async def test_it_does_not_start_without_the_key_of_the_citizens(
    postgres: Postgres, fresh_nats: Callable[..., Awaitable[Nats]]
) -> None:
    nats = await fresh_nats(nats_config())
    with pytest.raises(ValueError, match="PHONGTRAO_CITIZEN_KEY"):
        async with stack(OUTREACH, postgres=postgres, nats=nats, citizen_key="short"):
            pass
