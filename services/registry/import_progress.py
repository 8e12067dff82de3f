"""How far the work on an upload is: counted where it is done, written every now and then, beside its transaction."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

from services.registry.store import imports
from shared.clock import system_clock
from shared.db import INFRASTRUCTURE_ERRORS
from shared.service import Service
from shared.telemetry import logger

log = logger(__name__)

Tick = Callable[[int], None]
"""Told how many more lines are done; may be called from another thread."""
STALLED = timedelta(seconds=10)
"""A commit of which nothing was heard for so long is under way no longer: its process has ended, nothing is written."""
_EVERY = 0.3


class Share:
    """Turns the pieces of a work into lines: when all pieces are done, so are all lines."""

    def __init__(self, tick: Tick, *, lines: int, pieces: int) -> None:
        self._tick, self._lines, self._pieces, self._done = tick, lines, pieces, 0

    def add(self, pieces: int) -> None:
        """So many more pieces are done."""
        if pieces:
            before, self._done = self._done, self._done + pieces
            self._tick(self._done * self._lines // self._pieces - before * self._lines // self._pieces)


@asynccontextmanager
async def written(write: Callable[[int], Awaitable[None]]) -> AsyncIterator[Tick]:
    """Counts what is done, and has it written while the work goes on. Where it can't be written, the work goes on."""
    done = [0]

    def tick(more: int) -> None:
        done[0] += more

    async def keep_writing() -> None:
        while True:
            await asyncio.sleep(_EVERY)
            await write(done[0])

    writing = asyncio.create_task(keep_writing())
    try:
        yield tick
    finally:
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)


@asynccontextmanager
async def of_commit(service: Service, import_id: str) -> AsyncIterator[Tick]:
    """Counts a commit, in which each line is done twice, once checked and once written. Others see it while it lasts,
    in every process; how it ends is told by its own transaction only."""

    shown = False

    async def write(done: int) -> None:
        nonlocal shown
        if not done:
            return  # it waits for another one that writes the same
        async with service.pool.acquire() as conn:
            await imports.note_commit(conn, import_id, done // 2, system_clock())
        shown = True

    try:
        async with written(write) as tick:
            yield tick
    finally:
        if shown:
            await _forget(service, import_id)


async def _forget(service: Service, import_id: str) -> None:
    try:
        async with service.pool.acquire() as conn:
            await imports.end_commit(conn, import_id)
    except INFRASTRUCTURE_ERRORS as error:
        log.warning("import_progress_left", reason=type(error).__name__)  # it is stale soon


def under_way(touched_at: datetime | None, now: datetime) -> bool:
    """Whether a commit that was last heard of then is under way still."""
    return touched_at is not None and now - touched_at <= STALLED
