"""One active worker of a kind for each database: a session's advisory lock. Speed, not safety: fences do the rest."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from shared.db import INFRASTRUCTURE_ERRORS, Conn, Pool


@asynccontextmanager
async def leadership(pool: Pool, lock: int, *, poll: float = 0.25) -> AsyncIterator[Conn]:
    """Waits for the lock and holds it as long as the block runs; gives the connection that holds it."""
    async with pool.acquire() as conn:
        while not await conn.fetchval("select pg_try_advisory_lock($1)", lock):
            await asyncio.sleep(poll)
        try:
            yield conn
        finally:
            with suppress(*INFRASTRUCTURE_ERRORS):
                await conn.execute("select pg_advisory_unlock($1)", lock)
