"""Does in one transaction what many requests ask at the same time, as a ferry takes whoever has come since it left."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, NamedTuple, TypeVar

from shared.db import INFRASTRUCTURE_ERRORS

P = TypeVar("P")
R = TypeVar("R")

AT_ONCE = 2
"""Lots under way at a time: while one waits for the disk, the next is put together and sent."""


class _Waiting(NamedTuple, Generic[P, R]):
    piece: P
    weight: int
    result: asyncio.Future[R]


class Lots(Generic[P, R]):
    """Pieces of work gather while earlier ones are under way; a piece that comes alone is a lot of its own, at once.

    `do` does a lot: all of it or nothing, and answers in the order of its pieces. When it fails for another reason than
    the infrastructure, each piece is done alone, so that only the one at fault fails.
    """

    def __init__(self, do: Callable[[Sequence[P]], Awaitable[Sequence[R]]], *, most: int) -> None:
        self._do, self._most = do, most
        self._waiting: deque[_Waiting[P, R]] = deque()
        self._workers: set[asyncio.Task[None]] = set()

    async def add(self, piece: P, *, weight: int = 1) -> R:
        """The piece's result, or what it raised. A lot weighs `most` at most, unless it is one heavy piece."""
        waiting = _Waiting[P, R](piece, weight, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        if len(self._workers) < AT_ONCE:
            worker = asyncio.create_task(self._work())
            self._workers.add(worker)
            worker.add_done_callback(self._workers.discard)
        return await waiting.result

    async def _work(self) -> None:
        while self._waiting:
            await self._finish(self._next())

    def _next(self) -> list[_Waiting[P, R]]:
        lot = [self._waiting.popleft()]
        weight = lot[0].weight
        while self._waiting and (weight := weight + self._waiting[0].weight) <= self._most:
            lot.append(self._waiting.popleft())
        return lot

    async def _finish(self, lot: Sequence[_Waiting[P, R]]) -> None:
        try:
            results = await self._do([w.piece for w in lot])
        except BaseException as error:
            if len(lot) > 1 and isinstance(error, Exception) and not isinstance(error, INFRASTRUCTURE_ERRORS):
                for waiting in lot:
                    await self._finish([waiting])
                return
            for waiting in lot:
                _fail(waiting.result, error)
            if not isinstance(error, Exception):
                raise
            return
        for waiting, result in zip(lot, results, strict=True):
            if not waiting.result.done():
                waiting.result.set_result(result)


def _fail(future: asyncio.Future[R], error: BaseException) -> None:
    if future.done():
        return
    if isinstance(error, asyncio.CancelledError):
        future.cancel()
    else:
        future.set_exception(error)
