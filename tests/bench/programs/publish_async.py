"""Peer: nats-py's `publish_async` with up to 4,000 unacknowledged messages, from memory, without any outbox.

In 2.16.0 a server's error leaves a future pending for ever, so every wait here has an end.
"""

from __future__ import annotations

import asyncio
import time

import nats

from shared import db
from shared.event_log import LogRow
from shared.relay import Source
from tests.bench.program import Answer, main
from tests.bench.programs.publish_one_by_one import headers_of

WINDOW = 4000


async def work(dsn: str, nats_url: str, service: str, province: str, until: int) -> Answer:
    """Seconds to publish the outbox's first `until` rows; reading them is not counted."""
    pool = await db.open_pool(dsn, size=2)
    found = await pool.fetch(
        "select id as pos, event_id, type, subject, key, occurred_at, recorded_at, trace, payload from stage"
        " order by id limit $1",
        until,
    )
    await pool.close()
    source = Source(service, province)
    rows = [LogRow(*r.values()) for r in found]
    messages = [(row.subject, row.payload.encode(), headers_of(row, source)) for row in rows]
    client = await nats.connect(nats_url)
    js = client.jetstream(publish_async_max_pending=WINDOW)
    begun = time.perf_counter()
    futures = [await js.publish_async(s, payload, wait_stall=30, headers=headers) for s, payload, headers in messages]
    await asyncio.wait_for(asyncio.gather(*futures), 60)
    seconds = time.perf_counter() - begun
    await client.close()
    return {"count": len(futures), "seconds": seconds}


if __name__ == "__main__":
    main(work)
