"""The one engine of all projections: batch in, rows and checkpoint out, in one transaction (invariants 4 and 5).

A data error parks the event and holds back later events of the same key; an infrastructure error rolls back and tries
again; neither steps over anything. The checkpoint is compared and set: an engine that was overtaken rolls back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from shared import faults, telemetry
from shared.cloudevents import Message, decode
from shared.db import Conn, Pool
from shared.follow import Batch
from shared.garbage import Sweeper
from shared.projection import Projection, Rows, store, store_rows
from shared.projection.decoding import Decoder
from shared.projection.folding import Memory, Work, halves, try_fold, written
from shared.projection.loading import Ahead, load, load_with, needs, read_ahead
from shared.projection.store import Checkpoint, ParkedEvent
from shared.projection.trouble import (
    BUILD_GONE,
    DATA_ERRORS,
    ROW_TAKEN,
    Fenced,
    Gap,
    Held,
    Item,
    OnParked,
    ParkLimit,
    UnknownInRebuild,
    Unwritable,
)
from shared.telemetry import logger

log = logger(__name__)


class Engine:
    """Applies batches to builds of projections. Not a loop: `shared.projection.worker` feeds it.

    While one batch is written the next may be folded: what that reads is in memory, or no batch on its way touches it.
    """

    def __init__(
        self, pool: Pool, service: str, builds: Mapping[Projection, int], *, park_limit: int = 100,
        strict: bool = False, on_parked: OnParked | None = None,
    ) -> None:  # fmt: skip
        self._pool, self._service, self._park_limit, self._on_parked = pool, service, park_limit, on_parked
        self.decoder = Decoder(service, strict=strict)
        self._builds = {p.name: build for p, build in builds.items()}
        self._projections = list(builds)
        self._sweeper = Sweeper()
        self._memory: Memory | None = None
        self._known: dict[tuple[str, str], Checkpoint] = {}  # as our last commit left them
        self._held: set[Held] = set()
        self._reading, self._folding, self._writing = asyncio.Lock(), asyncio.Lock(), asyncio.Lock()
        self._settled = asyncio.Event()
        self._settled.set()

    def projections_of(self, stream: str) -> list[Projection]:
        """The projections that read a stream."""
        return [p for p in self._projections if stream in p.follows]

    @property
    def streams(self) -> list[str]:
        """The streams that any of the projections reads."""
        return sorted({s for p in self._projections for s in p.follows})

    async def refresh(self) -> dict[str, int]:
        """Forgets everything in memory and reads positions anew; answers with the lowest position of each stream."""
        async with self._folding, self._writing:
            async with self._pool.acquire() as conn, conn.transaction():
                checkpoints = await store.lock_checkpoints(conn, self._builds)
                self._held = await store.parked_keys(conn, self._builds)
            self._known = {(c.projection, c.stream): c for c in checkpoints}
            self._memory = Memory(checkpoints, set(self._held))
        return {s: min(c.pos for c in checkpoints if c.stream == s) for s in self.streams}

    async def apply(self, batch: Batch, items: list[Item] | None = None) -> int:
        """Folds a batch and commits; answers with the position reached. Raises Fenced, Gap, ParkLimit, or what failed.

        `items` are the batch's, where the decoder made them ahead. A second call may be under way: it is folded
        meanwhile, and written in the order of the calls.
        After an exception memory is empty, and rows and checkpoint agree; call `refresh` before the next batch.
        """
        items = await self.decoder.items(batch) if items is None else items
        async with self._reading:  # until it is this batch's turn to be folded, or a later one might overtake it
            ahead = await self._read_ahead(batch, items)
            await self._folding.acquire()
        try:
            work = await self._fold_and_wait(batch, items, ahead)
        finally:
            self._folding.release()
        try:
            await self._write_or_halve(work, batch, items)
        except BaseException:
            self._doubt()
            raise
        finally:
            self._writing.release()
        self._sweeper.committed()
        telemetry.EVENTS_APPLIED.labels(self._service, batch.stream).inc(len(items))
        faults.point("projector.after_commit")
        return batch.last

    async def _read_ahead(self, batch: Batch, items: list[Item]) -> Ahead | None:
        memory = self._memory
        if memory is None:
            return None
        builds = {p: self._builds[p.name] for p in self.projections_of(batch.stream)}
        try:
            return await read_ahead(self._pool, memory, builds, items)
        except BaseException:
            self._doubt()
            raise

    def _doubt(self) -> None:
        self._memory, self._known = None, {}

    async def _fold_and_wait(self, batch: Batch, items: list[Item], ahead: Ahead | None) -> Work | Unwritable:
        """Folds; answers when it is this batch's turn to be written (`_writing` is held): the one before is committed.

        When that failed meanwhile, what was folded on top of it is worth nothing: once more.
        """
        while True:
            await self._settled.wait()
            memory = self._memory
            try:
                work = await self._fold(memory, batch, items, ahead)
                await self._writing.acquire()
            except BaseException as error:
                try:
                    if isinstance(error, BUILD_GONE):
                        await self._find_out()
                    raise
                finally:
                    if memory is self._memory:
                        self._doubt()
            if memory is self._memory:
                return work
            self._writing.release()

    async def _find_out(self) -> None:
        """Raises Fenced where the build was replaced, and its tables with it."""
        async with self._pool.acquire() as conn, conn.transaction():
            await self._fence(conn)

    async def _fold(
        self, memory: Memory | None, batch: Batch, items: list[Item], ahead: Ahead | None = None
    ) -> Work | Unwritable:
        if memory is None:
            raise Fenced("checkpoints are not known")
        work = Work(memory, [], [], [], memory.held)
        if ahead and not ahead.holds(memory):
            ahead = None
        try:
            for projection in self.projections_of(batch.stream):
                at = memory.at[projection.name, batch.stream]
                if batch.last <= at.pos:
                    continue
                if batch.first > at.pos + 1:
                    raise Gap(f"{projection.name}: at {at.pos}, batch begins at {batch.first}")
                fresh = items[max(at.pos + 1 - batch.first, 0) :]
                whole = ahead if len(fresh) == len(items) else None
                work.parked.extend(await self._fold_into(memory, projection, at, fresh, whole))
                work.writes.append((at, written(projection, at, memory.rows)))
                work.moves.append((at, batch.last))
        except Unwritable as error:
            return error
        for at, pos in work.moves:
            memory.at[at.projection, at.stream] = at._replace(pos=pos)
        memory.rows.settle()
        memory.folded += 1
        return work._replace(held=set(memory.held))

    async def _write_or_halve(self, work: Work | Unwritable, batch: Batch, items: list[Item]) -> None:
        """Commits; what the database cannot store is narrowed down by halves to the events that it comes from."""
        try:
            if isinstance(work, Unwritable):
                raise work
            await self._write(work)
        except Unwritable as error:
            self._memory = None
            self._settled.clear()  # who comes now waits: between two halves the positions are nobody's to go on from
            try:
                self._memory = await self._halve(batch, items, error)
            finally:
                self._settled.set()

    async def _halve(self, batch: Batch, items: list[Item], error: Unwritable) -> Memory:
        memory = Memory(self._known.values(), set(self._held))
        for part, its_items in halves(batch, items, error):
            work = await self._fold(memory, part, its_items)
            try:
                if isinstance(work, Unwritable):
                    raise work
                await self._write(work)
            except Unwritable as again:
                memory = await self._halve(part, its_items, again)
        return memory

    async def _write(self, work: Work) -> None:
        async with self._pool.acquire() as conn, conn.transaction():
            await self._fence(conn)
            for at, statement in work.writes:
                await self._write_rows(conn, at, statement)
            if work.parked:
                await self._park(conn, work.parked)
            if await store.move_checkpoints(conn, work.moves) != len(work.moves):
                raise Fenced("checkpoints moved while writing")
            faults.point("projector.before_commit")
        for at, pos in work.moves:
            self._known[at.projection, at.stream] = at._replace(pos=pos)
        self._held = work.held
        work.memory.committed += 1
        if work.parked and self._on_parked:
            await self._on_parked(work.parked)

    async def _fence(self, conn: Conn) -> None:
        """Every checkpoint of ours, of all streams, is as we left it: so are the rows in memory."""
        found = {(c.projection, c.stream): c for c in await store.lock_checkpoints(conn, self._builds)}
        if not self._known or found != self._known:
            raise Fenced("checkpoints moved")

    async def _write_rows(self, conn: Conn, at: Checkpoint, statement: store_rows.Statement) -> None:
        try:
            await store_rows.write(conn, statement)
        except ROW_TAKEN as error:
            raise Fenced("a row came in behind our back") from error
        except DATA_ERRORS as error:
            raise Unwritable(at.projection, error) from error

    async def _park(self, conn: Conn, parked: list[ParkedEvent]) -> None:
        await store.park(conn, parked)
        total = len(await store.parked(conn, self._builds))
        log.warning("events_parked", service=self._service, now=len(parked), total=total, first=parked[0].reason)
        self._mind_the_limit(total, {0: parked[0].reason})

    async def _fold_into(
        self, memory: Memory, projection: Projection, at: Checkpoint, items: list[Item], ahead: Ahead | None
    ) -> list[ParkedEvent]:
        """Folds into memory; what cannot be folded is parked, and the whole batch folded again without it."""
        if ahead:
            reasons, wanted, told = dict[int, str](), ahead.items[projection.name], ahead.wanted[projection.name]
            for table, found in ahead.found.get(projection.name, {}).items():
                memory.rows.load(table, found)
        else:
            troubled = (i for i in items if i.error or i.unwritable)
            reasons = {i.message.pos: why for i in troubled if (why := i.trouble(projection))}
            wanted = [i for i in items if i.message.pos in reasons or i.concerns(projection)]
            told = needs(projection, wanted, reasons)
        await load(self._pool, memory.rows, projection, at.build, told)
        while failed := await try_fold(memory, projection, at.stream, wanted, reasons):
            memory.rows.undo(projection.tables)
            reasons[failed[0].message.pos] = f"{type(failed[1]).__name__}: {failed[1]}"
            self._mind_the_limit(len(reasons), reasons)
        aside = [i for i in wanted if i.message.pos in reasons] if reasons else []
        memory.held.update((projection.name, at.stream, i.key) for i in aside)
        return [i.parked(at, reasons[i.message.pos]) for i in aside]

    def _mind_the_limit(self, parked: int, reasons: Mapping[int, str]) -> None:
        if parked > self._park_limit:
            raise ParkLimit(f"{parked} events parked, limit {self._park_limit}; {next(iter(reasons.values()))}")

    async def retry(self, event: ParkedEvent, projection: Projection) -> int:
        """Folds a parked event and everything parked behind it for the same key; answers with how many it folded.

        Raises what the fold raises, and then changes nothing. Every engine that holds rows of this build in memory,
        this one too, is fenced by it and has to `refresh`.
        """
        async with self._folding, self._writing:
            self._doubt()
            async with self._pool.acquire() as conn, conn.transaction():
                return await self._retry(conn, event, projection)

    async def _retry(self, conn: Conn, event: ParkedEvent, projection: Projection) -> int:
        await store.lock_checkpoints(conn, self._builds)
        same = [
            e for e in await store.parked(conn, self._builds)
            if (e.projection, e.stream, e.key) == (event.projection, event.stream, event.key)
        ]  # fmt: skip
        recs = [decode(e.stream, Message(e.pos, e.payload, e.headers)) for e in same]
        items = [Item(Message(r.pos, b"", b""), r, None) for r in recs if type(r.event) in projection.reactions]
        failed: dict[int, str] = {}
        at, rows = Checkpoint(event.projection, event.build, event.stream, 0), Rows()
        wanted = needs(projection, items, failed)
        await load_with(conn, rows, projection, event.build, wanted)
        if failed:
            raise ValueError(next(iter(failed.values())))
        for rec in recs:
            projection.fold(rows, rec)
        await self._write_rows(conn, at, written(projection, at, rows))
        await store.unpark(conn, same)
        await store.outdate(conn, event.projection, event.build)
        return len(same)


__all__ = ["Engine", "Fenced", "Gap", "Item", "OnParked", "ParkLimit", "UnknownInRebuild"]
