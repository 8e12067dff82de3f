"""The process that reads one workbook: the file comes in on stdin, JSON goes out on stdout.

A hostile file can make any reader eat memory or die. Here it costs this process, within limits, and nobody else.
"""

from __future__ import annotations

import io
import json
import sys
from contextlib import suppress
from datetime import timedelta
from typing import Any

from python_calamine import CalamineError, CalamineWorkbook, PasswordError, SheetTypeEnum, SheetVisibleEnum

from shared.errors import Problem
from shared.sheets import container, marks, refusals
from shared.sheets.book import Row, Sheet, Span, Value, dump

MEMORY = 1_500_000_000
"""Bytes of address space, where the system can limit it."""
CPU_SECONDS = 30


def read(data: bytes) -> list[Sheet]:
    """The visible sheets of a workbook. Raises a refusal."""
    kind, safe = container.open_safely(data)
    try:
        marked = marks.find(kind, safe)
        with CalamineWorkbook.from_filelike(io.BytesIO(safe)) as book:
            wanted = [
                m.name
                for m in book.sheets_metadata
                if m.typ is SheetTypeEnum.WorkSheet and m.visible is SheetVisibleEnum.Visible
            ]
            return [_sheet(book, name, marked.get(name, marks.Marks({}, []))) for name in wanted]
    except PasswordError as error:
        raise refusals.ENCRYPTED from error
    except CalamineError as error:
        raise (refusals.NOT_A_WORKBOOK if "detect file format" in str(error) else refusals.DAMAGED) from error


def _sheet(book: CalamineWorkbook, name: str, marked: marks.Marks) -> Sheet:
    sheet = book.get_sheet_by_name(name)
    if sheet.total_height > refusals.MAX_ROWS + 1000:
        raise refusals.TOO_MANY_ROWS
    found: list[list[Any]] = sheet.to_python(skip_empty_area=False)
    rows: list[Row] = [[_plain(v) for v in row[: refusals.MAX_COLUMNS]] for row in found]
    spans = [Span(*first, *last) for first, last in sheet.merged_cell_ranges or []]
    return Sheet(name, rows, spans or marked.spans, marked.formulas)


def _plain(value: Any) -> Value:
    if isinstance(value, str):
        return value or None
    if isinstance(value, timedelta):
        return str(value)
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    found: Value = value
    return found


def _limit() -> None:
    with suppress(ImportError, ValueError, OSError):
        import resource  # noqa: PLC0415 - not everywhere

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def main() -> None:
    """Reads, and says either the sheets or the slug of a refusal."""
    _limit()
    try:
        said = dump(read(sys.stdin.buffer.read()))
    except Problem as problem:
        said = json.dumps(problem.slug)
    except MemoryError:
        said = json.dumps(refusals.TOO_HEAVY.slug)
    except BaseException:  # whatever a broken file does to a reader, it is a broken file; a panic is no Exception
        said = json.dumps(refusals.DAMAGED.slug)
    sys.stdout.write(said)


if __name__ == "__main__":
    main()
