"""Peer: the simplest outbox. Read a hundred rows, publish each and await its ack, delete its row, commit."""

from __future__ import annotations

import time

import nats

from shared import db
from shared.event_log import LogRow
from shared.relay import Source, header_block
from tests.bench.program import Answer, main


def headers_of(row: LogRow, source: Source) -> dict[str, str]:
    """The same CloudEvents attributes that the relay writes, as nats-py wants them."""
    lines = header_block(row, source).decode().split("\r\n")[1:]
    return dict(line.split(": ", 1) for line in lines if line)


async def work(dsn: str, nats_url: str, service: str, province: str, until: int) -> Answer:
    """Seconds for the first `until` rows of the outbox."""
    pool = await db.open_pool(dsn, size=2)
    client = await nats.connect(nats_url)
    js = client.jetstream()
    source, done = Source(service, province), 0
    begun = time.perf_counter()
    while done < until:
        rows = await pool.fetch(
            "select id as pos, event_id, type, subject, key, occurred_at, recorded_at, trace, payload from stage"
            " order by id limit 100"
        )
        for row in (LogRow(*r.values()) for r in rows):
            await js.publish(row.subject, row.payload.encode(), headers=headers_of(row, source))
            await pool.execute("delete from stage where id = $1", row.pos)
            done += 1
    seconds = time.perf_counter() - begun
    await client.close()
    await pool.close()
    return {"count": done, "seconds": seconds}


if __name__ == "__main__":
    main(work)
