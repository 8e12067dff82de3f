"""The form that officers download, as a spreadsheet program shows it: what may be chosen is what the import reads,
zeros and days stay as typed, and it comes back filled in, in the old formats too.

Neither the plan nor the ministry's guide has a list of a team with columns; what a founding decision says, they have.
The columns below follow it: which team, of which of the three levels (plan of 7/2023, who is invited: of the district,
the commune, the village), at which unit or village (the same, tasks of communes: «thôn, bản, tổ dân phố»), by which
decision (guide 793/BTTTT-THH of 5/3/2022: the chairman of the commune decides); then person by person who it is, how to
call them, their duty, for which body they stand (the guide: the Youth Union; the plan: its groups) and since when.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import openpyxl
import pytest

from services.registry.imports.kinds import FORMS, Kind
from shared.auth import Role
from shared.contracts.registry import LeaveReason, TeamFormed
from shared.contracts.registry import Role as Duty
from shared.ids import new_id
from shared.sheets import child
from tests.support.sheets import XLSX, commit, lines, upload
from tests.support.stack import Stack
from tests.support.world import MO_DUC, TOWN, ok

NOW = datetime(2023, 7, 28, 1, tzinfo=UTC)
FILES = Path(__file__).parent / "sheets"
NOTHING = {"new": 0, "changed": 0, "unchanged": 0, "refused": 0}
COLUMNS = {
    Kind.TEAMS: [
        "Tên tổ", "Cấp tổ", "Đơn vị", "Huyện, thị xã, thành phố", "Thôn, bản, tổ dân phố", "Số quyết định",
        "Ngày quyết định", "Ngày thành lập", "Họ và tên", "Số điện thoại", "Vai trò", "Giữ vai trò từ ngày",
        "Cơ quan, tổ chức", "Ngày tham gia", "Ngày rời tổ", "Lý do rời tổ", "Mã tổ", "Mã thành viên",
    ],
    Kind.VILLAGES: [
        "Tên thôn, bản, tổ dân phố", "Loại", "Xã, phường, thị trấn", "Huyện, thị xã, thành phố",
        "Nằm trong thôn, tổ", "Từ ngày", "Mã thôn",
    ],
    Kind.ORGANISATIONS: [
        "Tên cơ quan, tổ chức", "Nhóm", "Cấp trên", "Số người", "Số người tính từ ngày", "Từ ngày", "Thay đổi từ ngày",
        "Mã",
    ],
}  # fmt: skip
CLOSED = {
    (Kind.TEAMS, "Cấp tổ"): ["Cấp huyện", "Cấp xã", "Cấp thôn"],
    (Kind.TEAMS, "Vai trò"): ["Tổ trưởng", "Tổ phó", "Thành viên"],
    (Kind.TEAMS, "Lý do rời tổ"): ["Chuyển tổ", "Nhận nhiệm vụ khác", "Xin thôi", "Lý do khác"],
    (Kind.ORGANISATIONS, "Nhóm"): [
        "Nhóm của kế hoạch", "Sở, ban, ngành", "Ủy ban nhân dân", "Giáo dục", "Đoàn thanh niên", "Hội, đoàn thể",
        "Đại học, cao đẳng", "Báo chí", "Doanh nghiệp",
    ],
}  # fmt: skip
"""Columns in which nothing else may stand, with all that may."""
OPEN = {
    (Kind.TEAMS, "Đơn vị"), (Kind.TEAMS, "Huyện, thị xã, thành phố"), (Kind.TEAMS, "Cơ quan, tổ chức"),
    (Kind.VILLAGES, "Xã, phường, thị trấn"), (Kind.VILLAGES, "Huyện, thị xã, thành phố"), (Kind.VILLAGES, "Loại"),
    (Kind.ORGANISATIONS, "Cấp trên"),
}  # fmt: skip
"""Columns with names on record to choose from, in which a code may stand too."""
COUNTED = {"Số người"}


def three(name: str) -> list[dict[str, str]]:
    """A team as its founding decision lists it: days without zeros, a phone and a number of a decision with them."""
    team = {"Tên tổ": name, "Cấp tổ": "Cấp xã", "Đơn vị": "Thị trấn Mộ Đức (Huyện Mộ Đức)",
            "Số quyết định": "007/QĐ-UBND", "Ngày quyết định": "1/7/2023", "Ngày thành lập": "03/7/2023"}  # fmt: skip
    return [
        {**team, "Họ và tên": "Nguyễn Thị Ánh", "Số điện thoại": "0901234567", "Vai trò": "Tổ trưởng",
         "Cơ quan, tổ chức": "Tỉnh đoàn Quảng Ngãi"},
        {**team, "Họ và tên": "Trần Văn Bảy", "Số điện thoại": "0055 123 456", "Vai trò": "Thành viên",
         "Ngày tham gia": "5/7/2023", "Ngày rời tổ": "20/7/2023", "Lý do rời tổ": "Xin thôi"},
        {**team, "Họ và tên": "Lê Thị Hoà"},
    ]  # fmt: skip


@pytest.fixture(scope="module")
async def planned(running: Stack) -> Stack:
    """With the organisations of the plan."""
    await ok(running.client(Role.OPERATOR, units=["51"]).post("/registry/plans/2023/organisations"), 201)
    return running


def client(running: Stack, *units: str, role: Role = Role.DISTRICT_OFFICER) -> httpx.AsyncClient:
    return running.client(role, units=units or [MO_DUC], subject=new_id())


async def downloaded(officer: httpx.AsyncClient, kind: Kind) -> Any:
    """The form as a spreadsheet program opens it."""
    answer = await officer.get(f"/registry/imports/{kind.value}/template.xlsx")
    assert (answer.status_code, answer.headers["content-type"]) == (200, XLSX)
    return openpyxl.load_workbook(io.BytesIO(answer.content))


def format_of(sheet: Any, column: int) -> str:
    """How cells of a column are shown that are still empty."""
    [one] = [d for d in sheet.column_dimensions.values() if d.min <= column <= d.max]
    return str(one.number_format)


def filled_in(book: Any, table: Sequence[Mapping[str, Any]]) -> bytes:
    """The form with lines typed into its cells, as they are formatted, and saved by that program."""
    sheet = book.worksheets[0]
    columns = {cell.value: cell.column for cell in sheet[1]}
    for row, line in enumerate(table, 2):
        for title, value in line.items():
            cell = sheet.cell(row, columns[title], value)
            cell.number_format = format_of(sheet, cell.column)
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def offered(book: Any) -> dict[str, tuple[list[str], bool]]:
    """What the drop-down of each column offers, and whether anything else is stopped while typing."""
    sheet, found = book.worksheets[0], {}
    for rule in sheet.data_validations.dataValidation:
        [cells] = rule.sqref.ranges
        assert (rule.type, cells.min_row, cells.min_col) == ("list", 2, cells.max_col)
        assert cells.max_row >= 2_000
        name, _, where = rule.formula1.lstrip("=").rpartition("!")
        lists = book[name.strip("'")]
        assert lists.sheet_state == "hidden"
        values = [cell.value for [cell] in lists[where.replace("$", "")]]
        assert None not in values
        found[sheet.cell(1, cells.min_col).value] = (values, rule.errorStyle in {None, "stop"})
    return found


# -- the form ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", Kind)
async def test_a_form_has_its_columns_in_order_a_frozen_head_and_cells_that_keep_what_is_typed(
    planned: Stack, kind: Kind
) -> None:
    sheet = (await downloaded(client(planned), kind)).worksheets[0]
    assert [cell.value for cell in sheet[1]] == COLUMNS[kind]
    assert (sheet.freeze_panes, sheet.max_row) == ("A2", 1)
    formats = {cell.value: format_of(sheet, cell.column) for cell in sheet[1]}
    assert formats == {title: "0" if title in COUNTED else "@" for title in COLUMNS[kind]}, "text keeps zeros and days"


@pytest.mark.parametrize("kind", Kind)
async def test_each_drop_down_offers_what_the_import_reads_and_all_of_it(planned: Stack, kind: Kind) -> None:
    found = offered(await downloaded(client(planned, "51", role=Role.PROVINCE_OFFICER), kind))
    closed = {title: values for (of, title), values in CLOSED.items() if of is kind}
    assert {title: values for title, (values, strict) in found.items() if strict} == closed
    assert {title for title, (_, strict) in found.items() if not strict} == {t for of, t in OPEN if of is kind}
    columns = {c.title.vi: c for c in FORMS[kind].columns}
    for title, values in closed.items():
        meant = [columns[title].understand(value) for value in values]
        assert len(set(meant)) == len(values)
        for value in (values[0].upper(), f" {values[-1]} "):
            assert columns[title].understand(value) in meant


def test_every_duty_and_every_reason_that_an_officer_may_give_is_offered() -> None:
    columns = {c.title.vi: c for c in FORMS[Kind.TEAMS].columns}
    assert {columns["Vai trò"].understand(v) for v in CLOSED[Kind.TEAMS, "Vai trò"]} == set(Duty)
    reasons = {columns["Lý do rời tổ"].understand(v) for v in CLOSED[Kind.TEAMS, "Lý do rời tổ"]}
    assert reasons == {LeaveReason.MOVED, LeaveReason.NEW_DUTY, LeaveReason.RESIGNED, LeaveReason.OTHER}


async def test_every_unit_of_the_drop_down_is_read_as_one_unit_without_a_question(planned: Stack) -> None:
    province = client(planned, "51", role=Role.PROVINCE_OFFICER)
    book = await downloaded(province, Kind.TEAMS)
    units, _ = offered(book)["Đơn vị"]
    assert len(units) == 13 + 173
    [base, *_] = three("Tổ")
    table = [
        {**base, "Tên tổ": f"Tổ {n} {new_id()}", "Đơn vị": unit, "Họ và tên": "", "Số điện thoại": "", "Vai trò": "",
         "Cơ quan, tổ chức": "", "Cấp tổ": "Cấp xã" if unit.startswith(("Xã", "Phường", "Thị trấn")) else "Cấp huyện"}
        for n, unit in enumerate(units)
    ]  # fmt: skip
    checked = await upload(province, filled_in(book, table))
    assert checked["summary"] == {**NOTHING, "new": 186}, await lines(province, checked["import_id"], outcome="refused")
    own = offered(await downloaded(client(planned), Kind.TEAMS))
    assert len(own["Đơn vị"][0]) == 1 + 13, "a district sees its own"
    assert own["Huyện, thị xã, thành phố"][0] == ["Huyện Mộ Đức"]


async def test_every_organisation_of_the_drop_down_is_read(planned: Stack) -> None:
    officer = client(planned)
    book = await downloaded(officer, Kind.TEAMS)
    organisations, _ = offered(book)["Cơ quan, tổ chức"]
    assert "Tỉnh đoàn Quảng Ngãi" in organisations
    [_, _, base] = three(f"Tổ {new_id()}")
    table = [{**base, "Họ và tên": f"Người {n}", "Cơ quan, tổ chức": o} for n, o in enumerate(organisations)]
    checked = await upload(officer, filled_in(book, table))
    refused = await lines(officer, checked["import_id"], outcome="refused")
    assert checked["summary"] == {**NOTHING, "new": len(organisations)}, refused


# -- filled in and uploaded -------------------------------------------------------------------------------------------


async def formed(running: Stack, name: str) -> list[TeamFormed]:
    return [e for e in await running.log("registry", TeamFormed) if isinstance(e, TeamFormed) and e.name == name]


async def goes_round(running: Stack, officer: httpx.AsyncClient, data: bytes, name: str) -> None:
    """A dry run writes nothing, the commit all of it, the same file then changes nothing; zeros and days are kept."""
    checked = await upload(officer, data)
    assert checked["summary"] == {**NOTHING, "new": 3}, await lines(officer, checked["import_id"])
    assert await formed(running, name) == []
    done = await commit(officer, checked["import_id"])
    assert (done["new"], done["refused"]) == (3, 0)
    [team] = await formed(running, name)
    assert (team.unit_id, team.decision_number, team.decision_date.isoformat(), team.formed_on.isoformat()) == (
        TOWN, "007/QĐ-UBND", "2023-07-01", "2023-07-03",
    )  # fmt: skip
    again = await upload(officer, data)
    assert again["summary"] == {**NOTHING, "unchanged": 3}, await lines(officer, again["import_id"])
    assert (await commit(officer, again["import_id"]))["events"] == 0
    out = (await officer.get("/registry/exports/teams-and-members.xlsx", params={"past": True})).content
    said = [row for row in child.read(out)[0].rows if row[0] == name]
    assert {(row[8], row[9]) for row in said} == {
        ("Nguyễn Thị Ánh", "0901234567"), ("Trần Văn Bảy", "0055 123 456"), ("Lê Thị Hoà", None),
    }  # fmt: skip
    assert (await upload(officer, out))["summary"]["new"] == 0


async def test_the_form_is_filled_in_checked_written_and_changes_nothing_the_second_time(planned: Stack) -> None:
    officer, name = client(planned), f"Tổ {new_id()}"
    await goes_round(planned, officer, filled_in(await downloaded(officer, Kind.TEAMS), three(name)), name)


@pytest.mark.parametrize("ending", ["xlsx", "ods", "xls"])
async def test_a_form_that_a_spreadsheet_program_saved_in_each_format_goes_round(planned: Stack, ending: str) -> None:
    """Files of LibreOffice, saved from the form with the three lines in it: see `sheets/README.md`."""
    await goes_round(planned, client(planned), (FILES / f"to.{ending}").read_bytes(), f"Tổ .{ending} 01")
