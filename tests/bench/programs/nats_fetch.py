"""Peer: nats-py's own pull, `fetch(1000)`, of a consumer without acknowledgements."""

from __future__ import annotations

import time

import nats
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

from shared import bus
from tests.bench.program import Answer, main


async def work(nats_url: str, province: str, until: int, batch: int = 1000) -> Answer:
    """Seconds for the first `until` messages of outreach."""
    client = await nats.connect(nats_url)
    js = client.jetstream()
    stream = bus.stream_name("outreach", province)
    config = ConsumerConfig(
        name="bench-fetch", ack_policy=AckPolicy.NONE, deliver_policy=DeliverPolicy.ALL, mem_storage=True
    )  # fmt: skip
    begun, count = time.perf_counter(), 0
    await js.add_consumer(stream, config)
    subscription = await js.pull_subscribe_bind(consumer="bench-fetch", stream=stream)
    while count < until:
        count += len(await subscription.fetch(batch, timeout=5))
    seconds = time.perf_counter() - begun
    await js.delete_consumer(stream, "bench-fetch")
    await client.close()
    return {"count": count, "seconds": seconds}


if __name__ == "__main__":
    main(work)
