"""Writes .xlsx: forms with drop-downs, lists, and forms handed back with what is wrong beside the cells."""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import date
from typing import Any, NamedTuple

from shared.sheets.book import Value, letter

MAX_COMMENTS = 2_000
"""Comments make a workbook heavy; beyond these the column of reasons says it alone."""
_FORM_ROWS = 2_000
"""Rows of an empty form that have formats and drop-downs."""


class Column(NamedTuple):
    """One column: its head, its width in characters, how its cells are shown and what may be chosen in them."""

    title: str
    width: int = 18
    is_day: bool = False
    is_number: bool = False
    choices: Sequence[str] = ()
    strict: bool = True
    """Whether something else than the choices is refused while typing."""
    needed: bool = False


class Table(NamedTuple):
    """A sheet with a frozen head."""

    name: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Value]] = ()
    wrong: dict[tuple[int, int], str] = {}  # noqa: RUF012 - never changed
    """What is wrong with a cell, by row and column of `rows`."""


class Notes(NamedTuple):
    """A sheet of text to read: a heading, or a line with an explanation beside it."""

    name: str
    lines: Sequence[tuple[str, str]]


def workbook(sheets: Sequence[Table | Notes]) -> bytes:
    """An .xlsx. Texts stay texts: leading zeros are kept, and nothing that begins with `=` becomes a formula."""
    import xlsxwriter  # noqa: PLC0415 - a fifth of what it takes to start the registry, for what few ask for

    buffer = io.BytesIO()
    book = xlsxwriter.Workbook(buffer, {"in_memory": True, "default_date_format": "dd/mm/yyyy"})
    style = _Style(book)
    lists = _Lists(book)
    for sheet in sheets:
        if isinstance(sheet, Notes):
            _write_notes(book.add_worksheet(sheet.name), sheet, style)
        else:
            _Writer(book.add_worksheet(sheet.name), sheet, style, lists).write()
    lists.write()
    book.close()
    return buffer.getvalue()


class _Style:
    """The few formats there are."""

    def __init__(self, book: Any) -> None:
        plain = {"font_name": "Times New Roman", "font_size": 12, "valign": "top"}
        self.head = book.add_format(
            {**plain, "bold": True, "text_wrap": True, "bg_color": "#E4ECF3", "border": 1, "valign": "vcenter"}
        )
        self.needed = book.add_format(
            {**plain, "bold": True, "text_wrap": True, "bg_color": "#C9DCEB", "border": 1, "valign": "vcenter"}
        )
        self.text = book.add_format({**plain, "num_format": "@"})
        self.day = book.add_format({**plain, "num_format": "dd/mm/yyyy"})
        self.number = book.add_format({**plain, "num_format": "0"})
        self.wrong = book.add_format({**plain, "num_format": "@", "bg_color": "#F8D7D3", "border": 1})
        self.title = book.add_format({**plain, "bold": True, "font_size": 14})
        self.prose = book.add_format({**plain, "text_wrap": True})
        self.strong = book.add_format({**plain, "bold": True, "text_wrap": True})


class _Lists:
    """The hidden sheet behind the drop-downs: Excel takes at most 255 characters of choices in the rule itself."""

    NAME = "Danh mục"

    def __init__(self, book: Any) -> None:
        self._book, self._columns = book, list[Sequence[str]]()

    def range_of(self, choices: Sequence[str]) -> str:
        """A reference to these choices."""
        if choices not in self._columns:
            self._columns.append(choices)
        column = letter(self._columns.index(choices))
        return f"='{self.NAME}'!${column}$1:${column}${len(choices)}"

    def write(self) -> None:
        """Writes the sheet, where there are any."""
        if self._columns:
            sheet = self._book.add_worksheet(self.NAME)
            sheet.hide()
            for column, choices in enumerate(self._columns):
                for row, choice in enumerate(choices):
                    sheet.write_string(row, column, choice)


class _Writer:
    """Writes one table."""

    def __init__(self, sheet: Any, table: Table, style: _Style, lists: _Lists) -> None:
        self._sheet, self._table, self._style, self._lists = sheet, table, style, lists

    def write(self) -> None:
        self._sheet.freeze_panes(1, 0)
        self._sheet.set_row(0, 48)
        self._sheet.set_landscape()
        self._sheet.set_paper(9)
        self._sheet.repeat_rows(0)
        for number, column in enumerate(self._table.columns):
            self._column(number, column)
        for number, row in enumerate(self._table.rows):
            self._row(number, row)
        if self._table.rows:
            self._sheet.autofilter(0, 0, len(self._table.rows), len(self._table.columns) - 1)

    def _column(self, number: int, column: Column) -> None:
        shown = self._format(column)
        self._sheet.set_column(number, number, column.width, shown)
        self._sheet.write_string(0, number, column.title, self._style.needed if column.needed else self._style.head)
        if column.choices:
            last = max(_FORM_ROWS, len(self._table.rows))
            rule = {"validate": "list", "source": self._lists.range_of(column.choices)}
            rule |= {"error_type": "stop" if column.strict else "information", "error_title": column.title[:30]}
            rule |= {"error_message": "Hãy chọn trong danh sách. / Choose from the list."}
            self._sheet.data_validation(1, number, last, number, rule)

    def _format(self, column: Column) -> Any:
        """Of cells that are still empty. Days are typed as text: an office whose computer is set to another country's
        order would make 7 January of 1/7 without a word."""
        return self._style.number if column.is_number else self._style.text

    def _row(self, number: int, row: Sequence[Value]) -> None:
        for at, value in enumerate(row):
            wrong = self._table.wrong.get((number, at))
            shown = self._style.wrong if wrong else None
            self._cell(number + 1, at, value, shown)
            if wrong and len(self._table.wrong) <= MAX_COMMENTS:
                self._sheet.write_comment(number + 1, at, wrong, {"x_scale": 2})

    def _cell(self, row: int, column: int, value: Value, shown: Any) -> None:
        if value is None:
            if shown:
                self._sheet.write_blank(row, column, None, shown)
        elif isinstance(value, date):
            self._sheet.write_datetime(row, column, value, shown or self._style.day)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            self._sheet.write_number(row, column, value, shown or self._style.number)
        else:
            self._sheet.write_string(row, column, str(value)[:32_000], shown or self._style.text)


def _write_notes(sheet: Any, notes: Notes, style: _Style) -> None:
    sheet.set_column(0, 0, 34)
    sheet.set_column(1, 1, 100)
    for row, (line, explained) in enumerate(notes.lines):
        heading = not explained
        sheet.write_string(row, 0, line, style.title if heading else style.strong)
        if explained:
            sheet.write_string(row, 1, explained, style.prose)
