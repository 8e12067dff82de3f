"""Positions: whoever waits for one is told as soon as it is known, whatever becomes of others who wait for the same."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable

import asyncpg
import pytest

from shared import event_log
from shared.commands import Positions
from shared.db import Pool
from shared.ids import new_id
from shared.relay import Relay
from shared.wire import StreamClient
from tests.support import delivery

_LISTENING = (
    "select count(*) from pg_stat_activity"
    " where datname = current_database() and pid <> pg_backend_pid() and query ilike 'listen %'"
)


@pytest.fixture
async def listening(database: Callable[..., Awaitable[str]]) -> AsyncIterator[tuple[Positions, Pool]]:
    dsn = await database()
    async with asyncpg.create_pool(dsn, min_size=1, max_size=2) as pool:
        positions = Positions(dsn, pool)
        running = asyncio.create_task(positions.run())
        while not await pool.fetchval(_LISTENING):
            await asyncio.sleep(0.01)
        yield positions, pool
        running.cancel()
        await asyncio.wait({running})


async def test_one_who_stops_waiting_does_not_take_the_others_along(listening: tuple[Positions, Pool]) -> None:
    """There is no log to look at here: only the sequencer's notice can answer."""
    positions, pool = listening
    first, second, third = [asyncio.create_task(positions.of(1)) for _ in range(3)]
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.wait({first})
    await pool.execute("select pg_notify($1, '[[1, 7, 1]]')", event_log.SEQUENCED)
    assert [await second, await third] == [7, 7]
    assert first.cancelled()
    assert await positions.of(1) == 7, "also for who asks later"


async def test_nobody_is_forgotten_while_the_sequencer_is_taken_to_be_at_work(
    producer: Pool, producer_dsn: str, client: StreamClient
) -> None:
    """The relay never looks by itself here: a command that comes just after its last look has to wake it."""
    positions = Positions(producer_dsn, producer)
    relay = Relay(producer, client, delivery.SOURCE, poll=600.0)
    gaps = random.Random(7)

    async def commanded(number: int) -> int | None:
        async with producer.acquire() as conn, conn.transaction():
            event = delivery.formed(f"team-{number}", 1)
            [stage_id] = await event_log.append(
                conn, [event], province=delivery.PROVINCE, recorded_at=delivery.NOW, new_id=new_id
            )
        return await positions.of(stage_id)

    async with delivery.running(positions.run(), relay.run()):
        found: list[int | None] = []
        for number in range(0, 300, 2):
            found += await asyncio.gather(commanded(number), commanded(number + 1))
            await asyncio.sleep(gaps.choice((0, 0.001, 0.003, 0.006)))
    assert sorted(pos for pos in found if pos) == list(range(1, 301))
