"""Waits until the read models have reached a position: one look at the database for all who wait at the moment."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress

EVERY = 0.02
"""Seconds between two looks while someone waits; the projector of the same process makes it look at once."""

Positions = Mapping[str, int]
"""By stream, the position that every read model has reached."""


class Reached:
    """Shared by all requests of a service. Nobody is served from an earlier look than the own asking."""

    def __init__(self, look: Callable[[], Awaitable[Positions]]) -> None:
        self._look = look
        self._coming: asyncio.Task[Positions] | None = None
        self._last = float("-inf")
        self._moved = asyncio.Event()

    def nudge(self) -> None:
        """Says that the read models have just moved."""
        self._moved.set()

    async def behind(self, wanted: Positions, *, within: float) -> dict[str, int]:
        """Waits up to `within` seconds; answers with the streams that still lack and where they are. Empty: reached."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + within
        while True:
            found = await self._next()
            lacking = {stream: found.get(stream, 0) for stream, pos in wanted.items() if found.get(stream, 0) < pos}
            if not lacking or loop.time() > deadline:
                return lacking

    async def _next(self) -> Positions:
        if self._coming is None:
            self._coming = asyncio.create_task(self._look_in_time())
            self._coming.add_done_callback(_nobody_may_be_waiting)
        return await asyncio.shield(self._coming)

    async def _look_in_time(self) -> Positions:
        loop = asyncio.get_running_loop()
        with suppress(TimeoutError):
            async with asyncio.timeout_at(self._last + EVERY):
                await self._moved.wait()
        self._moved.clear()
        self._coming, self._last = None, loop.time()  # who asks from here on needs a later look
        return await self._look()


def _nobody_may_be_waiting(look: asyncio.Task[Positions]) -> None:
    if not look.cancelled():
        look.exception()  # seen; otherwise asyncio would complain
