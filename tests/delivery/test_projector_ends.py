"""A projector that is told to end does end, and one whose session was ended goes on."""

from __future__ import annotations

import asyncio

from shared.db import Pool
from shared.projection.worker import PROJECTOR_LOCK, Projector
from shared.wire import StreamClient
from tests.support import delivery, tally
from tests.support.delivery import running, write


async def end_the_leaders_session(reader: Pool) -> bool:
    async with reader.acquire() as conn:
        ended = await conn.fetch(
            "select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and objid = $1 and granted"
            " and database = (select oid from pg_database where datname = current_database())",
            PROJECTOR_LOCK,
        )
    return bool(ended)


async def test_told_to_end_while_its_ended_session_is_being_cleared_away(
    producer: Pool, reader: Pool, client: StreamClient
) -> None:
    """Python's task group forgets a cancellation that comes while it breaks off because of an error of its own."""
    busy, breaking_off, go = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def reluctant(_stream: str, _pos: int) -> None:
        busy.set()
        try:
            await asyncio.Event().wait()
        finally:
            breaking_off.set()
            await go.wait()

    at_work = Projector(reader, client, "reporting", delivery.PROVINCE, (tally.TALLY,), on_commit=reluctant)
    async with running(delivery.relay(producer, client).run()):
        task = asyncio.ensure_future(at_work.run())
        await write(producer, 1)
        await asyncio.wait_for(busy.wait(), 10)
        assert await end_the_leaders_session(reader)
        await asyncio.wait_for(breaking_off.wait(), 5)
        task.cancel()
        await asyncio.sleep(0)
        go.set()
        ended, _ = await asyncio.wait([task], timeout=2)
        task.cancel()
        await asyncio.wait([task], timeout=5)
    assert ended


async def test_a_projector_goes_on_after_its_session_was_ended(
    producer: Pool, reader: Pool, client: StreamClient
) -> None:
    """Each end breaks off a task group, which cancels its own task: no wish of anybody's."""
    projector = delivery.projector(reader, client).run()
    async with running(projector, delivery.relay(producer, client).run()) as (task, _):
        for number in (1, 2):
            await write(producer, 1, start=number)
            await delivery.folded(reader, number)
            await delivery.eventually(lambda: end_the_leaders_session(reader), what="it leads")
        await write(producer, 1, start=3)
        await delivery.assert_read_model(reader, producer)
        assert task.cancelling() == 0
