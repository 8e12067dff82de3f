"""What was read of a workbook: plain values by row and column, and which cells deserve a remark."""

from __future__ import annotations

import json
from datetime import date, datetime, time
from typing import Any, NamedTuple, TypeAlias

Value: TypeAlias = str | int | float | bool | date | time | None
"""A cell. A `datetime` is a `date` too; an empty cell is None."""
Row: TypeAlias = list[Value]


class Span(NamedTuple):
    """Merged cells, both corners included, counted from 0. Only the first cell holds the value."""

    top: int
    left: int
    bottom: int
    right: int

    @property
    def name(self) -> str:
        """As a spreadsheet says it: `A2:A6`."""
        return f"{letter(self.left)}{self.top + 1}:{letter(self.right)}{self.bottom + 1}"


class Sheet(NamedTuple):
    """One visible sheet, from its first cell on: `rows[0][0]` is A1."""

    name: str
    rows: list[Row]
    spans: list[Span]
    formulas: dict[tuple[int, int], bool]
    """Cells that hold a formula, by row and column; True where the last result was saved with it as a plain value."""


def letter(column: int) -> str:
    """The name of a column, counted from 0: A, B … Z, AA."""
    name = ""
    column += 1
    while column:
        column, rest = divmod(column - 1, 26)
        name = chr(65 + rest) + name
    return name


def position(reference: str) -> tuple[int, int]:
    """Row and column, counted from 0, of a cell's name such as `B12`. Raises ValueError for anything else."""
    letters = reference.rstrip("0123456789")
    if not (letters.isascii() and letters.isalpha() and len(letters) <= 3):
        raise ValueError(reference)
    column = 0
    for character in letters.upper():
        column = column * 26 + ord(character) - 64
    return int(reference[len(letters) :]) - 1, column - 1


def dump(sheets: list[Sheet]) -> str:
    """As JSON, for the way from the reading process. Not pickle: what was read is not trusted."""
    return json.dumps(
        [[s.name, s.rows, s.spans, [[*at, plain] for at, plain in s.formulas.items()]] for s in sheets],
        default=_days,
        separators=(",", ":"),
    )


def load(text: str | bytes) -> list[Sheet]:
    """What `dump` wrote."""
    return [
        Sheet(
            name,
            [[_value(v) if isinstance(v, list) else v for v in row] for row in rows],
            [Span(*span) for span in spans],
            {(row, column): plain for row, column, plain in formulas},
        )
        for name, rows, spans, formulas in json.loads(text)
    ]


_TIMES: dict[str, type[datetime | date | time]] = {"datetime": datetime, "date": date, "time": time}


def _days(value: Any) -> list[str]:
    return [type(value).__name__, value.isoformat()]


def _value(pair: list[str]) -> Value:
    found: Value = _TIMES[pair[0]].fromisoformat(pair[1])
    return found
