"""What the folds of a batch read: which rows they name, and how these come into memory before the batch is folded.

Rows are read ahead, while the batch before is folded: Postgres looks for them on the one processor and Python folds on
the other. What that batch puts meanwhile is in memory and outdoes what was read (decision 20).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any, NamedTuple

from shared.db import Conn, Pool
from shared.projection import Key, Projection, Rows, Table, store, store_rows
from shared.projection.folding import Memory
from shared.projection.trouble import BUILD_GONE, DATA_ERRORS, Item, Unwritable

Wanted = Mapping[Table[Any], set[Key]]
"""Keys of the rows that folds may read, by table."""

_REC, _ERROR, _UNWRITABLE = map(itemgetter, map(Item._fields.index, ("rec", "error", "unwritable")))

Found = dict[Table[Any], dict[Key, Any]]
"""Rows by key, by table; None where there is none."""


class Ahead(NamedTuple):
    """What was read for a batch before its turn, when so many of the memory's batches were committed."""

    memory: Memory
    committed: int
    items: dict[str, list[Item]]
    """Those that concern a projection, by its name."""
    wanted: dict[str, Wanted]
    """By projection."""
    found: dict[str, Found]
    """By projection."""

    def holds(self, memory: Memory) -> bool:
        """Whether it is still true: of batches that it did not see, memory holds the rows of the last one only."""
        return memory is self.memory and memory.folded <= self.committed + 1


def needs(projection: Projection, items: Iterable[Item], reasons: dict[int, str]) -> Wanted:
    """The rows that folds of these events may read. Notes in `reasons` why an event's cannot be told."""
    wanted: defaultdict[Table[Any], set[Key]] = defaultdict(set)
    reactions = projection.reactions
    for item in items:
        rec = item.rec
        if rec is None or (reasons and item.message.pos in reasons):
            continue
        event = rec.event
        try:
            for table, key in reactions[type(event)].needs(rec, event):
                wanted[table].add(key)
        except Exception as error:
            reasons[item.message.pos] = f"{type(error).__name__}: {error}"
    return wanted


async def load(pool: Pool, rows: Rows, projection: Projection, build: int, wanted: Wanted) -> None:
    """Loads what is not in memory yet, one query a table. Raises Unwritable for keys that are no values."""
    if not is_complete(rows, projection, wanted):
        async with pool.acquire() as conn:
            await load_with(conn, rows, projection, build, wanted)


def is_complete(rows: Rows, projection: Projection, wanted: Wanted) -> bool:
    """Whether everything that is wanted, and each cached table, is in memory."""
    cached = (t for t in projection.tables if isinstance(t, Table) and t.cached)
    return all(rows.has_whole(t) for t in cached) and not any(rows.missing(t, keys) for t, keys in wanted.items())


async def load_with(conn: Conn, rows: Rows, projection: Projection, build: int, wanted: Wanted) -> None:
    """As `load`, on a connection that is there."""
    schema = store.schema_of(projection.name, build)
    for table in projection.tables:
        if isinstance(table, Table) and table.cached and not rows.has_whole(table):
            rows.load_whole(table, await store_rows.load_all(conn, schema, table))
    lacking = {table: missing for table, keys in wanted.items() if (missing := rows.missing(table, keys))}
    for table, found in (await read(conn, projection, build, lacking)).items():
        rows.load(table, found)


async def read(conn: Conn, projection: Projection, build: int, wanted: Mapping[Table[Any], Sequence[Key]]) -> Found:
    """The rows with these keys. Raises Unwritable for keys that are no values."""
    found: Found = {}
    schema = store.schema_of(projection.name, build)
    for table, keys in wanted.items():
        found[table] = rows = dict.fromkeys(keys)
        try:
            rows.update((table.key_of(row), row) for row in await store_rows.load(conn, schema, table, keys))
        except DATA_ERRORS as error:
            raise Unwritable(projection.name, error) from error
    return found


async def read_ahead(pool: Pool, memory: Memory, builds: Mapping[Projection, int], items: list[Item]) -> Ahead | None:
    """Reads what a batch will need, of what is committed now. None when an ordinary look has to say what is wrong."""
    ahead = Ahead(memory, memory.committed, {}, {}, {})
    if any(map(_ERROR, items)) or any(map(_UNWRITABLE, items)):
        return None
    kinds = {type(rec.event) if rec else None for rec in map(_REC, items)}
    for projection, build in builds.items():
        reactions, reasons = projection.reactions, dict[int, str]()
        concerned = items  # mostly a batch is of one kind: each projection reads all of it or nothing
        if not kinds <= reactions.keys():
            concerned = (
                [i for i in items if (rec := i.rec) and type(rec.event) in reactions]
                if kinds & reactions.keys()
                else []
            )
        wanted = needs(projection, concerned, reasons)
        if reasons:
            return None
        ahead.items[projection.name] = concerned
        ahead.wanted[projection.name] = wanted
        lacking = {t: [*keys] for t, keys in wanted.items() if not t.cached}
        if lacking:
            try:
                async with pool.acquire() as conn:
                    ahead.found[projection.name] = await read(conn, projection, build, lacking)
            except (Unwritable, *BUILD_GONE):
                return None
    return ahead
