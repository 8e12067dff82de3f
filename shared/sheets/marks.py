"""What the reading library does not tell: which cells are formulas, and which merged cells an .ods has."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from typing import Any, NamedTuple
from xml.etree import ElementTree as Xml
from xml.parsers import expat

from shared.sheets.book import Span, position
from shared.sheets.container import Kind


class Marks(NamedTuple):
    """Of one sheet."""

    formulas: dict[tuple[int, int], bool]
    spans: list[Span]


def find(kind: Kind, data: bytes) -> dict[str, Marks]:
    """By sheet. An .xls is not looked through: of its formulas only the saved results are known."""
    if kind is Kind.XLS:
        return {}
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return dict(_xlsx(archive)) if kind is Kind.XLSX else _Ods().read(archive.read("content.xml"))


# -- .xlsx ------------------------------------------------------------------------------------------------------------

_CELL = re.compile(rb"<(?:\w+:)?c\s([^>]*[^>/])>(.*?)</(?:\w+:)?c>", re.DOTALL)
_REFERENCE = re.compile(rb'\br="([A-Z]{1,3}[0-9]{1,7})"')
_FORMULA = re.compile(rb"<(?:\w+:)?f[\s/>]")
_SAVED = re.compile(rb"<(?:\w+:)?(?:v|t)(?:\s[^>]*)?>[^<]")
_ERROR = re.compile(rb'\bt="e"')
_RELATION = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"


def _xlsx(archive: zipfile.ZipFile) -> Iterator[tuple[str, Marks]]:
    relations = Xml.fromstring(archive.read("xl/_rels/workbook.xml.rels"))  # noqa: S314 - no DTD passes the container
    targets = {r.get("Id"): r.get("Target", "") for r in relations}
    workbook = Xml.fromstring(archive.read("xl/workbook.xml"))  # noqa: S314
    for sheet in workbook.iter():
        if sheet.tag.rpartition("}")[2] == "sheet":
            target = targets.get(sheet.get(_RELATION), "")
            part = target.lstrip("/") if target.startswith("/") else f"xl/{target}"
            if part in archive.namelist():
                yield sheet.get("name", ""), Marks(dict(_formulas(archive.read(part))), [])


def _formulas(sheet: bytes) -> Iterator[tuple[tuple[int, int], bool]]:
    """Cells with a formula or an error value; whether a plain result was saved."""
    if not _FORMULA.search(sheet) and not _ERROR.search(sheet):
        return
    for cell in _CELL.finditer(sheet):
        attributes, content = cell.groups()
        wrong = bool(_ERROR.search(attributes))
        if wrong or _FORMULA.search(content):
            named = _REFERENCE.search(attributes)
            if named:
                yield position(named[1].decode()), not wrong and bool(_SAVED.search(content))


# -- .ods -------------------------------------------------------------------------------------------------------------


class _Ods:
    """Walks through `content.xml` once, counting rows and columns with their repetitions."""

    def __init__(self) -> None:
        self._found: dict[str, Marks] = {}
        self._sheet: Marks | None = None
        self._row, self._column, self._rows = 0, 0, 1

    def read(self, content: bytes) -> dict[str, Marks]:
        parser = expat.ParserCreate()
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.Parse(content, True)
        return self._found

    def _start(self, tag: str, attributes: dict[str, Any]) -> None:
        if tag == "table:table":
            self._sheet = self._found[attributes.get("table:name", "")] = Marks({}, [])
            self._row = 0
        elif tag == "table:table-row":
            self._column, self._rows = 0, int(attributes.get("table:number-rows-repeated", 1))
        elif tag in {"table:table-cell", "table:covered-table-cell"} and self._sheet is not None:
            self._cell(self._sheet, attributes)
            self._column += int(attributes.get("table:number-columns-repeated", 1))

    def _cell(self, sheet: Marks, attributes: dict[str, Any]) -> None:
        if "table:formula" in attributes:
            wrong = attributes.get("calcext:value-type") == "error" or "office:value-type" not in attributes
            sheet.formulas[self._row, self._column] = not wrong
        down, right = (int(attributes.get(f"table:number-{way}-spanned", 1)) for way in ("rows", "columns"))
        if down > 1 or right > 1:
            sheet.spans.append(Span(self._row, self._column, self._row + down - 1, self._column + right - 1))

    def _end(self, tag: str) -> None:
        if tag == "table:table-row":
            self._row += self._rows
        elif tag == "table:table":
            self._sheet = None
