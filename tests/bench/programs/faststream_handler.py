"""Peer: the handler that FastStream's documentation leads to. One message, one transaction, an inbox against repeats.

It keeps less than ours does: guidances by commune, day and topic, and by member and day.
"""

from __future__ import annotations

import asyncio
import time

from faststream import AckPolicy
from faststream.nats import JStream, NatsBroker, NatsMessage
from nats.js.api import DeliverPolicy

from shared import bus, db
from shared.clock import local_day
from shared.contracts.outreach import CitizenGuided
from shared.db import Conn
from tests.bench.program import Answer, main

TABLES = """
create table inbox (event_id text primary key);
create table commune_day (commune text, day date, topic text, sessions bigint, primary key (commune, day, topic));
create table member_day (member text, day date, sessions bigint, primary key (member, day));
"""


async def count(conn: Conn, event_id: str, event: CitizenGuided) -> None:
    """The whole effect of one event, unless it was counted before."""
    async with conn.transaction():
        status = await conn.execute("insert into inbox values ($1) on conflict do nothing", event_id)
        if status.endswith(" 0"):
            return
        day = local_day(event.occurred_at)
        await conn.execute(
            "insert into commune_day select $1, $2, topic, 1 from unnest($3::text[]) as topic"
            " on conflict (commune, day, topic) do update set sessions = commune_day.sessions + 1",
            event.commune_id,
            day,
            list(event.topics),
        )
        await conn.execute(
            "insert into member_day values ($1, $2, 1)"
            " on conflict (member, day) do update set sessions = member_day.sessions + 1",
            event.member_id,
            day,
        )


async def work(dsn: str, nats: str, province: str, until: int, name: str) -> Answer:
    """Seconds for the first `until` guidances, each acknowledged after its commit."""
    pool = await db.open_pool(dsn, size=5)
    await pool.execute(TABLES)
    broker = NatsBroker(nats, max_reconnect_attempts=-1, logger=None)
    done, handled = asyncio.Event(), 0

    @broker.subscriber(
        f"cds.{province}.outreach.citizen_guided.>",
        stream=JStream(bus.stream_name("outreach", province), declare=False),
        durable=name,
        deliver_policy=DeliverPolicy.ALL,
        ack_policy=AckPolicy.NACK_ON_ERROR,
    )
    async def on_guidance(event: CitizenGuided, message: NatsMessage) -> None:
        nonlocal handled
        if handled >= until:
            return
        async with pool.acquire() as conn:
            await count(conn, message.headers["ce-id"], event)
        handled += 1
        if handled == until:
            done.set()

    begun = time.perf_counter()
    await broker.start()
    await done.wait()
    seconds = time.perf_counter() - begun
    await broker.stop()
    counted = await pool.fetchval("select count(*) from inbox")
    await pool.close()
    return {"count": counted, "seconds": seconds}


if __name__ == "__main__":
    main(work)
