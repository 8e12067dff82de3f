"""What lines of a sheet mean: heads, merged cells, names of units on a day, people, and what each line would do."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.registry.imports import sheet
from services.registry.imports.columns import Reader
from services.registry.imports.ids import People, id_of
from services.registry.imports.kinds import FORMS, VILLAGES, Kind
from services.registry.imports.names import number, spelling
from shared.contracts.registry import MemberJoined, MemberLeft, MemberRoleChanged, Role, TeamFormed
from shared.errors import Problem
from shared.sheets.book import Sheet, Span, Value
from tests.support.import_world import World, a_line, a_scope, outcomes, said

# -- sheets -----------------------------------------------------------------------------------------------------------


def a_sheet(
    *rows: Sequence[Value], spans: Sequence[Span] = (), formulas: Mapping[tuple[int, int], bool] | None = None
) -> Sheet:
    return Sheet("Trang", [list(row) for row in rows], list(spans), dict(formulas or {}))


VILLAGE_HEAD: list[Value] = ["STT", "Tên thôn", "Xã, phường, thị trấn", "Từ ngày"]


def test_the_head_is_found_below_a_title_whatever_the_marks_and_the_case() -> None:
    decomposed: list[Value] = [unicodedata.normalize("NFD", str(title).upper()) for title in VILLAGE_HEAD]
    found = sheet.read(
        [
            a_sheet(
                ["ỦY BAN NHÂN DÂN"], [], decomposed, ["(1)", "(2)", "(3)", "(4)"], [1, "Thôn 1", "Mộ Đức", "1/7/2023"]
            )
        ],
        Kind.VILLAGES,
    )
    assert [(line.number, dict(line.cells)) for line in found.lines] == [
        (5, {"village": "Thôn 1", "unit": "Mộ Đức", "valid_from": "1/7/2023"})
    ]
    assert found.letters == {"village": "B", "unit": "C", "valid_from": "D"}


def test_empty_rows_are_passed_over_and_keep_the_numbers_of_the_others() -> None:
    found = sheet.read(
        [a_sheet(VILLAGE_HEAD, [None] * 4, [None, "Thôn 1", " ", ""], [7, None, None, None], [1, "Thôn 2", "x", "y"])],
        Kind.VILLAGES,
    )
    assert [line.number for line in found.lines] == [3, 5]


@pytest.mark.parametrize(
    ("head", "slug", "named"),
    [
        (["Tên thôn", "Xã, phường, thị trấn"], "missing_column", "«Từ ngày»"),
        (["Họ và tên", "Ghi chú"], "wrong_sheet", "«Từ ngày»"),
        ([*VILLAGE_HEAD, "Tên thôn"], "column_twice", "«Tên thôn»"),
        (VILLAGE_HEAD, "no_lines", "«Trang»"),
    ],
)
def test_a_sheet_that_does_not_fit_is_refused_with_the_columns_named(head: list[Value], slug: str, named: str) -> None:
    rows = [head] if slug == "no_lines" else [head, ["a"] * len(head)]
    with pytest.raises(Problem) as refused:
        sheet.read([a_sheet(*rows)], Kind.VILLAGES)
    assert refused.value.slug == slug
    assert named in refused.value.detail.vi


TEAM_HEAD: list[Value] = [
    "Tên tổ", "Cấp tổ", "Đơn vị", "Thôn", "Số quyết định", "Ngày quyết định", "Ngày thành lập", "Họ và tên",
]  # fmt: skip
"""Names all that a list of villages needs, too."""


@pytest.mark.parametrize("asked", Kind)
@pytest.mark.parametrize("sent", Kind)
@pytest.mark.parametrize("said", ["vi", "en"])
def test_a_form_uploaded_as_another_one_is_refused_and_told_which_it_is(asked: Kind, sent: Kind, said: str) -> None:
    head = [getattr(column.title, said) for column in FORMS[sent].columns]
    if asked is sent:
        assert sheet.read([a_sheet(head, ["a"] * len(head))], asked).lines
        return
    with pytest.raises(sheet.WrongForm) as refused:
        sheet.read([a_sheet(head, ["a"] * len(head))], asked)
    assert (refused.value.slug, refused.value.seems) == ("wrong_form", sent)
    assert f"«{FORMS[sent].title.vi}», không phải «{FORMS[asked].title.vi}»" in refused.value.detail.vi
    assert f"Upload it again as «{FORMS[sent].title.en}»" in refused.value.detail.en


def test_a_list_of_teams_that_lacks_a_column_is_still_no_list_of_villages() -> None:
    with pytest.raises(sheet.WrongForm) as refused:
        sheet.read([a_sheet([t for t in TEAM_HEAD if t != "Cấp tổ"], ["a"] * 7)], Kind.VILLAGES)
    assert refused.value.seems is Kind.TEAMS


def test_of_a_workbook_with_both_lists_the_one_that_was_asked_for_is_read() -> None:
    teams = Sheet("Tổ", [TEAM_HEAD, ["a"] * 8], [], {})
    villages = Sheet("Thôn", [VILLAGE_HEAD, [1, "Thôn 1", "Mộ Đức", "1/7/2023"]], [], {})
    for sheets in ([teams, villages], [villages, teams]):
        assert sheet.read(sheets, Kind.VILLAGES).sheet == "Thôn"
        assert sheet.read(sheets, Kind.TEAMS).sheet == "Tổ"


def test_what_only_resembles_another_form_is_not_called_one() -> None:
    with pytest.raises(Problem) as refused:
        sheet.read([a_sheet(["Họ và tên", "Cơ quan, tổ chức", "Ngày thành lập"], ["a"] * 3)], Kind.TEAMS)
    assert refused.value.slug == "wrong_sheet"
    assert sheet.read([a_sheet([*VILLAGE_HEAD, "Số quyết định", "Ngày QĐ"], ["a"] * 6)], Kind.VILLAGES).lines


def test_cells_merged_downwards_count_for_each_line_and_across_columns_they_are_refused() -> None:
    rows: list[list[Value]] = [
        VILLAGE_HEAD,
        [1, "Thôn 1", "Mộ Đức", "1/7/2023"],
        [2, "Thôn 2", None, "1/7/2023"],
        [3, "x", None, None],
    ]
    found = sheet.read([a_sheet(*rows, spans=[Span(1, 2, 2, 2), Span(3, 1, 3, 3)])], Kind.VILLAGES)
    assert [line.cells.get("unit") for line in found.lines] == ["Mộ Đức", "Mộ Đức", None]
    assert [[(r.column, r.refuses) for r in line.remarks] for line in found.lines] == [
        [("unit", False)], [("unit", False)], [("village", True), ("unit", True), ("valid_from", True)],
    ]  # fmt: skip


def test_a_formula_counts_by_its_saved_result_and_without_one_it_is_refused() -> None:
    rows: list[list[Value]] = [VILLAGE_HEAD, [1, "Thôn 1", "Mộ Đức", None]]
    [line] = sheet.read([a_sheet(*rows, formulas={(1, 1): True, (1, 3): False})], Kind.VILLAGES).lines
    read = Reader(VILLAGES.columns).read(line)
    assert {r.column: r.refuses for r in read.remarks} == {"village": False, "valid_from": True}
    assert read.refused


@pytest.mark.parametrize("form", FORMS.values(), ids=lambda f: f.kind.value)
def test_no_two_columns_of_a_form_answer_to_one_name(form: Any) -> None:
    names = [name for column in form.columns for name in column.names]
    assert len(names) == len(set(names))


# -- names ------------------------------------------------------------------------------------------------------------

WORDS = st.text(alphabet="aăâeêioôơuưyđbcdghklmnpqrstvx àáảãạầấ", min_size=1, max_size=20)


@given(WORDS)
def test_a_spelling_is_one_whether_composed_or_not(word: str) -> None:
    assert spelling(unicodedata.normalize("NFD", word)) == spelling(unicodedata.normalize("NFC", word.upper()))


def test_where_the_tone_stands_does_not_matter_but_letters_do() -> None:
    assert spelling("Hoà Thuỷ") == spelling("hòa  thủy")
    assert len({spelling(n) for n in ("An", "Ân", "Ăn", "Án", "Đan", "Dan")}) == 6


def test_phones_are_compared_by_their_digits() -> None:
    assert len({number(p) for p in ("090 123 4567", "0901.234.567", "+84 90 123 4567", "84901234567")}) == 1
    assert number(None) == ""


def test_ids_are_uuids_and_depend_on_the_secret() -> None:
    assert id_of("team", "a") == id_of("team", "a") != id_of("team", "b")
    assert id_of("team", "a")[14] == "8"
    one, other = (People(key * 32).id_of("Nguyễn Văn A", "0901234567", "t") for key in (b"a", b"b"))
    assert one != other
    assert one == People(b"a" * 32).id_of("nguyễn văn a", "+84901234567", "another team")


# -- teams and members ------------------------------------------------------------------------------------------------


def test_a_file_uploaded_again_changes_nothing() -> None:
    world = World()
    file = [
        a_line("Nguyễn Văn Bình", role="Tổ trưởng", phone="0901234567"),
        a_line("Trần Thị Hoà", role="tổ phó", joined_on="5/7/2023", role_since="10/7/2023"),
        a_line("Lê Văn Cường", left_on=date(2023, 7, 20), leave_reason="Xin thôi"),
        a_line(team_name="Tổ thôn 1", level="Cấp thôn", village="Thôn 1"),
    ]
    assert outcomes(world.upload(*file)) == ["new"] * 4
    assert [type(e) for e in world.events].count(TeamFormed) == 2
    assert {MemberJoined, MemberLeft, MemberRoleChanged} <= {type(e) for e in world.events}
    other_spelling = [{**line, "unit": "mo duc"} for line in file]
    other_spelling[1]["full_name"] = unicodedata.normalize("NFD", "Trần thị Hòa")
    for again in (file, other_spelling):
        assert outcomes(world.upload(*again)) == ["unchanged"] * 4
        assert world.events == []


def test_a_role_a_phone_and_a_last_day_are_changes() -> None:
    world = World()
    world.upload(a_line("Nguyễn Văn Bình", role="Tổ trưởng", phone="0901234567"), a_line("Lê Văn Cường"))
    changed = world.upload(
        a_line("Lê Văn Cường", role="Tổ trưởng", role_since="20/7/2023"),
        a_line("Nguyễn Văn Bình", role="Thành viên", role_since="20/7/2023", phone="0907654321"),
    )
    assert outcomes(changed) == ["changed", "changed"]
    assert [type(e) for e in world.events] == [MemberRoleChanged, MemberRoleChanged]
    assert "0907654321" in {p.phone for p in world.people.values()}
    assert {m.role for m in world.members.values()} == {Role.LEADER, Role.MEMBER}


def test_lines_are_refused_beside_the_cell() -> None:
    world = World()
    refused = world.upload(
        a_line("A", unit="Xã Không Có"),
        a_line("B", level="Cấp tỉnh"),
        a_line("C", formed_on="07/28/2023"),
        a_line("D", decision_date=None),
        a_line("E", decision_date="4/7/2023"),
        a_line("F", phone="gọi sau"),
        a_line("G", organisation="Tỉnh đoàn Quảng Nam"),
        a_line("H", joined_on="1/7/2023"),
        a_line("I", left_on="2/7/2023"),
        a_line("K", unit="Huyện Mộ Đức"),
        a_line(phone="0901234567"),
    )
    assert outcomes(refused) == ["refused"] * 11
    assert [next(iter(said(v))) for v in refused] == [
        "unit", "level", "formed_on", "decision_date", "decision_date", "phone", "organisation", "joined_on", "left_on",
        "unit", "full_name",
    ]  # fmt: skip
    assert "Tỉnh đoàn Quảng Ngãi" in said(refused[6])["organisation"]
    assert world.events == []


def test_two_leaders_and_the_same_line_twice_are_refused_the_rest_of_the_team_stands() -> None:
    world = World()
    found = world.upload(
        a_line("Nguyễn Văn Bình", role="Tổ trưởng"),
        a_line("Trần Thị Hoà", role="Tổ trưởng"),
        a_line("Nguyễn Văn Bình", role="Tổ trưởng"),
        a_line("Lê Văn Cường"),
    )
    assert outcomes(found) == ["new", "refused", "refused", "new"]
    assert "role" in said(found[1])
    assert "dòng 2" in said(found[2])["full_name"]


def test_a_team_is_founded_by_its_first_good_line_and_the_others_must_agree() -> None:
    world = World()
    found = world.upload(
        a_line("A", joined_on="1/7/2023"), a_line("Bê"), a_line("Cê", decision_number="13/QĐ-UBND"),
    )  # fmt: skip
    assert outcomes(found) == ["refused", "new", "refused"]
    assert "dòng 3" in said(found[2])["decision_number"]
    rewritten = world.upload(a_line("Bê", decision_number="14/QĐ-UBND"))
    assert "trong sổ là «12/QĐ-UBND»" in said(rewritten[0])["decision_number"]


def test_namesakes_are_told_apart_by_phone() -> None:
    world = World()
    file = [a_line("Nguyễn Văn An", phone=phone) for phone in ("0901000001", "0901000002")]
    assert outcomes(world.upload(*file, a_line("Nguyễn Văn Ân"))) == ["new"] * 3
    assert outcomes(world.upload(*reversed(file))) == ["unchanged"] * 2
    [nobody] = world.upload(a_line("Nguyễn Văn An"))
    assert "2 người cùng tên" in said(nobody)["full_name"]


def test_the_same_person_on_two_teams_has_one_id() -> None:
    world = World()
    world.upload(*(a_line("Nguyễn Văn An", phone="0901000001", team_name=f"Tổ {n}") for n in range(2)))
    assert len(world.people) == 1
    assert len(world.members) == 2


def test_an_erased_person_does_not_come_back_with_the_old_file() -> None:
    world = World()
    world.upload(a_line("Nguyễn Văn An", phone="0901000001"))
    [member_id] = world.people
    world.people.clear()
    world.erased.add(member_id)
    [found] = world.upload(a_line("Nguyễn Văn An", phone="0901000001"))
    assert "xóa vĩnh viễn" in said(found)["full_name"]


def test_somebody_comes_back_after_leaving() -> None:
    world = World()
    found = world.upload(a_line("Nguyễn Văn An", left_on="10/7/2023"), a_line("Nguyễn Văn An", joined_on="15/7/2023"))
    assert outcomes(found) == ["new", "new"]
    assert len(world.people) == 1
    [early] = world.upload(a_line("Nguyễn Văn An", joined_on="12/7/2023"))
    assert "joined_on" in said(early)


def test_only_lines_of_the_callers_units_are_taken() -> None:
    world = World()
    lines = [a_line("A"), a_line("B", unit="Xã Đức Nhuận"), a_line("C", unit="Thị trấn Châu Ổ")]
    found = world.upload(*lines, scope=a_scope("533"))
    assert outcomes(found) == ["new", "new", "refused"]
    assert "địa bàn" in said(found[2])["unit"]
    theirs = world.upload(a_line("Thêm"), scope=a_scope("524"))
    assert "địa bàn" in said(theirs[0])["unit"]
