"""Keeps a service's read models up to date: one active worker, a follower for each stream, health once a second."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import aclosing

from shared import bus, telemetry
from shared.db import INFRASTRUCTURE_ERRORS, Pool
from shared.follow import Follower, HistoryCut
from shared.leader import leadership
from shared.projection import Projection, builds, store
from shared.projection.engine import Engine, Fenced, Gap, OnCommit, ParkLimit, UnknownInRebuild
from shared.telemetry import logger
from shared.wire import StreamClient

log = logger(__name__)

PROJECTOR_LOCK = 0x70726F6A
"""Advisory lock of the one active projector of a database."""
HEALTH_EVERY = 1.0
"""Seconds between two notes of how far behind each stream is."""


class Projector:
    """Runs all projections of a service. `run()` begins anew after any error; positions are always the database's."""

    def __init__(
        self,
        pool: Pool,
        client: StreamClient,
        service: str,
        province: str,
        projections: Sequence[Projection],
        *,
        max_batch: int = 10_000,
        park_limit: int = 100,
        on_commit: OnCommit | None = None,
    ) -> None:
        self._pool, self._client, self._service, self._province = pool, client, service, province
        self._projections = list(projections)
        self._max_batch, self._park_limit, self._on_commit = max_batch, park_limit, on_commit
        self._reached: dict[str, int] = {}
        self._states: dict[str, str] = {}

    async def run(self) -> None:
        """Works until cancelled."""
        while True:
            try:
                async with leadership(self._pool, PROJECTOR_LOCK):
                    await self._work()
            except* (*INFRASTRUCTURE_ERRORS, *bus.NATS_ERRORS) as group:
                log.warning("projector_waits", service=self._service, reason=_first(group))
            except* (Fenced, Gap) as group:
                log.info("projector_begins_again", service=self._service, reason=_first(group))
            except* (ParkLimit, HistoryCut, UnknownInRebuild) as group:
                log.error("projector_stopped", service=self._service, reason=_first(group))
                await self._note_stopped()
            await asyncio.sleep(0.2)

    async def _work(self) -> None:
        chosen = await builds.prepare(
            self._pool, self._client, self._service, self._province, self._projections, max_batch=self._max_batch
        )
        engine = Engine(self._pool, self._service, chosen, park_limit=self._park_limit)
        self._reached = await engine.refresh()
        async with asyncio.TaskGroup() as tasks:
            for stream in engine.streams:
                tasks.create_task(self._follow(engine, stream))
            tasks.create_task(self._watch(engine.streams))

    async def _follow(self, engine: Engine, stream: str) -> None:
        async def waiting(reason: str) -> None:
            self._states[stream] = reason

        follower = Follower(
            self._client, stream, self._province, max_batch=self._max_batch, on_waiting=waiting
        )  # fmt: skip
        async with aclosing(follower.batches(self._reached[stream])) as batches:
            async for batch in batches:
                self._states.pop(stream, None)
                self._reached[stream] = await engine.apply(batch)
                if self._on_commit:
                    await self._on_commit(stream, batch.last)

    async def _watch(self, streams: Sequence[str]) -> None:
        while True:
            await self._note_health(streams)
            await asyncio.sleep(HEALTH_EVERY)

    async def _note_health(self, streams: Sequence[str]) -> None:
        for stream in streams:
            state = await bus.stream_state(self._client, stream, self._province)
            last, pos = int(state["last_seq"]) if state else 0, self._reached[stream]
            label = self._states.get(stream) or ("live" if pos >= last else "catching_up")
            telemetry.PROJECTION_LAG.labels(self._service, stream).set(max(last - pos, 0))
            async with self._pool.acquire() as conn:
                await store.write_health(conn, stream, label, last, pos)
                telemetry.PARKED.labels(self._service).set(await store.count_parked(conn))

    async def _note_stopped(self) -> None:
        async with self._pool.acquire() as conn:
            for stream, pos in self._reached.items():
                await store.write_health(conn, stream, "stopped", pos + 1, pos)
        await asyncio.sleep(10.0)


def _first(group: BaseException) -> str:
    error = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return str(error) or type(error).__name__
