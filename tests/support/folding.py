"""Folds batch by batch, as the engine does, in memory."""

from __future__ import annotations

from typing import Any

from shared.contracts import Recorded
from shared.projection import Counters, Projection, Rows, Shape, Table


def in_batches(
    projection: Projection, cut: list[list[Recorded]]
) -> dict[str, dict[tuple[object, ...], tuple[Any, ...]]]:
    """As the engine works: a batch sees the rows that its events' needs name, and nothing else."""
    kept: dict[str, dict[tuple[object, ...], tuple[Any, ...]]] = {table.name: {} for table in projection.tables}
    for batch in cut:
        rows = Rows()
        for table in projection.tables:
            if isinstance(table, Table) and table.cached:
                rows.load_whole(table, kept[table.name].values())
        read = [r for r in batch if type(r.event) in projection.reactions]
        for table, key in {need for r in read for need in projection.reactions[type(r.event)].needs(r, r.event)}:
            row = kept[table.name].get(key)
            rows.load(table, {key: row})
        for record in read:
            projection.fold(rows, record)
        for shape in projection.tables:
            _keep(shape, kept[shape.name], rows.changed(shape))
    return kept


def _keep(shape: Shape[Any], kept: dict[tuple[object, ...], tuple[Any, ...]], changed: list[tuple[Any, ...]]) -> None:
    """As the database writes them."""
    size = shape.key_size
    for row in changed:
        before = kept.get(row[:size]) if isinstance(shape, Counters) else None
        if before is not None and isinstance(shape, Counters):
            numbers = list(before[size:])
            shape.merge(numbers, row[size:])
            kept[row[:size]] = (*row[:size], *numbers)
        else:
            kept[row[:size]] = row
