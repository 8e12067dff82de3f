"""Every refusal of an import as whoever uploads meets it: row, column, words, and nothing of it is written."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any, NamedTuple

import httpx
import pytest

from services.registry.imports.columns import LONGEST
from services.registry.imports.ids import People, id_of
from services.registry.imports.kinds import FORMS, Kind
from services.registry.imports.names import spelling
from services.registry.store import imports
from shared.auth import Role
from shared.sheets import refusals
from shared.sheets.book import letter
from tests.support.sheets import TEAM, commit, filled, lines, made, rows, upload
from tests.support.stack import Stack
from tests.support.world import MO_DUC, TOWN, ok, refused

NOW = datetime(2023, 7, 28, 1, tzinfo=UTC)
NAME = TEAM["team_name"]
KNOWN = id_of("team", TOWN, "commune", "", spelling(NAME), "2023-07-03")
"""The team that is on record before anything bad is uploaded."""
HOA, GONE, ERASED, WITHDRAWN, TWICE = "Trần Thị Hoà", "Võ Văn Đi", "Cao Văn Xóa", "Cao Thị Rút", "Lê Thị Mai"
PEOPLE: list[dict[str, Any]] = [
    {"full_name": "Ngô Văn Trưởng", "role": "Tổ trưởng"}, {"full_name": HOA},
    {"full_name": GONE, "left_on": "20/7/2023"}, {"full_name": ERASED, "phone": "0901111111"},
    {"full_name": WITHDRAWN, "phone": "0902222222"},
    {"full_name": TWICE, "phone": "0903333333"}, {"full_name": TWICE, "phone": "0904444444"},
]  # fmt: skip


class Case(NamedTuple):
    """One bad line: its cells, and what is said beside which of them. `before`: a good line that it clashes with."""

    cells: dict[str, Any]
    column: str
    words: str
    before: dict[str, Any] | None = None


def new(column: str, words: str, **cells: Any) -> Case:
    """A line of a new team, good but for one cell."""
    return Case({**TEAM, "full_name": "An", **cells}, column, words)


def of_known(column: str, words: str, **cells: Any) -> Case:
    """A line about the team that is on record."""
    return Case({**TEAM, "team_id": KNOWN, "full_name": HOA, **cells}, column, words)


def nobody(column: str, value: Any) -> Case:
    return Case({**TEAM, column: value}, "full_name", "thiếu «Họ và tên»")


def like_that(column: str, words: str, good: dict[str, Any], **cells: Any) -> Case:
    return Case({**good, **cells}, column, words, good)


FIRST = {**TEAM, "full_name": "An"}
TEAM_LINES = [
    *(new(c.key, f"thiếu «{c.title.vi}»", **{c.key: None}) for c in FORMS[Kind.TEAMS].columns if c.needed),
    *(nobody(c, v) for c, v in {"phone": "0901234567", "role": "Thành viên", "joined_on": "5/7/2023",
                                "left_on": "5/7/2023", "organisation": "so-a", "member_id": "m"}.items()),
    new("team_name", "dài quá 200 ký tự", team_name="T" * (LONGEST + 1)),
    new("level", "«Cấp tỉnh» phải là một trong", level="Cấp tỉnh"),
    new("role", "«Kế toán» phải là một trong", role="Kế toán"),
    new("leave_reason", "«Ốm» phải là một trong", leave_reason="Ốm"),
    new("phone", "«090» không phải số điện thoại", phone="090"),
    new("team_id", "«mã số 1» không phải mã của hệ thống", team_id="mã số 1"),
    new("member_id", "«a/b» không phải mã của hệ thống", member_id="a/b"),
    new("decision_number", "Excel đã đổi ô này thành ngày giờ", decision_number=date(2023, 7, 12)),
    new("decision_date", "không có ngày này trong lịch", decision_date="32/7/2023"),
    new("formed_on", "không có tháng 28", formed_on="07/28/2023"),
    new("joined_on", "«hôm qua» không phải ngày", joined_on="hôm qua"),
    new("left_on", "«45108» không phải ngày", left_on=45108),
    new("role_since", "năm 1823 ngoài khoảng", role_since="1/7/1823"),
    new("unit", "không có đơn vị «Xã Không Có»", unit="Xã Không Có"),
    new("unit", "không phải đơn vị phù hợp vào ngày 03/07/2023", level="Cấp huyện"),
    new("unit", "«Thị trấn Châu Ổ» không thuộc địa bàn", unit="Thị trấn Châu Ổ"),
    new("unit", "«Huyện Mộ Đức» có các xã, phường", unit="Huyện Mộ Đức"),
    new("village", "Tổ cấp thôn cần tên thôn", level="Cấp thôn"),
    new("decision_date", "phải trước hoặc đúng ngày lập tổ", decision_date="4/7/2023"),
    new("formed_on", "ở tương lai", formed_on="1/8/2023"),
    new("team_id", "không có tổ mang mã «none»", team_id="none"),
    new("organisation", "không có cơ quan, tổ chức «Sở Không Có»", organisation="Sở Không Có"),
    new("joined_on", "Tổ được lập ngày 03/07/2023", joined_on="1/7/2023"),
    new("joined_on", "ở tương lai", joined_on="1/8/2023"),
    new("left_on", "phải từ ngày tham gia 03/07/2023", left_on="1/7/2023"),
    new("role_since", "nhiệm vụ mới phải từ ngày đó", role="Tổ phó", role_since="1/7/2023"),
    new("role_since", "ở tương lai", role="Tổ phó", role_since="1/8/2023"),
    of_known("team_name", "muốn đổi tên, hãy dùng chức năng «Đổi tên tổ»", team_name="Tổ khác"),
    of_known("unit", "tổ mang mã này ở đơn vị khác", unit="Xã Đức Nhuận"),
    of_known("level", "trong sổ là «commune»", level="Cấp thôn"),
    of_known("village", "trong sổ là «–»", village="Thôn 9"),
    of_known("decision_number", "trong sổ là «12/QĐ-UBND»", decision_number="13/QĐ-UBND"),
    of_known("decision_date", "trong sổ là «01/07/2023»", decision_date="2/7/2023"),
    of_known("formed_on", "trong sổ là «03/07/2023»", formed_on="2/7/2023", joined_on="3/7/2023"),
    of_known("organisation", "trong sổ là «–»; hãy sửa ở trang của tổ", organisation="so-a"),
    of_known("role_since", "hãy ghi «Giữ vai trò từ ngày»", role="Tổ phó"),
    of_known("role", "Tổ đã có tổ trưởng khác", role="Tổ trưởng", role_since="10/7/2023"),
    of_known("joined_on", "trong sổ là 03/07/2023", joined_on="4/7/2023"),
    of_known("left_on", "trong sổ là «20/07/2023»", full_name=GONE, left_on="21/7/2023"),
    of_known("member_id", "không có thành viên mang mã «m9» ở tổ này", member_id="m9"),
    of_known("full_name", "tổ có 2 người cùng tên này", full_name=TWICE),
    of_known("full_name", "đã được xóa vĩnh viễn", full_name=ERASED, phone="0901111111"),
    of_known("full_name", "đã rút đồng ý", full_name=WITHDRAWN, phone="0905555555"),
    of_known("role", "Tổ đã có tổ trưởng khác", full_name="Đỗ Thị Mới", role="Tổ trưởng"),
    like_that("full_name", "trùng với dòng", FIRST),
    like_that("decision_number", "khác dòng", FIRST, full_name="Bình", decision_number="9/QĐ"),
    like_that("decision_date", "khác dòng", FIRST, full_name="Bình", decision_date="2/7/2023"),
]  # fmt: skip

THON = {"village": "Thôn Mới", "unit": "Thị trấn Mộ Đức", "valid_from": "1/7/2023"}


def village(column: str, words: str, **cells: Any) -> Case:
    return Case({**THON, **cells}, column, words)


CORRECTED = id_of("village", TOWN, spelling("Thôn Bảy"), "2023-07-01")
VILLAGE_LINES = [
    *(village(c.key, f"thiếu «{c.title.vi}»", **{c.key: None}) for c in FORMS[Kind.VILLAGES].columns if c.needed),
    village("valid_from", "không có ngày này trong lịch", valid_from="31/6/2023"),
    village("valid_from", "ở tương lai", valid_from="1/8/2023"),
    village("village_kind", "«Xóm» phải là một trong", village_kind="Xóm"),
    village("village_kind", "thiếu «Loại»", village="Mười"),
    village("village_id", "không phải mã của hệ thống", village_id="mã 1"),
    village("village_id", "không có thôn mang mã «nowhere»", village_id="nowhere"),
    village("village_id", f"không có thôn mang mã «{TOWN}»", village_id=TOWN),
    village("village", "trong sổ là «Thôn Một»; hãy dùng chức năng đính chính", village_id="v1", village="Thôn Hai"),
    village("village_kind", "trong sổ là «hamlet»", village_id="v1", village="Thôn Một", village_kind="Bản"),
    village("village_kind", "trong sổ là «hamlet»", village="Thôn Một", village_kind="Bản"),
    village("village", "trong sổ là «Thôn 7»", village="Thôn Bảy"),
    village("village", "đã có «Thôn Một» (mã v1)", village="Thôn Mốt"),
    village("unit", "«Thị trấn Mộ Đức» không thuộc địa bàn", village_id="v2"),
    village("unit", "không có đơn vị «Xã Không Có»", unit="Xã Không Có"),
    village("unit", "không phải đơn vị phù hợp vào ngày 01/01/1999", valid_from="1/1/1999"),
    village("unit", "«Huyện Mộ Đức» có các xã, phường", unit="Huyện Mộ Đức"),
    village("unit", "«Thị trấn Châu Ổ» không thuộc địa bàn", unit="Thị trấn Châu Ổ"),
    like_that("village", "trùng với dòng", THON, village="thôn  mới"),
]

SO = {"name": "Sở Mới", "sector": "Sở, ban, ngành"}


def organisation(column: str, words: str, **cells: Any) -> Case:
    return Case({**SO, **cells}, column, words)


ORGANISATION_LINES = [
    organisation("name", "thiếu «Tên cơ quan, tổ chức»", name=None),
    organisation("sector", "thiếu «Nhóm»", sector=None),
    organisation("sector", "«Bộ» phải là một trong", sector="Bộ"),
    organisation("headcount", "không phải số nguyên", headcount="hai"),
    organisation("organisation_id", "không phải mã của hệ thống", organisation_id="mã 1"),
    organisation("parent", "không có cơ quan, tổ chức «Sở Xa»", parent="Sở Xa"),
    organisation("parent", "«Văn phòng» có thể là «Văn phòng (Sở A)», «Văn phòng (Sở B)»", parent="Văn phòng"),
    organisation("name", "hãy chọn một tổ chức", name="Văn phòng"),
    organisation("organisation_id", "đã kết thúc hoạt động", organisation_id="cu", name="Sở Cũ"),
    organisation("headcount_since", "hãy ghi «Số người tính từ ngày»", name="Sở A", headcount=5),
    organisation("effective_on", "hãy ghi «Thay đổi từ ngày»", name="Sở A", parent="Sở B"),
    organisation("parent", "nên không thể là cấp trên", name="Sở A", parent="phong-a", effective_on="1/7/2023"),
    like_that("name", "trùng với dòng", SO, name="sở  mới"),
]
CASES = {Kind.TEAMS: TEAM_LINES, Kind.VILLAGES: VILLAGE_LINES, Kind.ORGANISATIONS: ORGANISATION_LINES}


class Uploaded(NamedTuple):
    """A sheet of bad lines that was checked."""

    officer: httpx.AsyncClient
    import_id: str
    rows: list[tuple[Case, int]]
    """Each case and the row on which it stands."""
    said: dict[int, dict[str, Any]]
    """What is said of each row."""
    written: tuple[int, ...]
    """Rows of the tables that an import writes, before."""


@pytest.fixture(scope="module")
async def world(running: Stack) -> Stack:
    """Registry with a team and its people, villages and organisations on record."""
    province = running.client(Role.PROVINCE_OFFICER, units=["51"])
    for i, name, parent in (
        ("so-a", "Sở A", None), ("so-b", "Sở B", None), ("cu", "Sở Cũ", None),
        ("phong-a", "Văn phòng", "so-a"), ("phong-b", "Văn phòng", "so-b"),
    ):  # fmt: skip
        body = {"organisation_id": i, "name": name, "sector": "department", "parent_id": parent}
        await ok(province.post("/registry/organisations", json=body), 201)
    await ok(province.post("/registry/organisations/cu/dissolve", json={"last_day": "2023-06-30"}))
    for i, name, parent in (("v1", "Thôn Một", TOWN), ("v2", "Thôn Hai", "21040"), (CORRECTED, "Thôn 7", TOWN)):
        body = {"village_id": i, "name": name, "parent_id": parent, "valid_from": "2023-07-01"}
        await ok(province.post("/registry/villages", json=body), 201)
    checked = await upload(province, filled([{**TEAM, **person} for person in PEOPLE]))
    assert (await commit(province, checked["import_id"]))["new"] == len(PEOPLE)
    async with running.services["registry"].pool.acquire() as conn:
        people = People(await imports.secret(conn))
    erased, withdrawn = people.id_of(ERASED, "0901111111", KNOWN), people.id_of(WITHDRAWN, "0902222222", KNOWN)
    await ok(province.post(f"/registry/members/{erased}/erase"))
    await ok(province.post(f"/registry/members/{withdrawn}/withdraw"))
    return running


async def counted(running: Stack) -> tuple[int, ...]:
    tables = (
        "team",
        "membership",
        "membership_role",
        "vault_person",
        "unit_version",
        "organisation_version",
        "headcount",
    )
    counts = ", ".join(f"(select count(*) from {table})" for table in tables)
    async with running.services["registry"].pool.acquire() as conn:
        found = await conn.fetchrow(f"select (select count(*) from stage) + (select count(*) from log), {counts}")
    assert found
    return tuple(found)


@pytest.fixture(scope="module")
async def uploads(world: Stack) -> dict[Kind, Uploaded]:
    """All bad lines of each sheet, in one file each; each line of a new team has a team of its own."""
    found = {}
    for kind, cases in CASES.items():
        units = ["51"] if kind is Kind.ORGANISATIONS else [MO_DUC]
        role = Role.PROVINCE_OFFICER if kind is Kind.ORGANISATIONS else Role.DISTRICT_OFFICER
        officer = world.client(role, units=units, subject=f"bad-{kind.value}")
        table: list[dict[str, Any]] = []
        at: list[tuple[Case, int]] = []
        for number, case in enumerate(cases):
            for cells in filter(None, (case.before, case.cells)):
                own = kind is Kind.TEAMS and cells.get("team_id") != KNOWN and cells["team_name"] == NAME
                table.append({**cells, "team_name": f"Tổ {number}"} if own else cells)
            at.append((case, len(table) + 1))
        before = await counted(world)
        checked = await upload(officer, filled(table, kind), kind.value)
        said = {line["row"]: line for line in await lines(officer, checked["import_id"])}
        found[kind] = Uploaded(officer, checked["import_id"], at, said, before)
    return found


NUMBERED = [pytest.param(k, n, id=f"{k.value}-{n}-{c.column}") for k, cs in CASES.items() for n, c in enumerate(cs)]


@pytest.mark.parametrize(("kind", "number"), NUMBERED)
def test_a_bad_line_is_refused_beside_its_cell(uploads: dict[Kind, Uploaded], kind: Kind, number: int) -> None:
    case, row = uploads[kind].rows[number]
    said = uploads[kind].said[row]
    assert said["outcome"] == "refused", said
    [remark] = [r for r in said["remarks"] if r["refuses"]]
    keys = [c.key for c in FORMS[kind].columns]
    assert (remark["field"], remark["column"]) == (case.column, letter(keys.index(case.column)))
    assert case.words in remark["message"]["vi"]
    assert remark["message"]["en"]


@pytest.mark.parametrize("kind", list(Kind))
async def test_nothing_of_a_file_with_bad_lines_is_written(
    world: Stack, uploads: dict[Kind, Uploaded], kind: Kind
) -> None:
    found = uploads[kind]
    assert await counted(world) == found.written, "a dry run writes nothing"
    path = f"/registry/imports/{found.import_id}/commit"
    first = next(case for case, row in found.rows if row == 2)
    refused(
        await found.officer.post(path, json={"mode": "all_or_nothing"}), 422, "rows_refused", f"rows.2.{first.column}"
    )
    assert await counted(world) == found.written


# -- what is wrong with the sheet and with the file -------------------------------------------------------------------

HEAD = [c.title.vi for c in FORMS[Kind.VILLAGES].columns]
NEEDED = ["Thôn Mới", "Xã Đức Nhuận", "1/7/2023"]


def formula(book: Any) -> None:
    sheet = book.add_worksheet("T")
    sheet.write_row(0, 0, ["Tên thôn", "Xã", "Từ ngày"])
    sheet.write_row(1, 0, NEEDED)
    sheet.write_formula(1, 1, "=A9", None, "")


def merged(book: Any) -> None:
    sheet = book.add_worksheet("T")
    sheet.write_row(0, 0, ["Tên thôn", "Xã", "Từ ngày"])
    sheet.write_row(1, 0, NEEDED)
    sheet.merge_range(2, 0, 2, 1, "Thôn Kia")
    sheet.write(2, 2, "1/7/2023")


@pytest.mark.parametrize(
    ("draw", "row", "expected"),
    [
        (formula, 2, {"B": "ô là công thức không có kết quả"}),
        (merged, 3, {"A": "ô gộp A3:B3 qua nhiều cột", "B": "ô gộp A3:B3 qua nhiều cột"}),
    ],
)
async def test_a_cell_that_holds_no_value_of_its_own_is_refused(
    world: Stack, draw: Callable[[Any], None], row: int, expected: dict[str, str]
) -> None:
    officer, before = world.client(Role.DISTRICT_OFFICER, units=[MO_DUC], subject="cells"), await counted(world)
    checked = await upload(officer, made(draw), Kind.VILLAGES.value)
    [line] = [one for one in await lines(officer, checked["import_id"]) if one["row"] == row]
    assert line["outcome"] == "refused"
    said = {r["column"]: r["message"]["vi"] for r in line["remarks"] if r["refuses"]}
    assert said.keys() == expected.keys()
    assert all(words in said[column] for column, words in expected.items())
    assert await counted(world) == before


def zipped(parts: dict[str, bytes], *, locked: bool = False) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    data = bytearray(buffer.getvalue())
    if locked:
        for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):  # the bit that says so
            data[data.index(mark) + offset] |= 1
    return bytes(data)


BOOK = {"xl/workbook.xml": b"<workbook/>"}
ENCRYPTED = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600 + "EncryptedPackage".encode("utf-16-le") + b"\0" * 600
FILES: list[tuple[Callable[[], bytes], str, str]] = [
    (lambda: rows([["Loại", "Xã"], ["Thôn", "Xã Đức Nhuận"]]), "wrong_sheet", "«Danh sách»"),
    (lambda: rows([["Tên thôn", "Từ ngày"], ["Thôn 1", "1/7/2023"]]), "missing_column",
     "Trang «Danh sách», dòng 1: thiếu cột «Xã, phường, thị trấn»"),
    (lambda: rows([["Tên thôn", "Xã", "Từ ngày", "xã"], [*NEEDED, "x"]]), "column_twice", "cột «xã» có hai lần"),
    (lambda: rows([[], HEAD]), "no_lines", "chưa có dòng nào dưới tiêu đề"),
    (lambda: zipped({"word/document.xml": b"<a/>"}), "not_a_workbook", refusals.NOT_A_WORKBOOK.detail.vi),
    (lambda: zipped(BOOK, locked=True), "workbook_encrypted", refusals.ENCRYPTED.detail.vi),
    (lambda: ENCRYPTED, "workbook_encrypted", "có đặt mật khẩu"),
    (lambda: zipped({**BOOK, "xl/worksheets/sheet1.xml": b"0" * 40_000_000}), "workbook_unpacks_too_large",
     "tối đa 150 MB"),
    (lambda: zipped({**BOOK, **{f"xl/a{n}.xml": b"" for n in range(2_001)}}), "workbook_unpacks_too_large",
     "tối đa 150 MB"),
    (lambda: zipped({"xl/workbook.xml": b'<!DOCTYPE a [<!ENTITY b "b">]><a>&b;</a>'}), "workbook_damaged",
     refusals.DAMAGED.detail.vi),
    (lambda: zipped(BOOK), "workbook_damaged", refusals.DAMAGED.detail.vi),
    (lambda: made(lambda b: b.add_worksheet("D").write(refusals.MAX_ROWS + 2_000, 0, "x")), "too_many_rows",
     "quá 50.000 dòng"),
]  # fmt: skip


@pytest.mark.parametrize(("data", "slug", "words"), FILES, ids=[f"{n}-{slug}" for n, (_, slug, _) in enumerate(FILES)])
async def test_a_file_that_cannot_be_read_is_shown_as_failed_and_leaves_nothing(
    world: Stack, data: Callable[[], bytes], slug: str, words: str
) -> None:
    officer, before = world.client(Role.DISTRICT_OFFICER, units=[MO_DUC], subject="files"), await counted(world)
    failed = await upload(officer, data(), Kind.VILLAGES.value)
    assert (failed["state"], failed["problem"]["type"]) == ("failed", f"urn:cds:problem:{slug}")
    [said] = failed["problem"]["errors"]
    assert (said["field"], said["message"]) == ("file", failed["problem"]["messages"])
    assert words in said["message"]["vi"]
    assert await lines(officer, failed["import_id"]) == []
    assert await counted(world) == before


async def test_a_form_without_a_file_or_with_two_is_refused_at_once(world: Stack) -> None:
    officer = world.client(Role.DISTRICT_OFFICER, units=[MO_DUC], subject="forms")
    path, one = "/registry/imports/villages", ("a.xlsx", filled([THON], Kind.VILLAGES))
    refused(await officer.post(path, data={"file": "x"}, files={}), 422, "not_a_workbook", "file")
    refused(await officer.post(path, files={"file": ("a.xlsx", b"")}), 422, "file_empty", "file")
    two = await officer.post(path, files=[("file", one), ("more", one)])
    assert "nhiều nhất một tệp" in refused(two, 422, "unreadable_form", "file")["messages"]["vi"]
    for name, value in (("import_id", "a b"), ("file_name", "x" * 201)):
        refused(await officer.post(path, content=one[1], params={name: value}), 422, "invalid_data", name)
    assert (await officer.get("/registry/imports")).json() == []
