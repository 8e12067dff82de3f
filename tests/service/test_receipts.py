"""A batch of guidances and its receipts: each item stands for itself, and sending again is always harmless."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from shared.auth import Role
from shared.contracts.outreach import CitizenGuided
from tests.support.servers import Nats, Postgres
from tests.support.stack import Stack
from tests.support.world import (
    CAMPAIGN,
    TOWN,
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


@pytest.fixture(scope="module")
async def running(postgres: Postgres, guarded_nats: Nats) -> AsyncIterator[Stack]:
    async with outreach_at_work(postgres, guarded_nats) as started:
        yield started


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
    pool = running.services["outreach"].pool
    async with pool.acquire() as conn, pool.acquire() as watching:  # a transaction sees one snapshot of who waits
        held = conn.transaction()
        await held.start()
        await conn.execute(
            "insert into guidance select (jsonb_populate_record(g, jsonb_build_object('guidance_id', $2::text))).*"
            " from guidance g where guidance_id = $1",
            there["guidance_id"],
            items[10]["guidance_id"],
        )
        waiting = (
            "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
        )
        both = []
        for order in (items, items[::-1]):  # one after the other: what comes together would share a transaction
            both.append(asyncio.create_task(send(officer, *order)))
            async with asyncio.timeout(10):
                while await watching.fetchval(waiting) < len(both):
                    await asyncio.sleep(0.01)
        await held.rollback()
    answers = await asyncio.gather(*both)
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
