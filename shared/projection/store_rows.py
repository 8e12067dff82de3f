"""SQL of a read model's rows, made from their types: what a batch loads, and the one statement that writes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

from shared import columns
from shared.db import Conn
from shared.projection import Change, Counters, Key, Shape, Table


async def load(conn: Conn, schema: str, table: Table[Any], keys: Sequence[Key]) -> list[Any]:
    """The rows with these keys that exist, as the table's row type."""
    names = ", ".join(c.name for c in table.key_columns)
    wanted = ", ".join(f"t.{c.name}" for c in table.columns)
    records = await conn.fetch(
        f"select {wanted} from unnest({columns.sql(table.key_columns, 1)}) as k({names})"
        f" join {schema}.{table.name} t using ({names})",
        *columns.of_rows(table.key_columns, keys),
    )
    make = table.row._make
    return [make(r) for r in records]


async def load_all(conn: Conn, schema: str, table: Table[Any]) -> list[Any]:
    """All rows, as the table's row type. For tables that are small."""
    names = ", ".join(c.name for c in table.columns)
    return [table.row._make(r) for r in await conn.fetch(f"select {names} from {schema}.{table.name}")]


class Statement(NamedTuple):
    """SQL with its parameters; none when there is nothing to do."""

    sql: str
    values: list[str]


def statement(schema: str, changes: Sequence[Change]) -> Statement:
    """What writes rows of several tables at once: those of a table replace, those of counters are added.

    New ones are inserted without the question whether they are there, which the engine has asked; should one be there
    after all it is a UniqueViolationError. Raises NoValue.
    """
    parts: list[str] = []
    values: list[str] = []
    for number, (table, rows, new) in enumerate(changes):
        parts.append(f"w{number} as ({_upsert(schema, table, len(values) + 1, new=new)})")
        values += columns.of_rows(table.columns, rows)
    return Statement(f"with {', '.join(parts)} select" if parts else "", values)


async def write(conn: Conn, made: Statement) -> None:
    """Writes the rows."""
    if made.sql:
        await conn.execute(made.sql, *made.values)


@cache
def _upsert(schema: str, table: Shape[Any], first: int, *, new: bool) -> str:
    """Its parameters are a text a column, from `$first` on."""
    names, keys = (", ".join(c.name for c in columns) for columns in (table.columns, table.key_columns))
    insert = (
        f"insert into {schema}.{table.name} as t ({names}) select * from unnest({columns.sql(table.columns, first)})"
    )
    if new:
        return insert
    rest = table.columns[table.key_size :]
    rules = table.rules if isinstance(table, Counters) else ["replace"] * len(rest)
    changes = [_CHANGES[rule].format(c.name) for c, rule in zip(rest, rules, strict=True) if rule != "first"]
    return f"{insert} on conflict ({keys}) do {'update set ' + ', '.join(changes) if changes else 'nothing'}"


_CHANGES: Mapping[str, str] = {
    "replace": "{0} = excluded.{0}",
    "sum": "{0} = t.{0} + excluded.{0}",
    "latest": "{0} = greatest(t.{0}, excluded.{0})",
}
