"""Workbooks: what is read, what is refused in words, and what a hostile file cannot do."""

from __future__ import annotations

import asyncio
import io
import re
import signal
import subprocess
import sys
import zipfile
from collections.abc import Callable
from datetime import date, datetime, time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from python_calamine import CalamineError, PasswordError

from shared.errors import Problem
from shared.sheets import cells, child, container, reading, refusals, writing
from shared.sheets.book import Row, Sheet, Span, dump, letter, load, position
from shared.sheets.writing import Column, Table
from tests.support.old_sheets import ods, ods_rows, xls
from tests.support.sheets import made, rows


def sheets_of(data: bytes) -> list[Sheet]:
    return child.read(data)


def slug_of(data: bytes) -> str:
    with pytest.raises(Problem) as refused:
        sheets_of(data)
    return refused.value.slug


def zipped(parts: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return buffer.getvalue()


# -- what is read -----------------------------------------------------------------------------------------------------

TABLE: list[list[Any]] = [["Tên tổ", "Số"], ["Đức Phổ", 12.0], ["0901", None]]


@pytest.mark.parametrize(
    "data",
    [rows(TABLE), xls(TABLE), ods_rows([["Tên tổ", "Số"], ["Đức Phổ", "12"], ["0901", ""]])],
    ids=["xlsx", "xls", "ods"],
)
def test_the_three_formats_say_the_same(data: bytes) -> None:
    [sheet] = sheets_of(data)
    assert [[str(v) for v in row if v is not None] for row in sheet.rows] == [
        ["Tên tổ", "Số"], ["Đức Phổ", "12"], ["0901"],
    ]  # fmt: skip


def test_hidden_sheets_are_not_read_and_days_are_days() -> None:
    def draw(book: Any) -> None:
        book.add_worksheet("Đầu")
        book.add_worksheet("Ẩn").hide()
        book.add_worksheet("Thấy").write_datetime(0, 0, date(2023, 7, 1), book.add_format({"num_format": "d/m/yyyy"}))

    found = sheets_of(made(draw))
    assert [s.name for s in found] == ["Đầu", "Thấy"]
    assert found[1].rows == [[date(2023, 7, 1)]]


def test_formulas_are_told_apart_by_whether_their_result_was_saved() -> None:
    def draw(book: Any) -> None:
        sheet = book.add_worksheet("F")
        for row, (formula, value) in enumerate([("=1+1", 2), ("=A1", ""), ("=1/0", "#DIV/0!"), ('="a"', "a")]):
            sheet.write_formula(row, 1, formula, None, value)

    [sheet] = sheets_of(made(draw))
    assert sheet.formulas == {(0, 1): True, (1, 1): False, (2, 1): False, (3, 1): True}
    assert [row[1] for row in sheet.rows] == [2, None, None, "a"]


def test_formulas_and_merged_cells_of_an_ods_are_found_through_repeated_rows() -> None:
    text = '<table:table-cell office:value-type="string"{}><text:p>{}</text:p></table:table-cell>'
    empty = '<table:table-row table:number-rows-repeated="3"><table:table-cell/></table:table-row>'
    wrong = '<table:table-cell table:formula="of:=1/0" office:value-type="string" calcext:value-type="error"/>'
    plain = '<table:table-cell table:formula="of:=1" office:value-type="float" office:value="1"/>'
    merged = text.format(' table:number-rows-spanned="2"', "m")
    rest = '<table:table-cell table:number-columns-repeated="16384"/>'
    below = f'<table:table-row table:number-rows-repeated="1048000">{rest}</table:table-row>'
    first, last = (f"<table:table-row>{c}</table:table-row>" for c in (text.format("", "a"), wrong + plain + merged))
    found = ods(first + empty + last + below)
    [sheet] = sheets_of(found)
    assert sheet.formulas == {(4, 0): False, (4, 1): True}
    assert sheet.spans == [Span(4, 2, 5, 2)]


def test_merged_cells_are_named_as_a_spreadsheet_does() -> None:
    data = made(lambda book: book.add_worksheet("M").merge_range(1, 0, 5, 0, "Tổ 1"))
    assert [s.name for s in sheets_of(data)[0].spans] == ["A2:A6"]
    assert sheets_of(xls([["a"], ["b"], [None], ["c"]], merged=[(1, 2, 0, 0)]))[0].spans == [Span(1, 0, 2, 0)]


@given(st.integers(0, 20_000), st.integers(0, 16_383))
def test_names_of_cells_go_there_and_back(row: int, column: int) -> None:
    assert position(f"{letter(column)}{row + 1}") == (row, column)


def test_what_was_read_comes_through_json_as_it_was() -> None:
    row: Row = ["a", 1, 1.5, True, None, date(2023, 7, 1), datetime(2023, 7, 1, 8), time(8, 30)]  # noqa: DTZ001
    sheet = Sheet("T", [row], [Span(0, 0, 1, 1)], {(2, 3): False})
    assert load(dump([sheet])) == [sheet]


# -- what is refused --------------------------------------------------------------------------------------------------


def a_bomb() -> bytes:
    return zipped({"xl/workbook.xml": b"<workbook/>", "xl/worksheets/sheet1.xml": b"0" * 40_000_000})


def a_heap() -> bytes:
    return zipped({"xl/workbook.xml": b"<workbook/>", **{f"xl/a{n}.xml": b"<a/>" for n in range(2_001)}})


def a_liar() -> bytes:
    """A directory that says 10 bytes of a part that unpacks to 1,000,000."""
    data = bytearray(zipped({"xl/workbook.xml": b"<workbook/>", "xl/big.xml": b"0" * 1_000_000}))
    at = data.rfind(b"PK\x01\x02")
    data[at + 24 : at + 28] = (10).to_bytes(4, "little")
    return bytes(data)


def with_entities() -> bytes:
    lol = b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "bbbbbbbb">]><a>&b;</a>'
    return zipped({"xl/workbook.xml": lol})


