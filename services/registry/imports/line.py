"""A line of a sheet, what is remarked on it, and what it would do."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, NamedTuple

from shared.errors import Problem, Text
from shared.sheets.book import Value


class Outcome(StrEnum):
    """What a line would do."""

    NEW = "new"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    REFUSED = "refused"


class Candidate(NamedTuple):
    """One of several things that a cell may mean."""

    id: str
    name: str


class Remark(NamedTuple):
    """What is said beside a cell, or beside the whole line when there is no column."""

    column: str | None
    text: Text
    refuses: bool = True
    """A line with such a remark is not written. Other remarks are only said."""
    candidates: tuple[Candidate, ...] = ()
    """What to choose from, where the cell may mean several things."""


class Line(NamedTuple):
    """A line as it was typed. Cells by the key of their column; an empty cell is left out."""

    number: int
    """As the spreadsheet counts, from 1."""
    cells: Mapping[str, Value]
    remarks: tuple[Remark, ...] = ()
    """What reading the sheet had to say: formulas without a result, merged cells."""


class Read(NamedTuple):
    """A line whose cells were understood as far as they could be."""

    line: Line
    values: Mapping[str, Any]
    remarks: tuple[Remark, ...]

    @property
    def refused(self) -> bool:
        """Whether a cell of it cannot be used."""
        return any(r.refuses for r in self.remarks)

    def get(self, key: str) -> Any:
        """What a cell says; None when it is empty."""
        return self.values.get(key)


class Verdict(NamedTuple):
    """What a line would do, and why not."""

    number: int
    outcome: Outcome
    remarks: tuple[Remark, ...] = ()


class Choice(NamedTuple):
    """What somebody says an ambiguous cell means: in one line, or wherever that text stands in the column."""

    column: str
    id: str
    text: str | None = None
    row: int | None = None


def wrong(column: str | None, vi: str, en: str) -> Remark:
    """A remark that refuses the line."""
    return Remark(column, Text(vi, en))


def note(column: str | None, vi: str, en: str) -> Remark:
    """A remark that is only said."""
    return Remark(column, Text(vi, en), refuses=False)


def from_problem(problem: Problem, columns: Mapping[str, str]) -> list[Remark]:
    """What a rule refused, beside the cells that it names; `columns` says which field of the rule is which column."""
    said = [Remark(columns.get(f.field, f.field), f.message) for f in problem.fields]
    return said or [Remark(None, problem.detail)]
