"""Columns of the sheets, and how their cells are read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from services.registry.imports.line import Line, Read, Remark, wrong
from shared.errors import Text
from shared.sheets import cells
from shared.sheets.book import Value
from shared.vietnamese import search_key

LONGEST = 200
"""Characters of a name, as in the API."""


class Column(NamedTuple):
    """A column: its name in both languages, what else people call it, and what may stand in it."""

    key: str
    title: Text
    help: Text
    read: Callable[[Value], Any] = cells.text
    needed: bool = False
    width: int = 18
    also: tuple[str, ...] = ()
    choices: Mapping[str, Any] = {}
    """What may be chosen, in Vietnamese, and what each means; empty where anything may be typed."""
    said_as: Mapping[str, Any] = {}
    """What else people type for it, though nobody is offered it."""

    @property
    def is_day(self) -> bool:
        """Whether it holds days."""
        return self.read is cells.day

    @property
    def is_number(self) -> bool:
        """Whether it holds numbers to count with."""
        return self.read is cells.whole

    @property
    def names(self) -> set[str]:
        """Everything that its head may say, as search keys."""
        return {search_key(n) for n in (self.title.vi, self.title.en, self.key.replace("_", " "), *self.also)}

    def understand(self, value: Value) -> Any:
        """What a cell says. Raises Unreadable."""
        if self.choices:
            return self._chosen(cells.text(value))
        found = self.read(value)
        if isinstance(found, str) and len(found) > LONGEST:
            raise cells.Unreadable(f"dài quá {LONGEST} ký tự", f"is longer than {LONGEST} characters")
        return found

    def _chosen(self, typed: str) -> Any:
        wanted = search_key(typed)
        for name, meaning in (*self.choices.items(), *self.said_as.items()):
            if wanted in (search_key(name), search_key(str(meaning))):
                return meaning
        names = ", ".join(f"«{name}»" for name in self.choices)
        raise cells.Unreadable(f"«{typed}» phải là một trong: {names}", f"«{typed}» must be one of: {names}")


class Reader:
    """Understands the cells of lines; the same cell is understood once."""

    def __init__(self, columns: Iterable[Column]) -> None:
        self._columns = tuple(columns)
        self._known: dict[tuple[str, type, Value], Any] = {}

    def read(self, line: Line) -> Read:
        """The values of a line, with a remark for each cell that is not understood or missing."""
        values: dict[str, Any] = {}
        remarks = list(line.remarks)
        said = {r.column for r in remarks if r.refuses}
        for column in self._columns:
            value = line.cells.get(column.key)
            if value is not None:
                self._understand(column, value, values, remarks)
            elif column.needed and column.key not in said:
                remarks.append(missing(column))
        return Read(line, values, tuple(remarks))

    def _understand(self, column: Column, value: Value, values: dict[str, Any], remarks: list[Remark]) -> None:
        key = (column.key, type(value), value)
        if key not in self._known:
            try:
                self._known[key] = column.understand(value)
            except cells.Unreadable as error:
                self._known[key] = wrong(column.key, *error.said)
        found = self._known[key]
        if isinstance(found, Remark):
            remarks.append(found)
        elif found != "":
            values[column.key] = found


def missing(column: Column) -> Remark:
    """A needed cell is empty."""
    return wrong(column.key, f"thiếu «{column.title.vi}»", f"«{column.title.en}» is missing")
