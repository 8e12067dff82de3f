"""Builds of read models: the first, a rebuild beside the one in service, and a verification that throws its build away.

One mechanism for all three: a new build folds from position 1, catches up, then the checkpoints in service are locked,
the rest is folded to exactly the same positions, and the rows are compared.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing, suppress
from functools import partial
from typing import NamedTuple

from shared import bus
from shared.db import INFRASTRUCTURE_ERRORS, Conn, Pool
from shared.follow import Batch, Follower
from shared.garbage import collect_rarely
from shared.leader import leadership
from shared.projection import Projection, store
from shared.projection.engine import Engine
from shared.projection.pipeline import run_through
from shared.projection.store import Difference, InService
from shared.telemetry import logger
from shared.wire import StreamClient

log = logger(__name__)

BUILD_LOCK = 0x6275696C
"""Advisory lock of the one build that a database makes at a time; whoever holds it may drop what others left."""

PATIENCE = 30.0
"""Seconds without an event that a stream should have: at its end a build holds up the projector of the one in service,
so it must not wait for ever."""

Progress = Callable[[str, str, int, int], None]
"""Told (projection, stream, position, goal) while a build catches up."""


class Comparison(NamedTuple):
    """What a build said about the one in service, at exactly the same positions. Of another version it says nothing."""

    projection: str
    positions: dict[str, int]
    total: int
    """Rows that differ, in all tables."""
    differences: list[Difference]
    """The first of them, at most 20 a table."""


class HistoryMissing(RuntimeError):
    """A stream ends before what was folded of it, and nobody refills it. Nothing was changed; try again later."""


class Workshop:
    """Makes builds of a service's projections."""

    def __init__(  # noqa: PLR0913 - the parts of a service, named
        self,
        pool: Pool,
        client: StreamClient,
        service: str,
        province: str,
        *,
        max_batch: int = 10_000,
        park_limit: int = 100,
        progress: Progress | None = None,
        patience: float = PATIENCE,
    ) -> None:
        self._pool, self._client, self._service, self._province = pool, client, service, province
        self._max_batch, self._park_limit, self._progress = max_batch, park_limit, progress
        self._patience = patience

    async def verify(self, projection: Projection) -> Comparison:
        """Recomputes from position 1, compares, and throws the recomputation away."""
        return await self._beside(projection, switch=False)

    async def rebuild(self, projection: Projection) -> Comparison:
        """Recomputes from position 1, compares, and puts the new build into service in one transaction."""
        return await self._beside(projection, switch=True)

    async def _beside(self, projection: Projection, *, switch: bool) -> Comparison:
        collect_rarely()
        async with leadership(self._pool, BUILD_LOCK):
            build = await self._begin(projection, passing=not switch)
            try:
                comparison = await self._compute(projection, build, switch=switch)
            except BaseException:
                with suppress(*INFRASTRUCTURE_ERRORS):
                    await self._drop(projection, build)
                raise
            await self._sweep(projection)
        log.info("build_compared", projection=projection.name, differences=comparison.total, in_service=switch)
        return comparison

    async def _begin(self, projection: Projection, *, passing: bool) -> int:
        await self._sweep(projection)
        async with self._pool.acquire() as conn, conn.transaction():
            return await store.begin_build(conn, projection, passing=passing)

    async def _drop(self, projection: Projection, build: int) -> None:
        async with self._pool.acquire() as conn, conn.transaction():
            await store.drop_build(conn, projection.name, build)

    async def _sweep(self, projection: Projection) -> None:
        """Drops what is not in service: this build if it was for comparison, the one replaced, those of a crash.

        Not within the switch: dropping tables waits for their last reader, and everyone else would wait behind that.
        """
        async with self._pool.acquire() as conn:
            abandoned = await store.abandoned_builds(conn, projection.name)
        for build in abandoned:
            await self._drop(projection, build)

    async def _compute(self, projection: Projection, build: int, *, switch: bool) -> Comparison:
        engine = Engine(self._pool, self._service, {projection: build}, park_limit=self._park_limit, strict=True)
        await self._approach(engine, projection)
        async with self._pool.acquire() as conn, conn.transaction():
            current = await store.in_service(conn, projection.name)
            assert current is not None
            goals = {c.stream: c.pos for c in await store.lock_checkpoints(conn, {projection.name: current.build})}
            await self._catch_up(engine, projection, goals)
            comparison = await _compare(conn, projection, current, build, goals)
            if switch:
                await store.show(conn, projection, build)
                await store.forget_build(conn, projection.name, current.build)
        return comparison

    async def _approach(self, engine: Engine, projection: Projection) -> None:
        """Catches up until less than a batch is left, so that the live projector is held up for a moment only."""
        left = None
        goals: dict[str, int] = {}
        while left is None or left > self._max_batch:
            now = await self._positions_in_service(projection)
            left = sum(pos - goals.get(stream, 0) for stream, pos in now.items())
            await self._catch_up(engine, projection, now)
            goals = now

    async def _positions_in_service(self, projection: Projection) -> dict[str, int]:
        async with self._pool.acquire() as conn, conn.transaction():
            current = await store.in_service(conn, projection.name)
            assert current is not None
            return {c.stream: c.pos for c in await store.lock_checkpoints(conn, {projection.name: current.build})}

    async def _catch_up(self, engine: Engine, projection: Projection, goals: Mapping[str, int]) -> None:
        """Folds each stream to exactly its goal. A stream that is new to this version has no goal: to its end."""
        for stream in projection.follows:
            follower = Follower(self._client, stream, self._province, max_batch=self._max_batch)
            goal = goals[stream] if stream in goals else await follower.last_seq()
            at = (await engine.refresh())[stream]
            if at >= goal:
                continue
            limit = asyncio.timeout(self._patience)
            try:
                async with limit, aclosing(follower.batches(at)) as batches, aclosing(_up_to(goal, batches)) as wanted:
                    await run_through(engine, wanted, partial(self._tell, projection.name, stream, goal, limit))
            except TimeoutError as error:
                if not limit.expired():
                    raise
                raise HistoryMissing(await self._what_is_missing(follower, stream, goal)) from error

    async def _tell(self, projection: str, stream: str, goal: int, limit: asyncio.Timeout, position: int) -> None:
        """Each batch puts the limit off."""
        limit.reschedule(asyncio.get_running_loop().time() + self._patience)
        if self._progress:
            self._progress(projection, stream, position, goal)

    async def _what_is_missing(self, follower: Follower, stream: str, goal: int) -> str:
        try:
            end = str(await follower.last_seq())
        except bus.NATS_ERRORS:
            end = "nobody knows where, its server does not answer"
        return (
            f"{stream}: {goal} was folded, the stream ends at {end}, and nothing came for {self._patience:g} s."
            f" The relay of {stream} refills it from its log; is it running? Nothing was changed."
        )