def protected() -> bytes:
    return b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600 + "EncryptedPackage".encode("utf-16-le") + b"\0" * 600


@pytest.mark.parametrize(
    ("data", "slug"),
    [
        (lambda: b"", "file_empty"),
        ("Tên tổ;Cấp\nA;B".encode, "not_a_workbook"),
        (lambda: b"%PDF-1.7 ...", "not_a_workbook"),
        (lambda: zipped({"word/document.xml": b"<a/>"}), "not_a_workbook"),
        (lambda: rows(TABLE)[:2_000], "workbook_damaged"),
        (lambda: xls(TABLE)[:1_500], "workbook_damaged"),
        (protected, "workbook_encrypted"),
        (a_bomb, "workbook_unpacks_too_large"),
        (a_heap, "workbook_unpacks_too_large"),
        (a_liar, "workbook_damaged"),
        (with_entities, "workbook_damaged"),
        (lambda: b"PK\x03\x04" + b"\0" * (refusals.MAX_FILE + 1), "file_too_large"),
    ],
)
async def test_a_file_that_is_not_read_is_answered_in_words(data: Callable[[], bytes], slug: str) -> None:
    with pytest.raises(Problem) as refused:
        await reading.read(data())
    assert refused.value.slug == slug
    assert refused.value.detail.vi
    assert refused.value.fields[0].field == "file"


async def test_a_cell_far_away_costs_the_reading_process_and_nobody_else() -> None:
    far = made(
        lambda book: (sheet := book.add_worksheet("D"), sheet.write(0, 0, "x"), sheet.write(45_000, 16_383, "x"))
    )
    with pytest.raises(Problem) as refused:
        await reading.read(far)
    assert refused.value.slug == "workbook_too_heavy"
    assert [s.name for s in await reading.read(rows(TABLE))] == ["Danh sách"]


async def test_a_sheet_of_too_many_rows_is_refused() -> None:
    long = made(lambda book: book.add_worksheet("D").write(refusals.MAX_ROWS + 2_000, 0, "x"))
    with pytest.raises(Problem) as refused:
        await reading.read(long)
    assert refused.value.slug == "too_many_rows"


@pytest.mark.parametrize("code", ["utf-8", "utf-16", "utf-16-be"])
@pytest.mark.parametrize("before", ["", f"<!-- {'x' * 5_000} -->"], ids=["at once", "far down"])
def test_a_part_that_may_declare_entities_is_not_handed_on(code: str, before: str) -> None:
    outside = f'<?xml version="1.0"?>{before}<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>'
    for text, taken in ((outside, False), (outside.replace("<!DOCTYPE", "<!--"), True)):
        data = zipped({"xl/workbook.xml": text.encode(code)})
        if taken:
            assert container.open_safely(data)[0] is container.Kind.XLSX
            continue
        with pytest.raises(Problem) as refused:
            container.open_safely(data)
        assert refused.value.slug == "workbook_damaged"


