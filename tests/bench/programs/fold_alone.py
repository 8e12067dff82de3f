"""Ceiling: fetch, decode and fold of the same events with the same folds, the rows in memory and no database at all."""

from __future__ import annotations

import time
from contextlib import aclosing

from services.reporting.projections import PROJECTIONS
from shared import bus, follow
from shared.cloudevents import decode
from shared.garbage import collect_rarely
from shared.projection import Rows
from tests.bench.program import Answer, main


async def work(nats: str, province: str, until: int, max_batch: int) -> Answer:
    """Seconds for the events of outreach up to `until`."""
    collect_rarely()
    client = await bus.connect(nats, user="bench")
    follower = follow.Follower(client, "outreach", province, max_batch=max_batch)
    rows, at = Rows(complete=True), 0
    begun = time.perf_counter()
    async with aclosing(follower.batches(0)) as batches:
        async for batch in batches:
            for message in batch.messages:
                rec = decode("outreach", message)
                for projection in PROJECTIONS:
                    projection.fold(rows, rec)
            at = batch.last
            if at >= until:
                break
    seconds = time.perf_counter() - begun
    await client.close()
    return {"count": at, "seconds": seconds}


if __name__ == "__main__":
    main(work)
