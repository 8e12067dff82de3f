"""The one engine of all projections: batch in, rows and checkpoint out, in one transaction (invariants 4 and 5).

A data error parks the event and holds back later events of the same key; an infrastructure error rolls back and tries
again; neither steps over anything. The checkpoint is compared and set: an engine that was overtaken rolls back.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from shared import faults, telemetry
from shared.cloudevents import Message, decode
from shared.db import Conn, Pool
from shared.follow import Batch
from shared.projection import Key, MissingNeed, Projection, Rows, Table, store, store_rows
from shared.projection.decoding import Decoder
from shared.projection.garbage import Sweeper
from shared.projection.store import Checkpoint, ParkedEvent
from shared.projection.trouble import DATA_ERRORS, Fenced, Gap, Item, ParkLimit, UnknownInRebuild, Unwritable
from shared.telemetry import logger

log = logger(__name__)

CACHE_LIMIT = 50_000
"""Rows of a cached table that stay in memory between batches."""


OnCommit = Callable[[str, int], Awaitable[None]]
"""Called after each commit with the stream and the position reached."""


class Engine:
    """Applies batches to builds of projections. Not a loop: `shared.projection.worker` feeds it."""

    def __init__(
        self, pool: Pool, service: str, builds: Mapping[Projection, int], *, park_limit: int = 100, strict: bool = False
    ) -> None:
        self._pool, self._service, self._park_limit = pool, service, park_limit
        self.decoder = Decoder(service, strict=strict)
        self._builds = {p.name: build for p, build in builds.items()}
        self._projections = list(builds)
        self._rows, self._sweeper = Rows(), Sweeper()
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

    async def apply(self, batch: Batch, items: list[Item] | None = None) -> int:
        """Folds a batch and commits; answers with the position reached. Raises Fenced, Gap, ParkLimit, or what failed.

        `items` are the batch's, where the decoder made them ahead.
        After an exception memory is empty, and rows and checkpoint agree; call `refresh` before the next batch.
        """
        items = await self.decoder.items(batch) if items is None else items
        async with self._one_at_a_time:
            try:
                await self._commit_or_halve(batch, items)
            except BaseException:
                self._rows.forget()
                self._known = {}
                raise
        self._sweeper.committed()
        telemetry.EVENTS_APPLIED.labels(self._service, batch.stream).inc(len(items))
        faults.point("projector.after_commit")
        return batch.last

    async def _commit_or_halve(self, batch: Batch, items: list[Item]) -> None:
        """Commits; what the database cannot store is narrowed down by halves to the events that it comes from."""
        try:
            await self._commit(batch, items)
            self._rows.settle(cache_limit=CACHE_LIMIT)
        except Unwritable as error:
            self._rows.forget()
            for part, its_items in _halves(batch, items, error):
                await self._commit_or_halve(part, its_items)

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
        troubled = (i for i in items if i.error or i.unwritable)
        reasons = {i.message.pos: why for i in troubled if (why := i.trouble(projection))}
        wanted = [i for i in items if i.message.pos in reasons or (i.rec and type(i.rec.event) in projection.reactions)]
        await self._load(conn, projection, at, wanted, reasons)
        while failed := self._try_fold(projection, at.stream, wanted, reasons, held):
            self._rows.undo(projection.tables)
            reasons[failed[0].message.pos] = f"{type(failed[1]).__name__}: {failed[1]}"
            self._mind_the_limit(len(reasons), reasons)
        aside = [i for i in wanted if i.message.pos in reasons]
        held.update((projection.name, at.stream, i.key) for i in aside)
        return [i.parked(at, reasons[i.message.pos]) for i in aside]

    def _mind_the_limit(self, parked: int, reasons: Mapping[int, str]) -> None:
        if parked > self._park_limit:
            raise ParkLimit(f"{parked} events parked, limit {self._park_limit}; {next(iter(reasons.values()))}")

    def _try_fold(
        self,
        projection: Projection,
        stream: str,
        items: Sequence[Item],
        reasons: dict[int, str],
        held: set[tuple[str, str, str]],
    ) -> tuple[Item, Exception] | None:
        """Folds in order what is free to be folded; answers with the first that fails and its error."""
        rows, reactions = self._rows, projection.reactions
        stuck = {key for name, of, key in held if name == projection.name and of == stream}
        for item in items:
            rec = item.rec
            if rec is None or item.message.pos in reasons or (stuck and item.key in stuck):
                reasons.setdefault(item.message.pos, "an earlier event of this key is parked")
                stuck.add(item.key)
                continue
            try:
                reactions[type(rec.event)].fold(rows, rec, rec.event)
            except MissingNeed:
                raise  # a mistake in the projection: parking would hide it
            except Exception as error:
                return item, error
        return None

    async def _load(
        self, conn: Conn, projection: Projection, at: Checkpoint, items: Iterable[Item], reasons: dict[int, str]
    ) -> None:
        """Loads every row that the batch's folds may read, one query a table."""
        wanted: defaultdict[Table[Any], set[Key]] = defaultdict(set)
        for item in items:
            if item.rec is None or item.message.pos in reasons:
                continue
            try:
                for table, key in projection.reactions[type(item.rec.event)].needs(item.rec, item.rec.event):
                    wanted[table].add(key)
            except Exception as error:
                reasons[item.message.pos] = f"{type(error).__name__}: {error}"
        schema = store.schema_of(projection.name, at.build)
        for table, keys in wanted.items():
            missing = self._rows.missing(table, keys)
            if missing:
                try:
                    self._rows.load(table, missing, await store_rows.load(conn, schema, table, missing))
                except DATA_ERRORS as error:
                    raise Unwritable(projection.name, error) from error

    async def _write(self, conn: Conn, parked: list[ParkedEvent], moves: list[tuple[Checkpoint, int]]) -> None:
        for checkpoint, _ in moves:
            projection = next(p for p in self._projections if p.name == checkpoint.projection)
            await self._upsert(conn, projection, checkpoint.build)
        if parked:
            await store.park(conn, parked)
            total = len(await store.parked(conn, self._builds))
            log.warning("events_parked", service=self._service, now=len(parked), total=total, first=parked[0].reason)
            self._mind_the_limit(total, {0: parked[0].reason})
        if await store.move_checkpoints(conn, moves) != len(moves):
            raise Fenced("checkpoints moved while writing")

    async def _upsert(self, conn: Conn, projection: Projection, build: int) -> None:
        changes = [(table, changed) for table in projection.tables if (changed := self._rows.changed(table))]
        if not changes:
            return
        try:
            await store_rows.upsert(conn, store.schema_of(projection.name, build), changes)
        except DATA_ERRORS as error:
            raise Unwritable(projection.name, error) from error

    async def retry(self, event: ParkedEvent, projection: Projection) -> int:
        """Folds a parked event and everything parked behind it for the same key; answers with how many it folded.

        Raises what the fold raises, and then changes nothing. Every engine that holds rows of this build in memory,
        this one too, is fenced by it and has to `refresh`.
        """
        async with self._one_at_a_time:
            self._rows.forget()
            self._known = {}
            try:
                async with self._pool.acquire() as conn, conn.transaction():
                    return await self._retry(conn, event, projection)
            finally:
                self._rows.forget()

    async def _retry(self, conn: Conn, event: ParkedEvent, projection: Projection) -> int:
        await store.lock_checkpoints(conn, self._builds)
        same = [
            e for e in await store.parked(conn, self._builds)
            if (e.projection, e.stream, e.key) == (event.projection, event.stream, event.key)
        ]  # fmt: skip
        recs = [decode(e.stream, Message(e.pos, e.payload, e.headers)) for e in same]
        items = [Item(Message(r.pos, b"", b""), r, None) for r in recs if type(r.event) in projection.reactions]
        failed: dict[int, str] = {}
        await self._load(conn, projection, Checkpoint(event.projection, event.build, event.stream, 0), items, failed)
        if failed:
            raise ValueError(next(iter(failed.values())))
        for rec in recs:
            projection.fold(self._rows, rec)
        await self._upsert(conn, projection, event.build)
        await store.unpark(conn, same)
        await store.outdate(conn, event.projection, event.build)
        return len(same)


def _halves(batch: Batch, items: list[Item], error: Unwritable) -> Iterator[tuple[Batch, list[Item]]]:
    """Two smaller batches; a single event comes again with what was said of it, to be parked."""
    if len(items) == 1:
        item = items[0]
        if any(u.projection == error.projection for u in item.unwritable):
            raise error
        yield batch, [item._replace(unwritable=(*item.unwritable, error))]
        return
    middle = len(items) // 2
    for part in (slice(None, middle), slice(middle, None)):
        messages = batch.messages[part]
        yield batch._replace(first=messages[0].pos, last=messages[-1].pos, messages=messages), items[part]


__all__ = ["Engine", "Fenced", "Gap", "Item", "OnCommit", "ParkLimit", "UnknownInRebuild"]
