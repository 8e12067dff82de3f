"""Outreach as a whole: HTTP, Postgres, and what it learns from registry. Each test has people of its own."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import httpx
import pytest

from services.outreach.app import SPEC as OUTREACH
from services.registry.app import SPEC as REGISTRY
from shared.auth import Role
from shared.clock import VIETNAM
from shared.contracts import Event
from shared.contracts.outreach import CampaignLaunched, CitizenGuided, GuidanceWithdrawn
from shared.ids import new_id
from tests.support.servers import Nats, Postgres
from tests.support.stack import HandClock, Stack, stack
from tests.support.world import (
    DUC_NHUAN,
    LY_SON,
    MO_DUC,
    TOWN,
    a_campaign,
    a_member,
    an_item,
    ok,
    refused,
    team_of,
)

NOW = datetime(2023, 8, 5, 20, 0, tzinfo=VIETNAM)
CAMPAIGN = "qn-2023"
OUTSIDE = ("refused", "outside_your_unit")


@pytest.fixture(scope="module")
async def running(postgres: Postgres, guarded_nats: Nats) -> AsyncIterator[Stack]:
    """Registry with the units of 2023, outreach with the campaign of 2023, two days after its window."""
    async with stack(REGISTRY, OUTREACH, postgres=postgres, nats=guarded_nats, clock=HandClock(NOW)) as started:
        officer = started.client(Role.PROVINCE_OFFICER, units=["51"])
        loaded = await ok(officer.post("/registry/editions/2023"), 201)
        campaign = a_campaign(campaign_id=CAMPAIGN)
        await ok(officer.post("/outreach/campaigns", json=campaign, params={"min_pos": loaded["pos"]}), 201)
        yield started


@pytest.fixture
def officer(running: Stack) -> httpx.AsyncClient:
    return running.client(Role.PROVINCE_OFFICER, units=["51"])


async def people(running: Stack, unit_id: str = TOWN, level: str = "commune", count: int = 2) -> tuple[str, list[str]]:
    """A team that outreach knows, and its members; the first leads it."""
    officer = running.client(Role.PROVINCE_OFFICER, units=["51"])
    team_id, members, _ = await team_of(officer, unit_id, level, members=count)
    await running.caught_up()
    return team_id, members


async def send(client: httpx.AsyncClient, *items: Any, **params: str) -> dict[str, Any]:
    """A batch, with anything in it that JSON can say."""
    body = json.dumps({"campaign_id": CAMPAIGN, "items": list(items)})
    kind = {"content-type": "application/json"}
    return await ok(client.post("/outreach/guidances", content=body, headers=kind, params=params), 200)


def results(answer: dict[str, Any]) -> list[Any]:
    """`accepted`, `already_had`, or the result with its slug."""
    return [(r["result"], r["why"]["slug"]) if r["why"] else r["result"] for r in answer["receipts"]]


async def events_of(running: Stack, *ids: str) -> list[tuple[type[Event], str]]:
    return [(type(e), e.key()) for e in await running.log("outreach") if e.key() in ids]


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


# -- batches and receipts ---------------------------------------------------------------------------------------------


async def test_a_batch_of_500_is_taken_at_once_and_in_order(running: Stack) -> None:
    team_id, [leader, member] = await people(running)
    phone = running.client(Role.MEMBER, member_id=member, team_id=team_id)
    items = [an_item(member) for _ in range(500)]
    answer = await send(phone, *items)
    assert (answer["accepted"], set(results(answer))) == (500, {"accepted"})
    assert [r["guidance_id"] for r in answer["receipts"]] == [i["guidance_id"] for i in items]
    ids = [i["guidance_id"] for i in items]
    assert await events_of(running, *ids) == [(CitizenGuided, i) for i in ids]
    async with running.services["outreach"].pool.acquire() as conn:
        last = await conn.fetchval("select pos from log where key = $1", ids[-1])
    assert answer["pos"] == f"outreach:{last}"
    again = await send(phone, *items)
    assert (again["accepted"], set(results(again)), again["pos"]) == (0, {"already_had"}, None)
    too_many = {"campaign_id": CAMPAIGN, "items": [*items, an_item(leader)]}
    refused(await phone.post("/outreach/guidances", json=too_many), 422, "invalid_data", "items")


async def test_all_four_receipts_in_one_batch_and_each_item_stands_for_itself(running: Stack) -> None:
    _, [leader, member] = await people(running)
    officer = running.client(Role.COMMUNE_OFFICER, units=[TOWN])
    before, taken = an_item(member), an_item(member)
    await send(officer, before, taken)

    fresh, early = an_item(leader), an_item(member, occurred_at="2023-07-27T23:59:59+07:00")
    clash = {**taken, "place": "market"}
    answer = await send(officer, before, fresh, clash, early, {"guidance_id": "half"}, 17, an_item(leader))
    assert results(answer) == [
        "already_had", "accepted", ("conflict", "same_id_other_content"), ("refused", "before_campaign"),
        ("refused", "malformed"), ("refused", "malformed"), "accepted",
    ]  # fmt: skip
    assert [r["guidance_id"] for r in answer["receipts"]][3:6] == [early["guidance_id"], "half", None]
    assert answer["accepted"] == 2
    for receipt in answer["receipts"]:
        if receipt["why"]:
            assert receipt["why"]["field"]
            assert set(receipt["why"]["message"]) == {"vi", "en"}
    assert len(await events_of(running, taken["guidance_id"], early["guidance_id"], "half")) == 1


MALFORMED: list[tuple[dict[str, Any], str]] = [
    ({"citizen": {}}, "citizen"),
    ({"citizen": {"phone": "0901234567", "identity_number": "012345678901"}}, "citizen"),
    ({"citizen": {"name": "An", "birth_year": 1960}}, "citizen"),
    ({"citizen": {"phone": "call me"}}, "citizen.phone"),
    ({"citizen": {"identity_number": "12345"}}, "citizen.identity_number"),
    ({"citizen": {"name": "An", "birth_year": 1492, "village": "Thôn 1"}}, "citizen.birth_year"),
    ({"topics": []}, "topics"),
    ({"topics": ["a b"]}, "topics.0"),
    ({"place": "moon"}, "place"),
    ({"occurred_at": "2023-07-29T19:30:00"}, "occurred_at"),
    ({"occurred_at": "1889-07-29T19:30:00+07:00"}, "occurred_at"),
    ({"guidance_id": "a b"}, "guidance_id"),
    ({"guidance_id": None}, "guidance_id"),
    ({"note": "extra"}, "note"),
    ({"x\x00": 1}, "x\ufffd"),
    ({"x\ud800": 1}, "item"),
    ({"guidance_id": "\ud800"}, "guidance_id"),
]


async def test_malformed_items_are_refused_one_by_one_and_hold_up_no_other(running: Stack) -> None:
    _, [_, member] = await people(running)
    officer = running.client(Role.PROVINCE_OFFICER, units=["51"])
    odd = [{**an_item(member), **changed} for changed, _ in MALFORMED]
    answer = await send(officer, an_item(member), *odd, an_item(member))
    assert results(answer) == ["accepted", *[("refused", "malformed")] * len(odd), "accepted"]
    whys = [r["why"] for r in answer["receipts"][1:-1]]
    assert [why["field"] for why in whys] == [field for _, field in MALFORMED]
    assert [why["message"]["vi"] for why in whys if "giá trị không hợp lệ" in why["message"]["vi"]] == []


async def test_the_same_item_twice_in_a_batch_is_recorded_once(running: Stack) -> None:
    _, [_, member] = await people(running)
    officer = running.client(Role.PROVINCE_OFFICER, units=["51"])
    item, other = an_item(member), an_item(member)
    clash = {**other, "topics": ["payments"]}
    answer = await send(officer, item, other, item, clash, {**other, "topics": ["services", "services"]})
    assert results(answer) == [
        "accepted",
        "accepted",
        "already_had",
        ("conflict", "same_id_other_content"),
        "already_had",
    ]
    ids = (item["guidance_id"], other["guidance_id"])
    assert await events_of(running, *ids) == [(CitizenGuided, i) for i in ids]


async def test_a_refused_item_may_be_corrected_under_its_id(running: Stack) -> None:
    _, [_, member] = await people(running)
    officer = running.client(Role.PROVINCE_OFFICER, units=["51"])
    item = an_item(member)
    wrong = {**item, "topics": ["cooking"]}
    assert results(await send(officer, wrong)) == [("refused", "unknown_topic")]
    assert results(await send(officer, wrong, item)) == [("refused", "unknown_topic"), "accepted"]
    assert len(await events_of(running, item["guidance_id"])) == 1


async def test_overlapping_batches_of_several_phones_are_recorded_once(running: Stack) -> None:
    _, [leader, member] = await people(running)
    clients = [running.client(Role.PROVINCE_OFFICER, units=["51"], subject=f"p{n}") for n in range(6)]
    items = [an_item(who) for who in (leader, member) for _ in range(60)]
    orders = [items, items[::-1], items[60:] + items[:60], items[::2] + items[1::2], items[:80], items[:39:-1]]
    answers = await asyncio.gather(*(send(c, *o) for c, o in zip(clients, orders, strict=True)))
    assert {r for answer in answers for r in results(answer)} == {"accepted", "already_had"}
    assert sum(answer["accepted"] for answer in answers) == 120
    recorded = await events_of(running, *(i["guidance_id"] for i in items))
    assert len(recorded) == len(set(recorded)) == 120


async def test_two_phones_in_opposite_order_wait_for_each_other_and_do_not_lock_each_other_up(running: Stack) -> None:
    """Both are held at the item in the middle, half of theirs written; then it is let go."""
    _, [_, member] = await people(running)
    items = [an_item(member) for _ in range(21)]
    there = an_item(member)
    officer = running.client(Role.PROVINCE_OFFICER, units=["51"])
    await send(officer, there)
    async with running.services["outreach"].pool.acquire() as conn:
        held = conn.transaction()
        await held.start()
        await conn.execute(
            "insert into guidance select (jsonb_populate_record(g, jsonb_build_object('guidance_id', $2::text))).*"
            " from guidance g where guidance_id = $1",
            there["guidance_id"],
            items[10]["guidance_id"],
        )
        both = asyncio.gather(send(officer, *items), send(officer, *items[::-1]))
        waiting = (
            "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
        )
        async with asyncio.timeout(10):
            while await conn.fetchval(waiting) < 2:
                await asyncio.sleep(0.01)
        await held.rollback()
    answers = await both
    assert sorted(answer["accepted"] for answer in answers) == [0, 21]
    assert {r for answer in answers for r in results(answer)} == {"accepted", "already_had"}


async def test_a_resend_is_told_that_it_was_had_even_when_it_would_be_refused_by_now(running: Stack) -> None:
    _, [_, member] = await people(running)
    officer = running.client(Role.PROVINCE_OFFICER, units=["51"])
    item = an_item(member)
    await send(officer, item)
    left = await ok(
        officer.post(f"/registry/members/{member}/leave", json={"left_on": "2023-07-28", "reason": "moved"})
    )
    answer = await send(officer, item, an_item(member), {**item, "place": "market"}, min_pos=left["pos"])
    late = ("refused", "not_a_member_that_day")
    assert results(answer) == ["already_had", late, late]


async def test_someone_who_joined_a_moment_ago_is_known_at_the_position_of_joining(
    running: Stack, officer: httpx.AsyncClient
) -> None:
    for _ in range(5):
        team_id, [member], pos = await team_of(officer)
        phone = running.client(Role.MEMBER, member_id=member, team_id=team_id)
        assert results(await send(phone, an_item(member), min_pos=pos)) == ["accepted"]
    assert results(await send(officer, an_item("nobody"))) == [("refused", "unknown_member")]


async def test_times_are_judged_in_vietnam_and_late_entries_are_taken(
    running: Stack, officer: httpx.AsyncClient
) -> None:
    _, [_, member] = await people(running)
    moments = {
        "2023-07-28T00:00:00+07:00": "accepted",
        "2023-07-27T17:00:00Z": "accepted",
        "2023-07-27T16:59:59Z": ("refused", "before_campaign"),
        "2023-08-04T00:00:00+07:00": "accepted",
        "2023-08-05T20:10:00+07:00": "accepted",
        "2023-08-05T20:10:01+07:00": ("refused", "in_the_future"),
    }
    answer = await send(officer, *(an_item(member, occurred_at=at) for at in moments))
    assert results(answer) == list(moments.values())


async def test_one_citizen_is_one_pseudonym_however_the_number_is_typed(
    running: Stack, officer: httpx.AsyncClient
) -> None:
    _, [_, member] = await people(running)
    typed = ["0906543210", "+84 90 654 3210", "84906543210", "090.654.3210"]
    items = [an_item(member, phone) for phone in typed]
    await send(officer, *items)
    ids = {i["guidance_id"] for i in items}
    refs = {e.citizen_ref for e in await running.log("outreach", CitizenGuided)
            if isinstance(e, CitizenGuided) and e.key() in ids}  # fmt: skip
    assert len(refs) == 1


async def test_an_unknown_campaign_is_named(running: Stack, officer: httpx.AsyncClient) -> None:
    _, [_, member] = await people(running)
    body = {"campaign_id": "none", "items": [an_item(member)]}
    refused(await officer.post("/outreach/guidances", json=body), 422, "unknown_campaign", "campaign_id")
    one = an_item(member)
    answer = await officer.put(f"/outreach/campaigns/none/guidances/{one.pop('guidance_id')}", json=one)
    refused(answer, 404, "no_such_campaign", "campaign_id")


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


async def test_it_does_not_start_without_the_key_of_the_citizens(postgres: Postgres, guarded_nats: Nats) -> None:
    with pytest.raises(ValueError, match="PHONGTRAO_CITIZEN_KEY"):
        async with stack(OUTREACH, postgres=postgres, nats=guarded_nats, citizen_key="short"):
            pass
