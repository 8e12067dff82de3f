"""Folding in memory, without the database: where it stands, a batch's events in order, a batch in two."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from shared.follow import Batch
from shared.projection import MissingNeed, Projection, Rows, store, store_rows
from shared.projection.store import Checkpoint, ParkedEvent
from shared.projection.store_rows import Statement
from shared.projection.trouble import DATA_ERRORS, Held, Item, Unwritable

SLICE = 500
"""Events folded at a stretch; then everything else in the process has a turn."""


class Memory:
    """Where folding stands, which may be a batch ahead of the database. On any doubt it is thrown away whole."""

    def __init__(self, checkpoints: Iterable[Checkpoint], held: set[Held]) -> None:
        self.at = {(c.projection, c.stream): c for c in checkpoints}
        self.held = held
        self.rows = Rows()
        self.folded = self.committed = 0
        """Batches that were folded here, and how many of these are in the database."""


class Work(NamedTuple):
    """What a batch comes to, before it is written."""

    memory: Memory
    writes: list[tuple[Checkpoint, Statement]]
    parked: list[ParkedEvent]
    moves: list[tuple[Checkpoint, int]]
    held: set[Held]


async def try_fold(
    memory: Memory, projection: Projection, stream: str, items: Sequence[Item], reasons: dict[int, str]
) -> tuple[Item, Exception] | None:
    """Folds in order what is free to be folded; answers with the first that fails and its error."""
    stuck = {key for name, of, key in memory.held if name == projection.name and of == stream}
    for begin in range(0, len(items), SLICE):
        if failed := _fold_slice(memory.rows, projection, stuck, items[begin : begin + SLICE], reasons):
            return failed
        await asyncio.sleep(0)
    return None


def _fold_slice(
    rows: Rows, projection: Projection, stuck: set[str], items: Sequence[Item], reasons: dict[int, str]
) -> tuple[Item, Exception] | None:
    reactions = projection.reactions
    for item in items:
        rec = item.rec
        if rec is None or (reasons and item.message.pos in reasons) or (stuck and item.key in stuck):
            reasons.setdefault(item.message.pos, "an earlier event of this key is parked")
            stuck.add(item.key)
            continue
        event = rec.event
        try:
            reactions[type(event)].fold(rows, rec, event)
        except MissingNeed:
            raise  # a mistake in the projection: parking would hide it
        except Exception as error:
            return item, error
    return None


def written(projection: Projection, at: Checkpoint, rows: Rows) -> Statement:
    """What writes what the folds changed; made before it is its turn to be written. Raises Unwritable."""
    try:
        return store_rows.statement(store.schema_of(at.projection, at.build), rows.changes(projection.tables))
    except DATA_ERRORS as error:
        raise Unwritable(at.projection, error) from error


def halves(batch: Batch, items: list[Item], error: Unwritable) -> Iterator[tuple[Batch, list[Item]]]:
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