def test_many_parts_that_unpack_to_too_much_together_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    data = zipped({"xl/workbook.xml": b"<a/>", "xl/a.xml": b"<a/>" * 200, "xl/b.xml": b"<a/>" * 200})
    assert container.open_safely(data)
    monkeypatch.setattr(refusals, "MAX_UNPACKED", 1_000)
    assert slug_of(data) == "workbook_unpacks_too_large"


async def test_a_file_that_is_too_large_is_not_even_handed_to_the_reading_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def ask(_: bytes) -> bytes:
        raise AssertionError("asked")

    monkeypatch.setattr(reading, "_ask", ask)
    data = b"PK\x03\x04" + b"\0" * refusals.MAX_FILE
    with pytest.raises(Problem) as refused:
        await reading.read(data)
    assert refused.value.slug == "file_too_large"
    with pytest.raises(Problem) as refused:
        container.must_look_like_one(data)
    assert refused.value.slug == "file_too_large"


async def test_reading_that_takes_too_long_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    children, start = [], asyncio.create_subprocess_exec

    async def started(*args: Any, **more: Any) -> asyncio.subprocess.Process:
        children.append(await start(*args, **more))
        return children[-1]

    monkeypatch.setattr(asyncio, "create_subprocess_exec", started)
    monkeypatch.setattr(reading, "SECONDS", 0.001)
    with pytest.raises(Problem) as refused:
        await reading.read(rows(TABLE))
    assert refused.value.slug == "workbook_too_heavy"
    assert [c.returncode for c in children] == [-signal.SIGKILL]


@pytest.mark.parametrize(
    ("error", "slug"),
    [(MemoryError, "workbook_too_heavy"), (ValueError, "workbook_damaged"), (BaseException, "workbook_damaged")],
)
def test_whatever_a_file_does_to_the_reading_process_is_answered(
    error: type[BaseException], slug: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def read(_: bytes) -> list[Sheet]:
        raise error

    monkeypatch.setattr(child, "read", read)
    monkeypatch.setattr(child, "_limit", lambda: None)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"x")))
    child.main()
    assert capsys.readouterr().out == f'"{slug}"'


def test_the_reading_process_limits_its_memory_and_its_time() -> None:
    said = (
        "import resource; from shared.sheets import child; child.main();"
        "print(resource.getrlimit(resource.RLIMIT_AS)[0], resource.getrlimit(resource.RLIMIT_CPU)[0])"
    )
    ran = subprocess.run([sys.executable, "-c", said], input=b"", capture_output=True, check=True)
    assert ran.stdout.decode() == f'"file_empty"{child.MEMORY} {child.CPU_SECONDS}\n'


def test_only_parts_that_hold_data_reach_the_reader() -> None:
    parts = {"xl/workbook.xml": b"<a/>", "xl/vbaProject.bin": b"MZ", "xl/media/image1.png": b"0" * 9_000_000}
    kind, safe = container.open_safely(zipped(parts))
    assert kind is container.Kind.XLSX
    with zipfile.ZipFile(io.BytesIO(safe)) as archive:
        assert [(i.filename, i.compress_type) for i in archive.infolist()] == [("xl/workbook.xml", zipfile.ZIP_STORED)]


# -- cells ------------------------------------------------------------------------------------------------------------


@given(
    st.dates(date(1990, 1, 1), date(2100, 12, 31)),
    st.sampled_from(["{}/{}/{}", "{:02}/{:02}/{}", "{}-{}-{}", "{}.{:02}.{}", " {} / {} / {} "]),
)
def test_days_are_read_with_zeros_as_they_come(day: date, form: str) -> None:
    assert cells.day(form.format(day.day, day.month, day.year)) == day
    assert cells.day(day.isoformat()) == day
    assert cells.day(day) == day
    assert cells.day(datetime(day.year, day.month, day.day, 8)) == day  # noqa: DTZ001
    assert cells.day(f"ngày {day.day} tháng {day.month} năm {day.year}") == day


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("07/28/2023", "không có tháng 28"), ("31/4/2023", "không có ngày này"), ("28/7", "không phải ngày"),
        (45108, "không phải ngày"), ("hôm qua", "không phải ngày"), ("1/7/1823", "ngoài khoảng"),
        (True, "không phải ngày"), (time(8), "không phải ngày"), ("29/02/2023", "không có ngày này"),
        (date(2101, 1, 1), "ngoài khoảng"), (datetime(1989, 12, 31, 8), "ngoài khoảng"),  # noqa: DTZ001
    ],
)  # fmt: skip
def test_what_is_no_day_is_said_so(typed: Any, said: str) -> None:
    with pytest.raises(cells.Unreadable) as refused:
        cells.day(typed)
    assert said in refused.value.said.vi


