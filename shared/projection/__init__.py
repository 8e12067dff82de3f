"""Projections: how events become rows. A projection is a file with the rows' types and a pure fold for each event.

    members = Table("member", MemberRow, key=1)
    progress = Projection("progress", version=1, tables=(members,))

    @progress.on(MemberJoined, needs=lambda rec, e: [(members, (e.member_id,))])
    def member_joined(rows: Rows, rec: Recorded, event: MemberJoined) -> None:
        rows.put(members, MemberRow(event.member_id, ...))

`needs` names the rows that the fold may read, so that a batch of thousands loads them with one query a table. The
engine (`shared.projection.engine`) loads, folds in memory, and writes rows and checkpoint in one transaction.
"""

from __future__ import annotations

import types
import typing
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from typing import Any, Generic, NamedTuple, TypeVar

from shared.columns import Column
from shared.contracts import Event, Recorded

Key = tuple[Any, ...]
R = TypeVar("R", bound=tuple[Any, ...])
E = TypeVar("E", bound=Event)

_SQL_TYPES: Mapping[Any, str] = {
    str: "text", int: "bigint", bool: "boolean", float: "double precision", date: "date",
    datetime: "timestamp with time zone",
}  # fmt: skip


class Shape(Generic[R]):
    """A table of a read model: its row type is a NamedTuple whose first `key` fields are the primary key."""

    def __init__(self, name: str, row: type[R], *, key: int) -> None:
        self.name, self.row, self.key_size = name, row, key
        self.columns = _columns(row)
        self.key_columns = self.columns[:key]

    def key_of(self, row: tuple[Any, ...]) -> Key:
        """The primary key of a row."""
        return row[: self.key_size]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name})"


class Table(Shape[R]):
    """Rows that folds read, and put as they are to be from then on.

    `cached` tables are small and touched by every batch: the engine reads them whole once and keeps them, so that
    `needs` need not name their rows. That is sound because a row changes only in a transaction that moves the
    checkpoint that this engine compares.
    """

    def __init__(self, name: str, row: type[R], *, key: int, cached: bool = False) -> None:
        super().__init__(name, row, key=key)
        self.cached = cached


class Counters(Shape[R]):
    """Rows of numbers that folds only add to and never read, so that a batch need not load them.

    Of what is added under one key, whole numbers are summed, of moments the latest stays, of all else the first.
    """

    def __init__(self, name: str, row: type[R], *, key: int) -> None:
        super().__init__(name, row, key=key)
        self.rules = tuple(_RULES.get(c.sql_type, "first") for c in self.columns[key:])
        self._sums = [i for i, rule in enumerate(self.rules) if rule == "sum"]
        self._latest = [i for i, rule in enumerate(self.rules) if rule == "latest"]

    def merge(self, before: list[Any], more: tuple[Any, ...]) -> None:
        """Changes what was added under a key to what it is with an addition more; both without the key."""
        for i in self._sums:
            if number := more[i]:
                before[i] += number
        for i in self._latest:
            before[i] = max(before[i], more[i])


_RULES: Mapping[str, str] = {"bigint": "sum", "timestamp with time zone": "latest"}


def _columns(row: type[Any]) -> tuple[Column, ...]:
    columns = []
    for name, hint in typing.get_type_hints(row).items():
        args = typing.get_args(hint) if typing.get_origin(hint) in (types.UnionType, typing.Union) else (hint,)
        plain = [a for a in args if a is not type(None)]
        columns.append(Column(name, _SQL_TYPES[plain[0]], len(plain) < len(args)))
    return tuple(columns)


class Change(NamedTuple):
    """What a batch changes in a table."""

    table: Shape[Any]
    rows: list[tuple[Any, ...]]
    """Of counters, what to add."""
    new: bool
    """Whether it is known that there are no rows with these keys: the database need not look for them again."""


_UNKNOWN: Any = object()  # neither loaded nor known to be missing


class MissingNeed(RuntimeError):
    """A fold read a row that its `needs` did not name. A mistake in the projection, never a data error."""