async def _up_to(goal: int, batches: AsyncIterator[Batch]) -> AsyncGenerator[Batch, None]:
    async for batch in batches:
        if batch.last >= goal:
            yield batch._replace(last=goal, messages=batch.messages[: goal - batch.first + 1])
            return
        yield batch


async def _compare(
    conn: Conn, projection: Projection, live: InService, other: int, positions: dict[str, int]
) -> Comparison:
    count: int = 0
    differences: list[Difference] = []
    if live.version != projection.version:
        return Comparison(projection.name, positions, 0, [])  # other shapes and folds: nothing to compare
    for table in projection.tables:
        found, first = await store.differences(conn, projection.name, table, (live.build, other), limit=20)
        count += found
        differences += first
    return Comparison(projection.name, positions, count, differences)


async def prepare(  # noqa: PLR0913 - the parts of a service, named
    pool: Pool,
    client: StreamClient,
    service: str,
    province: str,
    projections: Sequence[Projection],
    *,
    max_batch: int = 10_000,
    park_limit: int = 100,
) -> dict[Projection, int]:
    """The build in service of each projection: made if there is none, rebuilt beside if the code's version is newer."""
    chosen: dict[Projection, int] = {}
    for projection in projections:
        async with pool.acquire() as conn, conn.transaction():
            current = await store.in_service(conn, projection.name)
            build = current.build if current else await store.begin_build(conn, projection)
        if current and current.version != projection.version:
            log.info("rebuild_for_new_version", projection=projection.name, old=current.version, new=projection.version)
            workshop = Workshop(pool, client, service, province, max_batch=max_batch, park_limit=park_limit)
            await workshop.rebuild(projection)
            async with pool.acquire() as conn:
                now = await store.in_service(conn, projection.name)
            assert now is not None
            build = now.build
        chosen[projection] = build
    return chosen
