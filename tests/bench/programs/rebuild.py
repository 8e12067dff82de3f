"""Ours: a rebuild beside the read model in service, from position 1: fold, compare row by row, switch."""

from __future__ import annotations

import time

from services.reporting.projections.progress import progress
from shared import bus, db
from shared.projection.builds import Workshop
from tests.bench.program import Answer, Memory, main


async def work(dsn: str, nats: str, province: str, max_batch: int) -> Answer:
    """Seconds of the whole rebuild; marks `(seconds, position)` of its catch-up; the differences it found."""
    marks: list[tuple[float, int]] = []

    def note(_projection: str, stream: str, position: int, _goal: int) -> None:
        if stream == "outreach":
            marks.append((time.perf_counter(), position))

    pool = await db.open_pool(dsn, size=5)
    client = await bus.connect(nats, user="bench")
    workshop = Workshop(pool, client, "reporting", province, max_batch=max_batch, progress=note)
    with Memory() as memory:
        begun = time.perf_counter()
        comparison = await workshop.rebuild(progress)
        seconds = time.perf_counter() - begun
    await client.close()
    await pool.close()
    return {
        "count": marks[-1][1],
        "seconds": seconds,
        "differences": comparison.total,
        "marks": [(at - begun, pos) for at, pos in marks],
        "memory": [(at - begun, size) for at, size in memory.samples],
    }


if __name__ == "__main__":
    main(work)
