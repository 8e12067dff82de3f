"""Ceiling: what the projector asks of Postgres for the same batches, statement by statement, with nothing in between.

The batches are fetched, decoded and folded before the clock starts.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Sequence
from contextlib import aclosing
from typing import Any, NamedTuple

from services.reporting.projections import PROJECTIONS
from shared import bus, db, follow
from shared.cloudevents import decode
from shared.contracts import Recorded
from shared.db import Conn, Pool
from shared.follow import Batch
from shared.garbage import collect_rarely
from shared.projection import Change, Key, Projection, Rows, Shape, Table, builds, store, store_rows
from shared.projection.store import Checkpoint
from shared.wire import StreamClient
from tests.bench.program import Answer, main

Database = dict[Shape[Any], dict[Key, Any]]


class Prepared(NamedTuple):
    """What one projection loads and writes for one batch."""

    projection: Projection
    last: int
    loads: list[tuple[Table[Any], list[Key]]]
    writes: list[Change]


def prepare(rows: Rows, held: Database, projection: Projection, recs: Sequence[Recorded]) -> Prepared:
    """Loads from memory, folds, and notes both; as the engine does it."""
    wanted: defaultdict[Table[Any], set[Key]] = defaultdict(set)
    for rec in recs:
        for table, key in projection.reactions[type(rec.event)].needs(rec, rec.event):
            wanted[table].add(key)
    loads = [(table, missing) for table, keys in wanted.items() if (missing := rows.missing(table, keys))]
    for table, keys in loads:
        rows.load(table, {key: held[table].get(key) for key in keys})
    for rec in recs:
        projection.fold(rows, rec)
    writes = rows.changes(projection.tables)
    for shape, changed, _ in writes:
        held[shape].update((shape.key_of(row), row) for row in changed)
    return Prepared(projection, recs[-1].pos, loads, writes)


def prepare_all(rows: Rows, held: Database, batch: Batch) -> list[Prepared]:
    """All projections that read the batch's stream; one that reacts to none of its events only moves on."""
    recs = [decode(batch.stream, m) for m in batch.messages]
    done = []
    for projection in PROJECTIONS:
        if batch.stream in projection.follows:
            mine = [rec for rec in recs if type(rec.event) in projection.reactions]
            made = prepare(rows, held, projection, mine) if mine else Prepared(projection, batch.last, [], [])
            done.append(made._replace(last=batch.last))
    rows.settle()
    return done


async def ask(conn: Conn, builds_by_name: dict[str, int], batch: Sequence[Prepared], before: int) -> None:
    """One transaction of the projector, without the folds."""
    async with conn.transaction():
        await store.lock_checkpoints(conn, builds_by_name)
        for part in batch:
            schema = store.schema_of(part.projection.name, builds_by_name[part.projection.name])
            for table, keys in part.loads:
                await store_rows.load(conn, schema, table, keys)
        for part in batch:
            schema = store.schema_of(part.projection.name, builds_by_name[part.projection.name])
            if part.writes:
                await store_rows.write(conn, store_rows.statement(schema, part.writes))
        moves = [
            (Checkpoint(part.projection.name, builds_by_name[part.projection.name], "outreach", before), part.last)
            for part in batch
        ]
        assert await store.move_checkpoints(conn, moves) == len(moves)


async def prepared(client: StreamClient, province: str, until: int, max_batch: int) -> list[list[Prepared]]:
    """Every batch up to `until`."""
    follower = follow.Follower(client, "outreach", province, max_batch=max_batch)
    rows = Rows()
    held: Database = {table: {} for projection in PROJECTIONS for table in projection.tables}
    for table in held:
        if isinstance(table, Table) and table.cached:
            rows.load_whole(table, ())  # read once, before the first batch
    found = []
    async with aclosing(follower.batches(0)) as batches:
        async for batch in batches:
            found.append(prepare_all(rows, held, batch))
            if batch.last >= until:
                return found
    raise AssertionError("a stream has no end")


async def work(dsn: str, nats: str, province: str, until: int, max_batch: int) -> Answer:
    """Seconds of the database's part for the events of outreach up to `until`."""
    collect_rarely()
    pool = await db.open_pool(dsn, size=5)
    client = await bus.connect(nats, user="bench")
    made = await builds.prepare(pool, client, "reporting", province, PROJECTIONS)
    by_name = {projection.name: build for projection, build in made.items()}
    batches = await prepared(client, province, until, max_batch)
    seconds = await _replay(pool, by_name, batches)
    await client.close()
    await pool.close()
    return {"count": batches[-1][0].last, "seconds": seconds}


async def _replay(pool: Pool, by_name: dict[str, int], batches: Sequence[Sequence[Prepared]]) -> float:
    begun, before = time.perf_counter(), 0
    for batch in batches:
        async with pool.acquire() as conn:
            await ask(conn, by_name, batch, before)
        before = batch[0].last
    return time.perf_counter() - begun


if __name__ == "__main__":
    main(work)
