"""Relays or projectors as processes that kill themselves: `python -m tests.support.runner ROLE DSN NATS_URL POINT…`.

One process for each point; the answer is a line with the signal that ended each.
"""

from __future__ import annotations

import asyncio
import os
import sys

from shared import bus, db, faults
from tests.support import delivery


async def work(role: str, dsn: str, url: str) -> None:
    """Runs until it is killed."""
    pool = await db.open_pool(dsn, size=5)
    client = await bus.connect(url, user=bus.OPS)
    at_work = delivery.relay(pool, client) if role == "relay" else delivery.projector(pool, client)
    await at_work.run()


def main(role: str, dsn: str, url: str, *points: str) -> None:
    """Forks after the imports, which take longer than all the work."""
    children = []
    for point in points:
        child = os.fork()
        if child == 0:
            faults.arm(point)
            asyncio.run(work(role, dsn, url))
        children.append(child)
    print(*(os.WTERMSIG(os.waitpid(child, 0)[1]) for child in children))


if __name__ == "__main__":
    main(*sys.argv[1:])
