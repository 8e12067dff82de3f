"""From the sheets of a workbook to lines: which sheet it is, where its head is, what merged cells and formulas mean."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from services.registry.imports.columns import Column
from services.registry.imports.kinds import FORMS, Form, Kind
from services.registry.imports.line import Line, Remark, note, wrong
from shared.errors import FieldError, Problem, Text
from shared.sheets.book import Row, Sheet, Span, Value, letter
from shared.vietnamese import search_key

_HEAD_WITHIN = 30
"""Rows in which the head may stand: forms begin with a title, a decree, a date."""
_COLUMN_NUMBER = re.compile(r"\(?\d{1,2}\)?")


class Found(NamedTuple):
    """The lines of a workbook."""

    sheet: str
    letters: Mapping[str, str]
    """The letter of each column that is there, by key."""
    lines: list[Line]


class WrongForm(Problem):
    """422: the file is another form than it was uploaded as."""

    def __init__(self, detail: Text, seems: Kind) -> None:
        super().__init__(422, "wrong_form", detail, fields=(FieldError("kind", detail),))
        self.seems = seems


class _Head(NamedTuple):
    """A row that names columns of a form."""

    form: Form
    sheet: Sheet
    row: int
    places: Mapping[str, int]
    twice: Sequence[str]

    @property
    def at(self) -> tuple[str, int]:
        """Where it stands; names of sheets are unique in a workbook."""
        return self.sheet.name, self.row

    @property
    def missing(self) -> list[Column]:
        return [c for c in self.form.columns if c.needed and c.key not in self.places]

    @property
    def is_far(self) -> bool:
        """Whether most of what is needed is not there."""
        return len(self.missing) > sum(c.needed for c in self.form.columns) / 2

    @property
    def is_sure(self) -> bool:
        """Whether it names what its form lists, and most of what is needed."""
        return self.form.columns[0].key in self.places and not self.is_far


def read(sheets: Sequence[Sheet], kind: Kind) -> Found:
    """The lines of the sheet whose head names the columns of a form.

    Raises a refusal that names what is missing; `WrongForm` where the head is rather another form's.
    """
    heads = list(_heads(sheets, FORMS[kind]))
    others = _better(heads, [head for form in FORMS.values() if form.kind is not kind for head in _heads(sheets, form)])
    taken = {other.at for other in others}
    head = max((h for h in heads if h.at not in taken), key=lambda h: (-len(h.missing), len(h.places)), default=None)
    if head is None or head.is_far:
        seems = max(others, key=lambda h: len(h.places), default=None)
        raise _wrong_form(seems, kind) if seems else _wrong_sheet(sheets, FORMS[kind])
    if head.missing:
        raise _missing(head)
    if head.twice:
        raise _twice(head)
    lines = list(_lines(head))
    if not lines:
        raise _no_lines(head)
    return Found(head.sheet.name, {key: letter(at) for key, at in head.places.items()}, lines)


def _better(heads: Sequence[_Head], others: Sequence[_Head]) -> list[_Head]:
    """Rows that name more columns of another form than of the one that was asked for: a list of teams names their
    villages and their first days too, and still is no list of villages."""
    named = {head.at: len(head.places) for head in heads}
    return [other for other in others if other.is_sure and len(other.places) > named.get(other.at, 0)]


def _heads(sheets: Sequence[Sheet], form: Form) -> Iterator[_Head]:
    names = {name: c.key for c in form.columns for name in c.names}
    for sheet in sheets:
        for number, row in enumerate(sheet.rows[:_HEAD_WITHIN]):
            head = _head(form, names, sheet, number, row)
            if len(head.places) >= 2:
                yield head


def _head(form: Form, names: Mapping[str, str], sheet: Sheet, number: int, row: Row) -> _Head:
    places: dict[str, int] = {}
    twice = []
    for at, value in enumerate(row):
        key = names.get(search_key(value)) if isinstance(value, str) else None
        if key in places:
            twice.append(str(value))
        elif key:
            places[key] = at
    return _Head(form, sheet, number, places, twice)


def _lines(head: _Head) -> Iterator[Line]:
    marks = _marks(head)
    first = head.row + 1
    for number, row in enumerate(_spread(head), first):
        cells = {key: row[at] for key, at in head.places.items() if at < len(row) and _is_something(row[at])}
        remarks = tuple(marks.get(number, ()))
        if not cells and not any(r.refuses for r in remarks):
            continue
        if number == first and all(_COLUMN_NUMBER.fullmatch(str(v)) for v in cells.values()):
            continue  # the row of column numbers, (1) (2) (3), that paper forms have under the head
        yield Line(number + 1, cells, remarks)


def _is_something(value: Value) -> bool:
    return value is not None and not (isinstance(value, str) and not value.strip())


def _spread(head: _Head) -> list[Row]:
    """The rows below the head; a cell merged over several rows of one column stands in each of them."""
    rows = [list(row) for row in head.sheet.rows]
    for span in _spans(head):
        if span.left == span.right and span.left < len(rows[span.top]):
            value = rows[span.top][span.left]
            for number in range(span.top + 1, min(span.bottom, len(rows) - 1) + 1):
                rows[number].extend([None] * (span.left + 1 - len(rows[number])))
                rows[number][span.left] = value
    return rows[head.row + 1 :]


def _spans(head: _Head) -> Iterator[Span]:
    return (s for s in head.sheet.spans if head.row < s.top < len(head.sheet.rows))


def _marks(head: _Head) -> dict[int, list[Remark]]:
    """By row, what formulas and merged cells have to say."""
    keys = {at: key for key, at in head.places.items()}
    found: dict[int, list[Remark]] = {}
    for (row, at), plain in head.sheet.formulas.items():
        if row > head.row and at in keys:
            found.setdefault(row, []).append(_of_formula(plain, keys[at]))
    for span in _spans(head):
        for row in range(span.top, min(span.bottom, len(head.sheet.rows) - 1) + 1):
            found.setdefault(row, []).extend(
                _of_span(span, k) for at, k in keys.items() if span.left <= at <= span.right
            )
    return found


def _of_formula(plain: bool, key: str) -> Remark:
    if plain:
        return note(
            key,
            "ô là công thức; đã lấy kết quả lưu trong tệp",
            "the cell is a formula; its result as saved in the file was taken",
        )
    return wrong(
        key,
        "ô là công thức không có kết quả; hãy chép ô rồi dán lại dạng giá trị (Paste Special → Values)",
        "the cell is a formula without a result; copy it and paste it as a value (Paste Special → Values)",
    )


def _of_span(span: Span, key: str) -> Remark:
    if span.left == span.right:
        return note(
            key,
            f"ô gộp {span.name}: giá trị được dùng cho từng dòng",
            f"merged cells {span.name}: the value was taken for each line",
        )
    return wrong(
        key,
        f"ô gộp {span.name} qua nhiều cột; hãy bỏ gộp ô (Unmerge Cells) và điền từng ô",
        f"cells {span.name} are merged across columns; unmerge them and fill each cell",
    )


def _names(columns: Sequence[Column]) -> Text:
    return Text(", ".join(f"«{c.title.vi}»" for c in columns), ", ".join(f"«{c.title.en}»" for c in columns))


def _problem(slug: str, vi: str, en: str) -> Problem:
    return Problem(422, slug, Text(vi, en), fields=(FieldError("file", Text(vi, en)),))


def _wrong_sheet(sheets: Sequence[Sheet], form: Form) -> Problem:
    names, there = _names([c for c in form.columns if c.needed]), ", ".join(f"«{s.name}»" for s in sheets[:10]) or "–"
    return _problem(
        "wrong_sheet",
        f"Không trang nào trong tệp ({there}) có các cột cần thiết: {names.vi}. Hãy dùng biểu mẫu tải từ hệ thống.",
        f"No sheet of the file ({there}) has the columns that are needed: {names.en}. Use the form from this site.",
    )


def _wrong_form(seems: _Head, kind: Kind) -> WrongForm:
    found, asked = seems.form.title, FORMS[kind].title
    vi = (
        f"Trang «{seems.sheet.name}» có các cột của biểu mẫu «{found.vi}», không phải «{asked.vi}»."
        f" Hãy tải lên lại và chọn «{found.vi}»."
    )
    en = (
        f"Sheet «{seems.sheet.name}» has the columns of the form «{found.en}», not of «{asked.en}»."
        f" Upload it again as «{found.en}»."
    )
    return WrongForm(Text(vi, en), seems.form.kind)


def _missing(head: _Head) -> Problem:
    names = _names(head.missing)
    return _problem(
        "missing_column",
        f"Trang «{head.sheet.name}», dòng {head.row + 1}: thiếu cột {names.vi}. Hãy thêm cột rồi tải lên lại.",
        f"Sheet «{head.sheet.name}», row {head.row + 1}: no column {names.en}. Add it and send the file again.",
    )


def _twice(head: _Head) -> Problem:
    names = ", ".join(f"«{t}»" for t in head.twice)
    return _problem(
        "column_twice",
        f"Trang «{head.sheet.name}», dòng {head.row + 1}: cột {names} có hai lần. Hãy xóa bớt một cột.",
        f"Sheet «{head.sheet.name}», row {head.row + 1}: column {names} is there twice. Delete one of them.",
    )


def _no_lines(head: _Head) -> Problem:
    return _problem(
        "no_lines",
        f"Trang «{head.sheet.name}» chưa có dòng nào dưới tiêu đề. Hãy điền rồi tải lên lại.",
        f"Sheet «{head.sheet.name}» has no line below its head. Fill it and send it again.",
    )
