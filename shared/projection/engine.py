"""The one engine of all projections: batch in, rows and checkpoint out, in one transaction (invariants 4 and 5).

A data error parks the event and holds back later events of the same key; an infrastructure error rolls back and tries
again; neither steps over anything. The checkpoint is compared and set: an engine that was overtaken rolls back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from shared import faults, follow, telemetry
from shared.contracts import Recorded, UnknownEvent
from shared.db import Conn, Pool
from shared.follow import Batch, Message, Undecodable
from shared.projection import Key, Projection, Rows, Table, store
from shared.projection.store import Checkpoint, ParkedEvent
from shared.telemetry import logger

log = logger(__name__)

CACHE_LIMIT = 50_000
"""Rows of a cached table that stay in memory between batches."""


class Fenced(RuntimeError):
    """Another engine moved these checkpoints. Nothing was written; begin again from the database's positions."""


class Gap(RuntimeError):
    """A batch begins behind the next position. Nothing was written; fetch again from the checkpoint."""


class ParkLimit(RuntimeError):
    """Too many events are parked: something is wrong with the projection, not with the events. It stops."""


class UnknownInRebuild(RuntimeError):
    """A rebuild met an event type that this release does not know; it must not leave it out."""


class Item(NamedTuple):
    """A message and what became of it: an event, or why it is none."""

    message: Message
    rec: Recorded | None
    error: Exception | None

    @property
    def key(self) -> str:
        return self.rec.event.key() if self.rec else follow.key_of(self.message)


OnCommit = Callable[[str, int], Awaitable[None]]
"""Called after each commit with the stream and the position reached."""


