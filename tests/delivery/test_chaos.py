"""Everything at once: NATS and Postgres killed, sessions ended, relays and projectors in pairs, people at work."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable

import pytest

from shared import db
from shared.projection.builds import Workshop
from tests.support import delivery
from tests.support.delivery import Writers, running
from tests.support.servers import Databases, Nats, Postgres
from tests.support.tally import TALLY


@pytest.mark.slow
async def test_whatever_is_killed_every_committed_command_is_counted_once(
    server: Nats, fresh_postgres: Callable[..., Awaitable[Postgres]]
) -> None:
    postgres = await fresh_postgres()
    databases = Databases(postgres)
    producer = await db.open_pool(await databases.create(*delivery.PRODUCER_FOLDERS), size=20)
    reader = await db.open_pool(await databases.create(*delivery.READER_FOLDERS), size=10)
    clients = [await delivery.connect(server.url) for _ in range(4)]
    writers = Writers(producer, seed=5)
    await writers.prepare()
    works = [delivery.relay(producer, c).run() for c in clients[:2]]
    works += [delivery.projector(reader, c, max_batch=50).run() for c in clients[2:]]
    async with running(*works):
        stop = asyncio.Event()
        work = asyncio.ensure_future(writers.until(stop, pause=0.03))
        await _calamities(server, postgres)
        stop.set()
        await work
        assert sum(writers.committed.values()) > 200
        await delivery.relayed(producer, clients[0], 30)
        await delivery.assert_read_model(reader, producer)
    await delivery.assert_stream_is_log(producer, server.url)
    await delivery.assert_order(producer, writers)
    assert (await Workshop(reader, clients[0], "reporting", delivery.PROVINCE).verify(TALLY)).total == 0
    for client in clients:
        await client.close()
    producer.terminate()
    reader.terminate()


async def _calamities(server: Nats, postgres: Postgres) -> None:
    chance = random.Random(6)
    for victim in ("nats", "postgres", "nats", "both"):
        await asyncio.sleep(0.5 + chance.random())
        if victim != "postgres":
            server.kill()
        if victim != "nats":
            postgres.kill()
        await asyncio.gather(server.start(), postgres.start())