def test_text_is_composed_and_numbers_are_as_they_show() -> None:
    assert cells.text("  Ho\u0300a   Bi\u0300nh\n") == "Hòa Bình"
    assert (cells.text(12), cells.text(1.5), cells.text(True)) == ("12", "1.5", "TRUE")
    for wrong in (date(2023, 7, 12), time(8), "a\x00b", "é\ud800"):
        with pytest.raises(cells.Unreadable):
            cells.text(wrong)


def test_the_zero_that_excel_took_from_a_phone_comes_back() -> None:
    assert (cells.phone(901234567), cells.phone("0901234567"), cells.phone(84901234567)) == (
        "0901234567", "0901234567", "84901234567",
    )  # fmt: skip


def test_whole_numbers_with_dots_are_thousands() -> None:
    assert [cells.whole(v) for v in (12, "12", "1.200", "1.234.567", "1 200")] == [12, 12, 1200, 1_234_567, 1200]
    for wrong in (-1, 1.5, "1,5", "1.20", "x", True):
        with pytest.raises(cells.Unreadable):
            cells.whole(wrong)


# -- writing ----------------------------------------------------------------------------------------------------------


def test_what_is_written_stays_text_and_days_stay_days() -> None:
    table = Table("T", [Column("A"), Column("B", is_day=True)], [["0901", date(2023, 7, 1)], ["=1+1", None]])
    [sheet] = sheets_of(writing.workbook([table]))
    assert sheet.rows == [["A", "B"], ["0901", date(2023, 7, 1)], ["=1+1", None]]
    assert sheet.formulas == {}


def test_a_day_that_is_typed_into_a_form_stays_as_it_was_typed() -> None:
    data = writing.workbook([Table("T", [Column("Ngày", is_day=True), Column("Số", is_number=True)])])
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        sheet, styles = archive.read("xl/worksheets/sheet1.xml").decode(), archive.read("xl/styles.xml").decode()
    codes = {"1": "0", **dict(re.findall(r'<numFmt numFmtId="(\d+)" formatCode="([^"]*)"', styles))}
    ways = [codes.get(i, i) for i in re.findall(r'<xf numFmtId="(\d+)"', styles.partition("<cellXfs")[2])]
    assert [ways[int(style)] for style in re.findall(r'<col [^>]*style="(\d+)"', sheet)] == ["@", "0"]


def test_drop_downs_stand_on_a_hidden_sheet_and_the_head_is_frozen() -> None:
    data = writing.workbook([Table("T", [Column("A", choices=("một", "hai")), Column("B", choices=("một", "hai"))])])
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        sheet, book = archive.read("xl/worksheets/sheet1.xml").decode(), archive.read("xl/workbook.xml").decode()
    assert sheet.count("<dataValidation ") == 2
    assert "'Danh mục'!$A$1:$A$2" in sheet
    assert 'state="frozen"' in sheet
    assert 'state="hidden"' in book


@pytest.mark.parametrize("name", ["", "12", "B-1", "ABCD1", "Đ1"])
def test_what_is_no_name_of_a_cell_is_said_so(name: str) -> None:
    with pytest.raises(ValueError, match=f"^{name}$"):
        position(name)


def test_a_zip_file_with_a_password_is_answered_in_words() -> None:
    locked = bytearray(rows([["Tên tổ"]]))
    for mark, offset in (
        (b"PK\x03\x04", 6),
        (b"PK\x01\x02", 8),
    ):  # the bit that says so
        locked[locked.index(mark) + offset] |= 1
    assert slug_of(bytes(locked)) == "workbook_encrypted"


@pytest.mark.parametrize(
    ("error", "slug"),
    [
        (PasswordError("x"), "workbook_encrypted"),
        (CalamineError("Cannot detect file format"), "not_a_workbook"),
        (CalamineError("Xml error"), "workbook_damaged"),
    ],
)
def test_what_the_library_cannot_read_is_answered_in_words(
    error: Exception, slug: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Library:
        @staticmethod
        def from_filelike(_: io.BytesIO) -> None:
            raise error

    monkeypatch.setattr(child, "CalamineWorkbook", Library)
    assert slug_of(rows([["Tên tổ"]])) == slug
