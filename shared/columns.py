"""Columns as parameters: one text for thousands of values, which Postgres takes apart again.

asyncpg looks at each element of an array for whether it is an array itself; that took longer than all the rest of
writing rows. Postgres' own forms are text with a separator, and `{1, 2, 3}`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple


class NoValue(ValueError):
    """Something is no value of its column; what Postgres would call a data error."""


class Column(NamedTuple):
    """A column of a table: its type as Postgres names it, and whether there may be no value."""

    name: str
    sql_type: str = "text"
    nullable: bool = False


_NULL = "\x1a"
"""What stands for no value in texts of a column that may have none."""


def of_rows(columns: Sequence[Column], rows: Iterable[Sequence[Any]]) -> list[str]:
    """A parameter for each column; `sql` says how a statement reads it. Raises NoValue for what is no value
    of its column."""
    values = zip(*rows, strict=True)
    return [_WRITE.get(column.sql_type, _texts)(column, v) for column, v in zip(columns, values, strict=True)]


def sql(columns: Sequence[Column], first: int) -> str:
    """The columns as arrays, from parameter `$first` on."""
    return ", ".join(_array(column, f"${number}::text") for number, column in enumerate(columns, first))


def _array(column: Column, parameter: str) -> str:
    if column.sql_type != "text":
        return f"{parameter}::{column.sql_type}[]"
    null = f", '{_NULL}'" if column.nullable else ""
    return f"(string_to_array({parameter}, left({parameter}, 1){null}))[2:]"


def _texts(column: Column, values: tuple[Any, ...]) -> str:
    """The values, the same separator before each: whichever sign none of them has."""
    texts: Sequence[str] = values
    if column.nullable:
        if _NULL in values:
            raise NoValue(f"{column.name}: {_NULL!r} is no text")
        texts = [_NULL if v is None else v for v in values]
    for separator in _separators():
        try:
            joined = separator.join(texts)
        except TypeError as error:
            raise NoValue(f"{column.name}: {error}") from error
        if joined.count(separator) == len(texts) - 1:
            return separator + joined
    raise NoValue(f"{column.name}: no sign is free to stand between texts")


def _separators() -> Iterable[str]:
    """Signs that texts hardly have, in the order in which they are tried."""
    yield from "\x1f\x1e\x1d\x1c"
    yield from map(chr, range(0xE000, 0xF900))


def _numbers(_: Column, values: tuple[Any, ...]) -> str:
    return "{" + str(list(values))[1:-1].replace("None", "NULL") + "}"


def _whole(column: Column, values: tuple[Any, ...]) -> str:
    return _numbers(column, values).replace("True", "1").replace("False", "0")  # to Python they are numbers


def _days(column: Column, values: tuple[Any, ...]) -> str:
    try:
        return "{" + ",".join(["NULL" if v is None else v.isoformat() for v in values]) + "}"
    except AttributeError as error:
        raise NoValue(f"{column.name}: {error}") from error


_WRITE: Mapping[str, Callable[[Column, tuple[Any, ...]], str]] = {
    "bigint": _whole, "boolean": _numbers, "double precision": _numbers, "date": _days,
    "timestamp with time zone": _days,
}  # fmt: skip
