"""Ours: the relay with its sequencer, from a database with events to a stream that holds `until` of them."""

from __future__ import annotations

import asyncio
import time

from shared import bus, db
from shared.relay import Relay, Source
from tests.bench.program import Answer, main


async def work(dsn: str, nats: str, service: str, province: str, until: int) -> Answer:
    """Seconds from the relay's start to the stream's end."""
    pool = await db.open_pool(dsn, size=5)
    client = await bus.connect(nats, user="bench")
    relay = Relay(pool, client, Source(service, province))
    begun = time.perf_counter()
    running = asyncio.create_task(relay.run())
    last = 0
    while last < until:
        await asyncio.sleep(0.005)
        state = await bus.stream_state(client, service, province)
        last = int(state["last_seq"]) if state else 0
    seconds = time.perf_counter() - begun
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await client.close()
    await pool.close()
    return {"count": last, "seconds": seconds}


if __name__ == "__main__":
    main(work)