class Engine:
    """Applies batches to builds of projections. Not a loop: `shared.projection.worker` feeds it."""

    def __init__(
        self, pool: Pool, service: str, builds: Mapping[Projection, int], *, park_limit: int = 100, strict: bool = False
    ) -> None:
        self._pool, self._service, self._park_limit, self._strict = pool, service, park_limit, strict
        self._builds = {p.name: build for p, build in builds.items()}
        self._projections = list(builds)
        self._rows = Rows()
        self._known: dict[tuple[str, str], Checkpoint] = {}
        self._held: set[tuple[str, str, str]] = set()
        self._one_at_a_time = asyncio.Lock()

    def projections_of(self, stream: str) -> list[Projection]:
        """The projections that read a stream."""
        return [p for p in self._projections if stream in p.follows]

    @property
    def streams(self) -> list[str]:
        """The streams that any of the projections reads."""
        return sorted({s for p in self._projections for s in p.follows})

    async def refresh(self) -> dict[str, int]:
        """Forgets everything in memory and reads positions anew; answers with the lowest position of each stream."""
        self._rows.forget()
        async with self._pool.acquire() as conn, conn.transaction():
            checkpoints = await store.lock_checkpoints(conn, self._builds)
            self._held = await store.parked_keys(conn, self._builds)
        self._known = {(c.projection, c.stream): c for c in checkpoints}
        return {s: min(c.pos for c in checkpoints if c.stream == s) for s in self.streams}

    async def apply(self, batch: Batch) -> int:
        """Folds a batch and commits; answers with the position reached. Raises Fenced, Gap, ParkLimit, or what failed.

        After any exception nothing was written and memory is empty; call `refresh` before the next batch.
        """
        async with self._one_at_a_time:
            items = [self._decode(batch.stream, m) for m in batch.messages]
            try:
                await self._commit(batch, items)
            except BaseException:
                self._rows.forget()
                self._known = {}
                raise
            self._rows.settle(cache_limit=CACHE_LIMIT)
        telemetry.EVENTS_APPLIED.labels(self._service, batch.stream).inc(len(items))
        faults.point("projector.after_commit")
        return batch.last

    def _decode(self, stream: str, message: Message) -> Item:
        try:
            return Item(message, follow.decode(stream, message), None)
        except UnknownEvent as error:
            if self._strict:
                raise UnknownInRebuild(f"{stream} {message.pos}: {error}") from error
            telemetry.EVENTS_UNKNOWN.labels(self._service, stream).inc()
            return Item(message, None, None)
        except Undecodable as error:
            return Item(message, None, error)

    async def _commit(self, batch: Batch, items: list[Item]) -> None:
        parked: list[ParkedEvent] = []
        moves: list[tuple[Checkpoint, int]] = []
        held = set(self._held)
        async with self._pool.acquire() as conn, conn.transaction():
            await self._fence(conn)
            for projection in self.projections_of(batch.stream):
                checkpoint = self._known[projection.name, batch.stream]
                if batch.last <= checkpoint.pos:
                    continue
                if batch.first > checkpoint.pos + 1:
                    raise Gap(f"{projection.name}: at {checkpoint.pos}, batch begins at {batch.first}")
                fresh = items[max(checkpoint.pos + 1 - batch.first, 0) :]
                parked += await self._fold(conn, projection, checkpoint, fresh, held)
                moves.append((checkpoint, batch.last))
            await self._write(conn, parked, moves)
            faults.point("projector.before_commit")
        for checkpoint, pos in moves:
            self._known[checkpoint.projection, checkpoint.stream] = checkpoint._replace(pos=pos)
        self._held = held

    async def _fence(self, conn: Conn) -> None:
        """Every checkpoint of ours, of all streams, is as we left it: so are the rows in memory."""
        found = {(c.projection, c.stream): c for c in await store.lock_checkpoints(conn, self._builds)}
        if not self._known or found != self._known:
            raise Fenced("checkpoints moved")

    async def _fold(
        self, conn: Conn, projection: Projection, at: Checkpoint, items: list[Item], held: set[tuple[str, str, str]]
    ) -> list[ParkedEvent]:
        """Folds into memory; what cannot be folded is parked, and the whole batch folded again without it."""
        reasons = {i.message.pos: repr(i.error) for i in items if i.error}
        wanted = [i for i in items if i.rec is not None and type(i.rec.event) in projection.reactions]
        await self._load(conn, projection, at, wanted, reasons)
        while True:
            failed = self._try_fold(projection, at.stream, wanted, reasons, held)
            if failed is None:
                break
            self._rows.undo(projection.tables)
            reasons[failed[0].message.pos] = f"{type(failed[1]).__name__}: {failed[1]}"
        by_pos = {i.message.pos: i for i in items}
        for pos in reasons:
            held.add((projection.name, at.stream, by_pos[pos].key))
        return [_parked(at, by_pos[pos], reason) for pos, reason in sorted(reasons.items())]

    def _try_fold(
        self,
        projection: Projection,
        stream: str,
        items: Sequence[Item],
        reasons: dict[int, str],
        held: set[tuple[str, str, str]],
    ) -> tuple[Item, Exception] | None:
        rows, reactions = self._rows, projection.reactions
        stuck = {key for name, of, key in held if name == projection.name and of == stream}
        for item in items:
            rec = item.rec
            assert rec is not None
            if (stuck and item.key in stuck) or item.message.pos in reasons:
                reasons.setdefault(item.message.pos, "an earlier event of this key is parked")
                stuck.add(item.key)
                continue
            try:
                reactions[type(rec.event)].fold(rows, rec, rec.event)
            except Exception as error:
                return item, error
        return None

    async def _load(
        self, conn: Conn, projection: Projection, at: Checkpoint, items: Iterable[Item], reasons: dict[int, str]
    ) -> None:
        """Loads every row that the batch's folds may read, one query a table."""
        wanted: dict[Table[object], set[Key]] = {table: set() for table in projection.tables}  # type: ignore[type-var]
        for item in items:
            assert item.rec is not None
            try:
                for table, key in projection.reactions[type(item.rec.event)].needs(item.rec, item.rec.event):
                    wanted[table].add(key)
            except Exception as error:
                reasons[item.message.pos] = f"{type(error).__name__}: {error}"
        schema = store.schema_of(projection.name, at.build)
        for table, keys in wanted.items():
            missing = self._rows.missing(table, keys)
            if missing:
                self._rows.load(table, missing, await store.load(conn, schema, table, missing))

    async def _write(self, conn: Conn, parked: list[ParkedEvent], moves: list[tuple[Checkpoint, int]]) -> None:
        for checkpoint, _ in moves:
            projection = next(p for p in self._projections if p.name == checkpoint.projection)
            schema = store.schema_of(projection.name, checkpoint.build)
            for table in projection.tables:
                changed = self._rows.changed(table)
                if changed:
                    await store.upsert(conn, schema, table, changed)
        if parked:
            await store.park(conn, parked)
            total = len(await store.parked(conn, self._builds))
            log.warning("events_parked", service=self._service, now=len(parked), total=total, first=parked[0].reason)
            if total > self._park_limit:
                raise ParkLimit(f"{total} events parked, limit {self._park_limit}; first: {parked[0].reason}")
        if await store.move_checkpoints(conn, moves) != len(moves):
            raise Fenced("checkpoints moved while writing")

    async def retry(self, event: ParkedEvent, projection: Projection) -> int:
        """Folds a parked event and everything parked behind it for the same key; answers with how many it folded.

        Raises what the fold raises, and then changes nothing.
        """
        async with self._one_at_a_time:
            self._rows.forget()
            async with self._pool.acquire() as conn, conn.transaction():
                await store.lock_checkpoints(conn, self._builds)
                same = [
                    e for e in await store.parked(conn, self._builds)
                    if (e.projection, e.stream, e.key) == (event.projection, event.stream, event.key)
                ]  # fmt: skip
                recs = [follow.decode(e.stream, Message(e.pos, e.payload, e.headers)) for e in same]
                at = Checkpoint(event.projection, event.build, event.stream, 0)
                items = [Item(Message(r.pos, b"", b""), r, None) for r in recs if type(r.event) in projection.reactions]
                await self._load(conn, projection, at, items, {})
                for rec in recs:
                    projection.fold(self._rows, rec)
                schema = store.schema_of(projection.name, event.build)
                for table in projection.tables:
                    if changed := self._rows.changed(table):
                        await store.upsert(conn, schema, table, changed)
                await store.unpark(conn, same)
            self._rows.forget()
        return len(same)


def _parked(at: Checkpoint, item: Item, reason: str) -> ParkedEvent:
    message = item.message
    return ParkedEvent(
        at.projection, at.build, at.stream, message.pos, item.key, follow.type_of(message), reason[:500],
        message.headers, message.data,
    )  # fmt: skip
