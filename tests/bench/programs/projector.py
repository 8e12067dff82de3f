"""Ours: the reporting service's projector with all its projections, from an empty database to position `until`."""

from __future__ import annotations

import asyncio
import time

from services.reporting.projections import PROJECTIONS
from shared import bus, db
from shared.garbage import collect_rarely
from shared.projection.worker import Projector
from tests.bench.program import Answer, Memory, main


async def work(dsn: str, nats: str, province: str, until: int, max_batch: int) -> Answer:
    """Seconds until outreach's stream is folded up to there, and all events folded in them, registry's too.

    What each commit of outreach reached when: `(seconds, position)`; memory as `(seconds, MB)`.
    """
    collect_rarely()  # as its peers do before the clock starts
    marks: list[tuple[float, int]] = []
    reached: dict[str, int] = {}
    done = asyncio.Event()

    async def on_commit(stream: str, pos: int) -> None:
        if not done.is_set():
            reached[stream] = pos
        if stream == "outreach":
            marks.append((time.perf_counter(), pos))
            if pos >= until:
                done.set()

    pool = await db.open_pool(dsn, size=5)
    client = await bus.connect(nats, user="bench")
    projector = Projector(
        pool, client, "reporting", province, PROJECTIONS, max_batch=max_batch, on_commit=on_commit
    )  # fmt: skip
    with Memory() as memory:
        begun = time.perf_counter()
        running = asyncio.create_task(projector.run())
        await done.wait()
        end = marks[-1]
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await client.close()
    await pool.close()
    return {
        "count": sum(reached.values()),
        "seconds": end[0] - begun,
        "marks": [(at - begun, pos) for at, pos in marks],
        "memory": [(at - begun, size) for at, size in memory.samples],
    }


if __name__ == "__main__":
    main(work)
