"""Ours: the follower alone, batches proved to be without a gap, nothing decoded."""

from __future__ import annotations

import time
from contextlib import aclosing

from shared import bus
from shared.follow import Follower
from tests.bench.program import Answer, main


async def work(nats: str, province: str, until: int, max_batch: int) -> Answer:
    """Seconds for the messages of outreach up to `until`."""
    client = await bus.connect(nats, user="bench")
    follower = Follower(client, "outreach", province, max_batch=max_batch)
    at = 0
    begun = time.perf_counter()
    async with aclosing(follower.batches(0)) as batches:
        async for batch in batches:
            at = batch.last
            if at >= until:
                break
    seconds = time.perf_counter() - begun
    await client.close()
    return {"count": at, "seconds": seconds}


if __name__ == "__main__":
    main(work)
