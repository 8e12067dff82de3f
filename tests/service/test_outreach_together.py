"""Many phones at the same moment: they share transactions, and nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from shared import event_log
from shared.auth import Role
from tests.support.servers import Nats, Postgres
from tests.support.stack import Stack
from tests.support.world import CAMPAIGN, an_item, outreach_at_work, people


@pytest.fixture(scope="module")
async def running(postgres: Postgres, guarded_nats: Nats) -> AsyncIterator[Stack]:
    async with outreach_at_work(postgres, guarded_nats) as started:
        yield started


def _trace(number: int) -> str:
    return f"00-{number:032x}-{number:016x}-01"


async def _put(client: httpx.AsyncClient, item: dict[str, Any], number: int) -> httpx.Response:
    body = {name: value for name, value in item.items() if name != "guidance_id"}
    path = f"/outreach/campaigns/{CAMPAIGN}/guidances/{item['guidance_id']}"
    return await client.put(path, json=body, headers={"traceparent": _trace(number)})


async def _transactions(running: Stack, ids: list[str]) -> int:
    """How many transactions brought these events."""
    async with running.services["outreach"].pool.acquire() as conn:
        found = await conn.fetchval("select count(distinct xmin::text) from guidance where guidance_id = any($1)", ids)
    return int(found)


async def test_forty_phones_at_once_share_transactions_and_each_keeps_its_trace(running: Stack) -> None:
    _, members = await people(running, count=40)
    phones = [running.client(Role.MEMBER, member_id=member) for member in members]
    items = [an_item(member) for member in members]

    answers = await asyncio.gather(*(_put(p, i, n) for n, (p, i) in enumerate(zip(phones, items, strict=True), 1)))

    assert {a.status_code for a in answers} == {201}
    ids = [item["guidance_id"] for item in items]
    assert await _transactions(running, ids) < 20
    async with running.services["outreach"].pool.acquire() as conn:
        rows = {row.key: row for row in await event_log.read(conn, after=0, limit=100_000)}
    assert [rows[i].trace[:35] for i in ids] == [_trace(n)[:35] for n in range(1, 41)]
    for answer, guidance_id in zip(answers, ids, strict=True):
        assert answer.json()["pos"] == f"outreach:{rows[guidance_id].pos}"


async def test_in_one_transaction_everyone_is_told_of_the_own_only(running: Stack) -> None:
    _, [owner, stranger] = await people(running)
    mine, theirs = running.client(Role.MEMBER, member_id=owner), running.client(Role.MEMBER, member_id=stranger)
    item = an_item(owner)
    changed = {**item, "place": "market"}
    asked = [(mine, item), (theirs, item), (mine, changed), (theirs, an_item(stranger)), (mine, item)] * 3

    answers = await asyncio.gather(*(_put(client, sent, n) for n, (client, sent) in enumerate(asked, 1)))

    by_asker = [sorted(a.status_code for a in answers[n::5]) for n in range(5)]
    assert by_asker[1] == [403, 403, 403]
    assert by_asker[3] == [200, 200, 201]
    first = [*by_asker[0], *by_asker[4], *by_asker[2]]
    assert first.count(201) == 1, "the id was recorded once, with whichever content came first"
    assert sorted({*first} - {201}) == [200, 409]
    assert all((a.json()["pos"] is None) == (a.status_code == 200) for a in answers if a.is_success)
