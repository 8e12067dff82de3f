"""Whose lines these are: what the caller may write, and what was said about ambiguous cells."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from typing import NamedTuple

from services.registry.imports.line import Candidate, Choice, Read, Remark, wrong
from shared.clock import local_day
from shared.vietnamese import search_key


class Scope(NamedTuple):
    """Who uploads, when, and what was chosen."""

    units: frozenset[str]
    province: str
    now: datetime
    choices: tuple[Choice, ...] = ()

    @property
    def today(self) -> date:
        """The day in Vietnam."""
        return local_day(self.now)

    @property
    def whole_province(self) -> bool:
        """Whether every unit is the caller's."""
        return self.province in self.units

    @property
    def own_units(self) -> frozenset[str]:
        """Units that are meant rather than others of the same name; none are, where all are the caller's."""
        return frozenset() if self.whole_province else self.units

    def covers(self, path: Iterable[str | None]) -> bool:
        """Whether a unit is the caller's, by the ids of the unit and all above it."""
        return self.whole_province or not self.units.isdisjoint(p for p in path if p)

    def chosen(self, read: Read, column: str, candidates: Iterable[Candidate]) -> str | None:
        """Which candidate somebody chose for a cell; a choice for the line goes before one for the text."""
        if not self.choices:
            return None
        ids = {c.id for c in candidates}
        typed = search_key(str(read.line.cells.get(column, "")))
        for_line = [c for c in self.choices if c.column == column and c.row == read.line.number]
        for_text = [
            c for c in self.choices
            if c.column == column and c.row is None and c.text is not None and search_key(c.text) == typed
        ]  # fmt: skip
        return next((c.id for c in (*for_line, *for_text) if c.id in ids), None)


def outside(column: str, name: str) -> Remark:
    """The line is about a unit of somebody else."""
    return wrong(
        column,
        f"«{name}» không thuộc địa bàn bạn phụ trách",
        f"«{name}» is outside the units that you are responsible for",
    )
