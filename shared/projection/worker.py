"""Keeps a service's read models up to date: one active worker, a follower for each stream, health once a second."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing, suppress
from typing import Any

from shared import bus, telemetry
from shared.cancellation import heed_cancellation
from shared.db import INFRASTRUCTURE_ERRORS, Conn, Pool
from shared.follow import Follower, HistoryCut
from shared.garbage import collect_rarely
from shared.leader import leadership
from shared.projection import Projection, builds, store
from shared.projection.engine import Engine, Fenced, Gap, OnParked, ParkLimit, UnknownInRebuild
from shared.projection.pipeline import run_through
from shared.telemetry import logger
from shared.wire import StreamClient

log = logger(__name__)

PROJECTOR_LOCK = 0x70726F6A
"""Advisory lock of the one active projector of a database."""
AGAIN = 0.2
"""Seconds before another try after an error that time may heal."""
PACE = 0.02
"""Least seconds from one batch of a stream to the next, once all that was there is taken: at hundreds of commands a
second each costs a share of one transaction, not one of its own. What comes alone is applied at once."""
SLOWLY = 5.0
"""Seconds before another try after one that it will not."""
HEALTH_EVERY = 1.0
"""Seconds between two notes of how far behind each stream is."""

OnCommit = Callable[[str, int], Awaitable[None]]
"""Called after each commit with the stream and the position reached."""


class Projector:
    """Runs all projections of a service. `run()` begins anew after any error; positions are always the database's."""

    def __init__(  # noqa: PLR0913 - the parts of a service, named
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
        on_parked: OnParked | None = None,
    ) -> None:
        self._pool, self._client, self._service, self._province = pool, client, service, province
        self._projections = list(projections)
        self._max_batch, self._park_limit = max_batch, park_limit
        self._on_commit, self._on_parked = on_commit, on_parked
        self._reached: dict[str, int] = {}
        self._ends: dict[str, int] = {}  # last sequence of each stream when it was last seen
        self._stopped = False

    async def run(self) -> None:
        """Works until cancelled. What time alone will not heal is noted for `readyz`, and tried again slowly."""
        collect_rarely()
        while True:
            stopped: BaseException | None = None
            try:
                async with leadership(self._pool, PROJECTOR_LOCK) as session:
                    await self._work(session)
            except* (*INFRASTRUCTURE_ERRORS, *bus.NATS_ERRORS, builds.HistoryMissing) as group:
                log.warning("projector_waits", service=self._service, reason=telemetry.reason_of(group))
            except* (Fenced, Gap) as group:
                log.info("projector_begins_again", service=self._service, reason=telemetry.reason_of(group))
            except* (ParkLimit, HistoryCut, UnknownInRebuild) as group:
                log.error("projector_stopped", service=self._service, reason=telemetry.reason_of(group))
                stopped = group
            except* Exception as group:
                log.error("projector_failed", service=self._service, exc_info=group)
                stopped = group
            heed_cancellation()
            if stopped is not None:
                await self._note_stopped()
            await asyncio.sleep(SLOWLY if stopped is not None else AGAIN)

    async def _work(self, session: Conn) -> None:
        chosen = await builds.prepare(
            self._pool,
            self._client,
            self._service,
            self._province,
            self._projections,
            max_batch=self._max_batch,
            park_limit=self._park_limit,
        )
        engine = Engine(self._pool, self._service, chosen, park_limit=self._park_limit, on_parked=self._on_parked)
        self._reached = await engine.refresh()
        async with asyncio.TaskGroup() as tasks:
            for stream in engine.streams:
                tasks.create_task(self._follow(engine, stream))
            await self._watch(session, engine.streams)  # in the body: see `heed_cancellation`

    async def _follow(self, engine: Engine, stream: str) -> None:
        async def committed(pos: int) -> None:
            self._reached[stream] = pos
            if self._on_commit:
                await self._on_commit(stream, pos)

        follower = Follower(self._client, stream, self._province, max_batch=self._max_batch)
        async with aclosing(follower.batches(self._reached[stream])) as batches:
            await run_through(engine, batches, committed, pace=PACE)

    async def _watch(self, session: Conn, streams: Sequence[str]) -> None:
        """Notes health over the session that holds the leader's lock: when that is lost, the work ends with it."""
        if self._stopped:  # say that it works again only when it has worked for a while
            await asyncio.sleep(HEALTH_EVERY)
        while True:
            for stream in streams:
                await self._note_health(session, stream)
            telemetry.PARKED.labels(self._service).set(await store.count_parked(session))
            self._stopped = False
            await asyncio.sleep(HEALTH_EVERY)

    async def _note_health(self, session: Conn, stream: str) -> None:
        label, last, pos = "unreachable", self._ends.get(stream, 0), self._reached[stream]
        with suppress(*bus.NATS_ERRORS):
            async with asyncio.timeout(HEALTH_EVERY):
                state = await bus.stream_state(self._client, stream, self._province)
            last, pos = int(state["last_seq"]) if state else 0, self._reached[stream]
            label = _label(state, pos, self._ends.get(stream))
            self._ends[stream] = last
        telemetry.PROJECTION_LAG.labels(self._service, stream).set(max(last - pos, 0))
        await store.write_health(session, stream, label, last, pos)

    async def _note_stopped(self) -> None:
        self._stopped = True
        with suppress(*INFRASTRUCTURE_ERRORS):
            async with self._pool.acquire() as conn:
                for stream in sorted({s for p in self._projections for s in p.follows}):
                    pos = self._reached.get(stream, 0)
                    await store.write_health(conn, stream, "stopped", self._ends.get(stream, 0), pos)


def _label(state: Mapping[str, Any] | None, pos: int, end_before: int | None) -> str:
    """Live is who has folded all that was there at the check before: under steady load nobody is ever quite level."""
    if state is None:
        return "no_stream"
    if state["last_seq"] < pos:
        return "waiting_for_refill"
    wanted = state["last_seq"] if end_before is None else min(state["last_seq"], end_before)
    return "live" if pos >= wanted else "catching_up"