class Rows:
    """The rows that a batch works on: loaded ones, and over them what the folds put and add, so that undo is cheap."""

    def __init__(self, *, complete: bool = False) -> None:
        self._loaded: dict[Table[Any], dict[Key, Any]] = {}
        self._put: defaultdict[Table[Any], dict[Key, Any]] = defaultdict(dict)
        self._added: defaultdict[Counters[Any], dict[Key, list[Any]]] = defaultdict(dict)
        self._complete = complete  # everything there is has been put here: a key that is missing has no row
        self._whole: set[Table[Any]] = set()  # the same of single tables

    def get(self, table: Table[R], *key: Any) -> R | None:
        """The row with this key, as the folds so far have left it; None when there is none."""
        put, loaded = self._put.get(table), self._loaded.get(table)
        row: R | None = put.get(key) if put else None
        if row is not None:
            return row
        row = loaded.get(key, _UNKNOWN) if loaded else _UNKNOWN
        if row is not _UNKNOWN:
            return row
        if self._complete or table in self._whole:
            return None
        raise MissingNeed(f"{table.name}{key} was not named by needs")

    def put(self, table: Table[R], row: R) -> None:
        """Inserts the row, or replaces the one with its key."""
        self._put[table][row[: table.key_size]] = row

    def add(self, counters: Counters[Any], key: Key, numbers: tuple[Any, ...]) -> None:
        """Adds to the row with this key; `numbers` are its other columns. Nothing at all makes a row of zeros too."""
        added = self._added[counters]
        before = added.get(key)
        if before is None:
            added[key] = list(numbers)
        else:
            counters.merge(before, numbers)

    def load(self, table: Table[Any], found: Mapping[Key, Any]) -> None:
        """Takes rows from the database by key, None where there is none; a row that is in memory already is newer."""
        self._loaded[table] = {**found, **self._loaded.get(table, {})}

    def load_whole(self, table: Table[R], rows: Iterable[R]) -> None:
        """Takes all the rows that a table has in the database."""
        self._loaded[table] = {table.key_of(row): row for row in rows}
        self._whole.add(table)

    def has_whole(self, table: Table[Any]) -> bool:
        """Whether all rows of a table are here."""
        return table in self._whole

    def missing(self, table: Table[Any], keys: set[Key]) -> list[Key]:
        """Those keys that are not loaded."""
        loaded = self._loaded.get(table)
        if table in self._whole:
            return []
        return list(keys.difference(loaded) if loaded else keys)

    def changed(self, table: Shape[Any]) -> list[tuple[Any, ...]]:
        """Rows that the folds put; of counters, what they added."""
        if isinstance(table, Counters):
            return [(*key, *numbers) for key, numbers in self._added.get(table, {}).items()]
        return list(self._put.get(table, {}).values()) if isinstance(table, Table) else []

    def changes(self, tables: Iterable[Shape[Any]]) -> list[Change]:
        """The tables that the folds changed, with what they changed."""
        return [Change(table, rows, new) for table in tables for new, rows in self._parted(table) if rows]

    def _parted(self, table: Shape[Any]) -> tuple[tuple[bool, list[tuple[Any, ...]]], ...]:
        put, loaded = (self._put.get(table), self._loaded.get(table)) if isinstance(table, Table) else (None, None)
        if not put or not loaded:
            return ((False, self.changed(table)),)
        new = [row for key, row in put.items() if loaded.get(key, _UNKNOWN) is None]
        old = [row for key, row in put.items() if loaded.get(key, _UNKNOWN) is not None] if len(new) < len(put) else []
        return (True, new), (False, old)

    def undo(self, tables: Iterable[Shape[Any]]) -> None:
        """Forgets what the folds put into these tables."""
        for table in tables:
            if isinstance(table, Counters):
                self._added.pop(table, None)
            elif isinstance(table, Table):
                self._put.pop(table, None)

    def settle(self) -> None:
        """After a batch, which is written next: what it put stays loaded until the batch after it is settled, and
        whole tables for ever."""
        for table in {*self._put, *self._loaded}:
            put = self._put.get(table, {})
            self._loaded[table] = {**self._loaded[table], **put} if table in self._whole else put
        self._put = defaultdict(dict)
        self._added.clear()


Fold = Callable[[Rows, Recorded, Any], None]
Needs = Callable[[Recorded, Any], Iterable[tuple[Table[Any], Key]]]


class Reaction(NamedTuple):
    """What a projection does with one type of event."""

    needs: Needs
    fold: Fold


class Projection:
    """A named set of tables and how events change them. A fold or a shape changed: raise `version`, it is rebuilt."""

    def __init__(self, name: str, *, version: int, tables: tuple[Shape[Any], ...]) -> None:
        self.name, self.version, self.tables = name, version, tables
        self.reactions: dict[type[Event], Reaction] = {}

    @property
    def follows(self) -> tuple[str, ...]:
        """The services whose streams it reads, sorted."""
        return tuple(sorted({event.SERVICE for event in self.reactions}))

    def on(self, event: type[E], *, needs: Callable[[Recorded, E], Iterable[tuple[Table[Any], Key]]]) -> Callable[
        [Callable[[Rows, Recorded, E], None]], Callable[[Rows, Recorded, E], None]
    ]:  # fmt: skip
        """Registers a fold. It is pure: no I/O, no clock, no ids; the same rows for any cut into batches."""

        def register(fold: Callable[[Rows, Recorded, E], None]) -> Callable[[Rows, Recorded, E], None]:
            if event in self.reactions:
                raise ValueError(f"{self.name} has a fold for {event.__name__} already")
            self.reactions[event] = Reaction(needs, fold)
            return fold

        return register

    def fold(self, rows: Rows, rec: Recorded) -> None:
        """Applies one event, if this projection reads its type."""
        reaction = self.reactions.get(type(rec.event))
        if reaction:
            reaction.fold(rows, rec, rec.event)


def fold_all(projection: Projection, events: Iterable[Recorded]) -> dict[str, dict[Key, Any]]:
    """The whole read model in memory: rows by key, by table name. What a database holds after the same events."""
    rows = Rows(complete=True)
    for rec in events:
        projection.fold(rows, rec)
    return {t.name: {t.key_of(r): t.row._make(r) for r in rows.changed(t)} for t in projection.tables}
