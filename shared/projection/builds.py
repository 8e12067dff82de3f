"""Builds of read models: the first, a rebuild beside the one in service, and a verification that throws its build away.

One mechanism for all three: a new build folds from position 1, catches up, then the checkpoints in service are locked,
the rest is folded to exactly the same positions, and the rows are compared.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing
from typing import NamedTuple

from shared.db import Conn, Pool
from shared.follow import Batch, Follower
from shared.projection import Projection, store
from shared.projection.engine import Engine
from shared.projection.store import Difference
from shared.telemetry import logger
from shared.wire import StreamClient

log = logger(__name__)

Progress = Callable[[str, str, int, int], None]
"""Told (projection, stream, position, goal) while a build catches up."""


class Comparison(NamedTuple):
    """What a build said about the one in service, at exactly the same positions."""

    projection: str
    positions: dict[str, int]
    total: int
    """Rows that differ, in all tables."""
    differences: list[Difference]
    """The first of them, at most 20 a table."""


class Workshop:
    """Makes builds of a service's projections."""

    def __init__(
        self,
        pool: Pool,
        client: StreamClient,
        service: str,
        province: str,
        *,
        max_batch: int = 10_000,
        progress: Progress | None = None,
    ) -> None:
        self._pool, self._client, self._service, self._province = pool, client, service, province
        self._max_batch, self._progress = max_batch, progress

    async def verify(self, projection: Projection) -> Comparison:
        """Recomputes from position 1, compares, and throws the recomputation away."""
        return await self._beside(projection, switch=False)

    async def rebuild(self, projection: Projection) -> Comparison:
        """Recomputes from position 1, compares, and puts the new build into service in one transaction."""
        return await self._beside(projection, switch=True)

    async def _beside(self, projection: Projection, *, switch: bool) -> Comparison:
        async with self._pool.acquire() as conn, conn.transaction():
            build = await store.begin_build(conn, projection)
        try:
            engine = Engine(self._pool, self._service, {projection: build}, strict=True)
            await self._catch_up(engine, projection, await self._positions_in_service(projection))
            async with self._pool.acquire() as conn, conn.transaction():
                current = await store.in_service(conn, projection.name)
                assert current is not None
                goals = {c.stream: c.pos for c in await store.lock_checkpoints(conn, {projection.name: current.build})}
                await self._catch_up(engine, projection, goals)
                comparison = await _compare(conn, projection, current.build, build, goals)
                if switch:
                    await store.show(conn, projection, build)
                    await store.drop_build(conn, projection.name, current.build)
                else:
                    await store.drop_build(conn, projection.name, build)
        except BaseException:
            async with self._pool.acquire() as conn:
                await store.drop_build(conn, projection.name, build)
            raise
        log.info("build_compared", projection=projection.name, differences=comparison.total, in_service=switch)
        return comparison

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
            async with aclosing(follower.batches(at)) as batches:
                async for batch in batches:
                    at = await engine.apply(_cut(batch, goal))
                    if self._progress:
                        self._progress(projection.name, stream, at, goal)
                    if at >= goal:
                        break


def _cut(batch: Batch, goal: int) -> Batch:
    if batch.last <= goal:
        return batch
    return batch._replace(last=goal, messages=batch.messages[: goal - batch.first + 1])


async def _compare(conn: Conn, projection: Projection, live: int, other: int, positions: dict[str, int]) -> Comparison:
    count, differences = 0, []
    for table in projection.tables:
        found = await store.count_differences(conn, projection.name, table, live, other)
        if found:
            differences += await store.list_differences(conn, projection.name, table, live, other, limit=20)
        count += found
    return Comparison(projection.name, positions, count, differences)


async def prepare(
    pool: Pool,
    client: StreamClient,
    service: str,
    province: str,
    projections: Sequence[Projection],
    *,
    max_batch: int = 10_000,
) -> dict[Projection, int]:
    """The build in service of each projection: made if there is none, rebuilt beside if the code's version is newer."""
    chosen: dict[Projection, int] = {}
    for projection in projections:
        async with pool.acquire() as conn, conn.transaction():
            current = await store.in_service(conn, projection.name)
            build = current.build if current else await store.begin_build(conn, projection)
        if current and current.version != projection.version:
            log.info("rebuild_for_new_version", projection=projection.name, old=current.version, new=projection.version)
            workshop = Workshop(pool, client, service, province, max_batch=max_batch)
            await workshop.rebuild(projection)
            async with pool.acquire() as conn:
                now = await store.in_service(conn, projection.name)
            assert now is not None
            build = now.build
        chosen[projection] = build
    return chosen
