"""Workbooks that go out: an empty form, a form handed back with what is wrong, a list that can come back as it is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from services.registry.imports.columns import Column
from services.registry.imports.kinds import Form, Kind
from services.registry.imports.line import Outcome, Remark, Verdict
from shared.sheets import writing
from shared.sheets.book import Value
from shared.sheets.writing import Notes, Table

Cells = Mapping[str, Value]

OUTCOMES = {
    Outcome.NEW: "Mới", Outcome.CHANGED: "Thay đổi", Outcome.UNCHANGED: "Giữ nguyên", Outcome.REFUSED: "Không nhận",
}  # fmt: skip
_RULES = (
    ("Mỗi dòng một thành viên", "Các cột của tổ ghi lại ở từng dòng; ô gộp theo chiều dọc cũng được hiểu như vậy."),
    ("Ngày", "Ghi ngày/tháng/năm: 5/7/2023 hay 05/07/2023 đều được. Không ghi tháng trước ngày."),
    ("Số 0 ở đầu", "Cột số điện thoại và mã đã ở dạng văn bản; gõ đủ số 0."),
    ("Ô trống", "Ô trống không xóa gì: hệ thống giữ nguyên điều đã ghi."),
    ("Công thức", "Không dùng công thức; nếu chép từ tệp khác, hãy dán dạng giá trị (Paste Special → Values)."),
    ("Tải lên lại", "Tải lên cùng một tệp lần nữa không thay đổi gì."),
    ("One line for each member", "The team's columns are repeated in each line; cells merged downwards mean the same."),
    ("Days", "Day/month/year: 5/7/2023 or 05/07/2023. Never the month first."),
    ("Leading zeros", "Phones and ids are text; type every zero."),
    ("Empty cells", "An empty cell deletes nothing: what is on record stays."),
    ("Formulas", "No formulas; paste what comes from other files as values."),
    ("Uploading again", "The same file uploaded again changes nothing."),
)


def template(form: Form, choices: Mapping[str, Sequence[str]]) -> bytes:
    """An empty form. `choices`: what may be chosen in columns whose choices depend on who asks."""
    columns = [_column(c, choices.get(c.key, ())) for c in form.columns]
    return writing.workbook([Table(form.title.vi, columns), _instructions(form)])


def listing(form: Form, rows: Iterable[Cells], choices: Mapping[str, Sequence[str]]) -> bytes:
    """A list in the columns of the form; uploaded again it changes nothing."""
    columns = [_column(c, choices.get(c.key, ())) for c in form.columns]
    table = Table(form.title.vi, columns, [[row.get(c.key) for c in form.columns] for row in rows])
    return writing.workbook([table, _instructions(form)])


def result(form: Form, rows: Sequence[tuple[Cells, Verdict | None]]) -> bytes:
    """The lines as they came, wrong cells marked, and at the end of each line what it would do and why not."""
    columns = [_column(c, ()) for c in form.columns]
    columns += [writing.Column("Kết quả", 14), writing.Column("Cần sửa", 80)]
    places = {c.key: n for n, c in enumerate(form.columns)}
    titles = {c.key: c.title.vi for c in form.columns}
    wrong: dict[tuple[int, int], str] = {}
    lines: list[list[Value]] = []
    for number, (cells, verdict) in enumerate(rows):
        remarks = verdict.remarks if verdict else ()
        outcome = OUTCOMES[verdict.outcome] if verdict else None
        lines.append([*(cells.get(c.key) for c in form.columns), outcome, _said(remarks, titles)])
        for remark in remarks:
            if remark.refuses:
                wrong[number, places.get(remark.column or "", len(columns) - 1)] = f"{remark.text.vi}\n{remark.text.en}"
    return writing.workbook([Table(form.title.vi, columns, lines, wrong), _instructions(form)])


def _said(remarks: Iterable[Remark], titles: Mapping[str, str]) -> str | None:
    return "; ".join(f"{titles.get(r.column or '', 'Dòng')}: {r.text.vi}" for r in remarks) or None


def _column(column: Column, choices: Sequence[str]) -> writing.Column:
    return writing.Column(
        column.title.vi, column.width, column.is_day, column.is_number, tuple(column.choices) or tuple(choices),
        strict=bool(column.choices), needed=column.needed,
    )  # fmt: skip


def _instructions(form: Form) -> Notes:
    columns = [
        (f"{c.title.vi} / {c.title.en}", f"{'Bắt buộc. ' if c.needed else ''}{c.help.vi} / {c.help.en}")
        for c in form.columns
    ]
    rules = (
        _RULES if form.kind is Kind.TEAMS else tuple(r for r in _RULES if "member" not in r[0] and "viên" not in r[0])
    )
    return Notes("Hướng dẫn", [(f"{form.title.vi} / {form.title.en}", ""), *columns, ("Lưu ý / Notes", ""), *rules])
