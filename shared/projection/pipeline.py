"""Batches through an engine: while one is written the next is folded, and the one after that is fetched and decoded."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

from shared.cancellation import heed_cancellation
from shared.follow import Batch
from shared.projection.engine import Engine
from shared.projection.trouble import Item

AT_ONCE = 2
"""Batches under way in an engine: one is written, one is folded."""


async def run_through(
    engine: Engine, batches: AsyncIterator[Batch], committed: Callable[[int], Awaitable[None]], *, pace: float = 0.0
) -> None:
    """Applies all batches in order; `committed` gets the position reached, in order. Raises the first error.

    After a batch that was all there is, the next is looked for `pace` seconds later: what came meanwhile is one batch.
    """
    room, turn = asyncio.Semaphore(AT_ONCE), asyncio.Lock()

    async def apply(batch: Batch, items: list[Item]) -> None:
        pos = await engine.apply(batch, items)
        async with turn:
            await committed(pos)
        room.release()  # not after an error: the group has to find its body at work, see `heed_cancellation`

    try:
        async with asyncio.TaskGroup() as tasks:
            async for batch in batches:
                items = await engine.decoder.items(batch)
                await room.acquire()
                tasks.create_task(apply(batch, items))
                if pace and not batch.pending:
                    await asyncio.sleep(pace)
            for _ in range(AT_ONCE):
                await room.acquire()
    except BaseExceptionGroup as group:
        heed_cancellation()
        raise _first(group) from None


def _first(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
