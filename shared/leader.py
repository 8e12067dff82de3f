"""One active worker of a kind for each database: a session's advisory lock. Speed, not safety: fences do the rest."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from shared.db import INFRASTRUCTURE_ERRORS, Conn, Pool

TIDY_WITHIN = 1.0
"""Seconds in which a session must have given back what it held; else it is ended, which gives back everything."""


@asynccontextmanager
async def leadership(pool: Pool, lock: int, *, poll: float = 0.25) -> AsyncIterator[Conn]:
    """Waits for the lock and holds it as long as the block runs; gives the connection that holds it."""
    async with pool.acquire() as conn:
        while not await conn.fetchval("select pg_try_advisory_lock($1)", lock):
            await asyncio.sleep(poll)
        try:
            yield conn
        finally:
            async with tidying(conn):
                await conn.reset()  # the lock, and whatever else was set; the pool leaves sessions as they are


@asynccontextmanager
async def tidying(conn: Conn) -> AsyncIterator[None]:
    """For a worker's last statements in its session: never long, and a server that is away or frozen is no error."""
    tidy = False
    try:
        with suppress(*INFRASTRUCTURE_ERRORS):
            async with asyncio.timeout(TIDY_WITHIN):
                yield
            tidy = not conn.is_closed()
    finally:
        if not tidy:
            with suppress(*INFRASTRUCTURE_ERRORS):  # the pool may have it back already
                conn.terminate()
