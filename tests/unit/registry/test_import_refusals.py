"""Each refusal of a line by itself: on a line that is good but for one thing, beside the cell, in its own words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import pytest

from services.registry.imports.columns import LONGEST, Reader
from services.registry.imports.ids import People, id_of
from services.registry.imports.kinds import ORGANISATIONS, TEAMS, VILLAGES
from services.registry.imports.line import Choice, Line, Verdict
from services.registry.imports.names import spelling
from services.registry.imports.organisations import Lines
from services.registry.imports.persons import Identified, Known, Persons
from services.registry.imports.places import Places
from services.registry.imports.scope import Scope
from services.registry.imports.villages import Villages
from services.registry.organisation import BEGINNING, OPEN, State, grow
from services.registry.person import Held, Person
from services.registry.team import TeamPlace
from services.registry.unit import Unit
from shared.contracts.reform import Level
from tests.support.import_world import MAP, NOW, World, a_line, a_scope, outcomes, said
from tests.support.world import MO_DUC, TOWN

BINH, HOA = "Nguyễn Văn Bình", "Trần Thị Hoà"
UNION = "Tỉnh đoàn Quảng Ngãi"


def only(verdicts: Sequence[Verdict], column: str, words: str) -> None:
    """The last line is refused, beside this cell only, and says this."""
    found = said(verdicts[-1])
    assert (outcomes(verdicts)[-1], list(found)) == ("refused", [column]), found
    assert words in found[column]


# -- teams and members ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cells", "column", "words"),
    [
        ({"team_name": "T" * (LONGEST + 1)}, "team_name", "dài quá 200 ký tự"),
        ({"team_id": "mã số 1"}, "team_id", "«mã số 1» không phải mã của hệ thống"),
        ({"member_id": "a/b"}, "member_id", "«a/b» không phải mã của hệ thống"),
        ({"team_id": "none"}, "team_id", "không có tổ mang mã «none»"),
        ({"phone": "090"}, "phone", "«090» không phải số điện thoại"),
        ({"role": "Kế toán"}, "role", "«Kế toán» phải là một trong: «Tổ trưởng»"),
        ({"decision_number": None}, "decision_number", "thiếu «Số quyết định»"),
        ({"member_id": "nobody"}, "member_id", "không có thành viên mang mã «nobody»"),
        ({"organisation": "Sở Không Có"}, "organisation", "không có cơ quan, tổ chức «Sở Không Có»"),
    ],
)
def test_a_new_member_with_one_wrong_cell(cells: dict[str, Any], column: str, words: str) -> None:
    assert outcomes(World().upload(a_line(BINH))) == ["new"]
    only(World().upload(a_line(BINH, **cells)), column, words)


def test_a_name_as_long_as_may_be_is_taken() -> None:
    assert outcomes(World().upload(a_line(BINH, team_name="T" * LONGEST))) == ["new"]


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("phone", "0901234567"), ("role", "Thành viên"), ("joined_on", "5/7/2023"), ("left_on", "5/7/2023"),
        ("organisation", UNION), ("member_id", "m"),
    ],
)  # fmt: skip
def test_a_line_that_says_something_of_nobody(column: str, value: str) -> None:
    assert outcomes(World().upload(a_line())) == ["new"]
    only(World().upload(a_line(**{column: value})), "full_name", "thiếu «Họ và tên»")


@pytest.fixture
def world() -> World:
    """A team with somebody who left on 20/7 and somebody who is there."""
    found = World()
    found.upload(a_line(BINH, left_on="20/7/2023"), a_line(HOA))
    assert len(found.members) == 2
    return found


@pytest.mark.parametrize(
    ("cells", "column", "words"),
    [
        ({"team_name": "Tổ khác"}, "team_name", "muốn đổi tên, hãy dùng chức năng «Đổi tên tổ»"),
        ({"unit": "Xã Đức Nhuận"}, "unit", "tổ mang mã này ở đơn vị khác"),
        ({"level": "Cấp thôn"}, "level", "trong sổ là «commune»"),
        ({"village": "Thôn 9"}, "village", "trong sổ là «–»"),
        ({"decision_number": "13/QĐ-UBND"}, "decision_number", "trong sổ là «12/QĐ-UBND»"),
        ({"decision_date": "2/7/2023"}, "decision_date", "trong sổ là «01/07/2023»"),
        ({"formed_on": "2/7/2023", "joined_on": "3/7/2023"}, "formed_on", "trong sổ là «03/07/2023»"),
        ({"organisation": UNION}, "organisation", "trong sổ là «–»; hãy sửa ở trang của tổ"),
        ({"role": "Tổ phó"}, "role_since", "hãy ghi «Giữ vai trò từ ngày»"),
        ({"joined_on": "4/7/2023"}, "joined_on", "trong sổ là 03/07/2023"),
        ({"full_name": BINH, "left_on": "21/7/2023"}, "left_on", "trong sổ là «20/07/2023»; hãy sửa ở trang của tổ"),
    ],
)
def test_a_line_that_says_otherwise_than_the_record(
    world: World, cells: dict[str, Any], column: str, words: str
) -> None:
    [team_id] = world.teams
    known = {"team_id": team_id, "full_name": HOA}
    assert outcomes(world.upload(a_line(**known))) == ["unchanged"]
    only(world.upload(a_line(**{**known, **cells})), column, words)


def test_who_has_left_and_stands_in_the_file_as_if_there_is_remarked_only(world: World) -> None:
    [found] = world.upload(a_line(BINH))
    assert (found.outcome.value, [(r.column, r.refuses) for r in found.remarks]) == ("unchanged", [("left_on", False)])
    assert "trong sổ đã rời tổ ngày 20/07/2023" in found.remarks[0].text.vi


@pytest.mark.parametrize("column", ["decision_number", "decision_date"])
def test_lines_of_a_new_team_that_disagree(column: str) -> None:
    other = {"decision_number": "13/QĐ-UBND", "decision_date": "2/7/2023"}[column]
    only(World().upload(a_line(BINH), a_line(HOA, **{column: other})), column, "khác dòng 2, cùng một tổ")


def test_a_team_of_somebody_else_by_its_id(world: World) -> None:
    [team_id] = world.teams
    found = world.upload(a_line(HOA, team_id=team_id), scope=a_scope("524"))
    only(found, "unit", "không thuộc địa bàn bạn phụ trách")


def test_an_id_that_another_team_bears_makes_nobody_a_member_of_that_team(world: World) -> None:
    """Ids are made from what is public, and who forms a team over the API chooses its id."""
    [(team_id, history)] = world.teams.items()
    formed = a_line(BINH)
    assert team_id == id_of("team", TOWN, "commune", "", spelling(formed["team_name"]), "2023-07-03")
    away = TeamPlace(team_id, date(2023, 7, 3), None, "21040", Level.COMMUNE, None, None, "524", "21040", "founding")
    for scope, words in ((a_scope(MO_DUC), "không thuộc địa bàn"), (a_scope(), "tổ mang mã này ở đơn vị khác")):
        world.teams[team_id] = history._replace(places=(away,))
        only(world.upload(a_line("Phạm Thị Dung"), scope=scope), "unit", words)
        assert world.events == []


def test_a_team_whose_name_was_corrected_is_not_founded_again(world: World) -> None:
    [(team_id, history)] = world.teams.items()
    named = history.names[0]._replace(name="Tổ Đúng Tên")
    world.teams[team_id] = history._replace(names=(named,), team=history.team._replace(name=named.name))
    only(world.upload(a_line(HOA)), "team_name", "tổ mang mã này tên là «Tổ Đúng Tên»")


def test_somebody_whose_consent_is_withdrawn_is_not_written_again() -> None:
    held = {"m": Held(Person("m", HOA, "0901234567"), NOW)}
    reader = Reader(TEAMS.columns)
    same, other = (reader.read(Line(2, a_line(HOA, phone=phone))) for phone in ("0901234567", "0907654321"))
    persons = Persons(Known(held, frozenset(), {"t": ["m"]}), People(b"k" * 32), [("t", same)])
    assert persons.identify("t", same) == Identified("m")
    refused = persons.identify("t", other)
    assert not isinstance(refused, Identified)
    assert [(r.column, "đã rút đồng ý" in r.text.vi) for r in refused] == [("full_name", True)]


# -- villages ---------------------------------------------------------------------------------------------------------

VILLAGE = {"village": "Thôn 1", "unit": "Thị trấn Mộ Đức", "valid_from": "1/7/2023"}
THON_1 = Unit(
    "v1", "", "Thôn 1", "hamlet", Level.VILLAGE, TOWN, MO_DUC, TOWN, "", date(2023, 7, 1),
)  # fmt: skip


def villages(*cells: Mapping[str, Any], units: Sequence[Unit] = (), scope: Scope | None = None) -> list[Verdict]:
    reader, scope = Reader(VILLAGES.columns), scope or a_scope()
    reads = [reader.read(Line(n, c)) for n, c in enumerate(cells, 2)]
    return Villages(Places([*MAP, *units], scope.own_units), scope).check(reads)


@pytest.mark.parametrize(
    ("cells", "column", "words"),
    [
        ({"valid_from": "32/7/2023"}, "valid_from", "không có ngày này trong lịch"),
        ({"unit": "Xã Không Có"}, "unit", "không có đơn vị «Xã Không Có»"),
        ({"unit": "Huyện Mộ Đức"}, "unit", "«Huyện Mộ Đức» có các xã, phường"),
        ({"unit": "Thị trấn Châu Ổ"}, "unit", "«Thị trấn Châu Ổ» không thuộc địa bàn"),
        ({"village": "Bốn"}, "village_kind", "thiếu «Loại»"),
        ({"village_id": "nowhere"}, "village_id", "không có thôn mang mã «nowhere»"),
        ({"village_id": TOWN}, "village_id", f"không có thôn mang mã «{TOWN}»"),
        ({"village_id": "v1", "village": "Thôn 2"}, "village", "trong sổ là «Thôn 1»; hãy dùng chức năng đính chính"),
        ({"village_id": "v1", "village_kind": "Bản"}, "village_kind", "trong sổ là «hamlet»"),
        ({"village": "Thôn 1", "village_kind": "Bản"}, "village_kind", "trong sổ là «hamlet»"),
        ({"village_id": "v2"}, "unit", "không thuộc địa bàn"),
    ],
)
def test_a_village_with_one_wrong_cell(cells: dict[str, Any], column: str, words: str) -> None:
    elsewhere = THON_1._replace(unit_id="v2", parent_id="21040", district_id="524", commune_id="21040")
    asked = {"units": [THON_1, elsewhere], "scope": a_scope(MO_DUC)}
    assert outcomes(villages(VILLAGE, {**VILLAGE, "village_id": "v1"}, **asked)) == ["unchanged"] * 2  # type: ignore[arg-type]
    only(villages({**VILLAGE, **cells}, **asked), column, words)  # type: ignore[arg-type]


def test_a_village_twice_in_a_file() -> None:
    only(villages(VILLAGE, {**VILLAGE, "village": "thôn  1"}), "village", "trùng với dòng 2")


def test_a_village_whose_name_was_corrected_is_not_established_again() -> None:
    made = id_of("village", TOWN, spelling("Thôn 1"), "2023-07-01")
    corrected = THON_1._replace(unit_id=made, name="Thôn Một")
    only(villages(VILLAGE, units=[corrected]), "village", "trong sổ là «Thôn Một»")


def test_a_commune_that_may_be_two_is_asked_about_and_a_choice_settles_it() -> None:
    by_name: dict[str, list[Unit]] = {}
    for unit in MAP:
        by_name.setdefault(unit.name, []).append(unit)
    name, twins = next((n, us) for n, us in by_name.items() if len(us) > 1 and us[0].level is Level.COMMUNE)
    asked = {**VILLAGE, "unit": name}
    only(villages(asked), "unit", f"«{name}» có thể là")
    chosen = a_scope(choices=[Choice("unit", twins[1].unit_id, text=name)])
    assert outcomes(villages(asked, scope=chosen)) == ["new"]


# -- organisations ----------------------------------------------------------------------------------------------------

TREE = grow([
    State("nhom", BEGINNING, OPEN, "Đoàn thể", "group", None),
    State("so-a", BEGINNING, OPEN, "Sở A", "department", "nhom"),
    State("so-b", BEGINNING, OPEN, "Sở B", "department", "nhom"),
    State("phong-a", BEGINNING, OPEN, "Văn phòng", "department", "so-a"),
    State("phong-b", BEGINNING, OPEN, "Văn phòng", "department", "so-b"),
    State("cu", BEGINNING, date(2023, 7, 1), "Sở Cũ", "department", "nhom"),
])  # fmt: skip
NEW = {"name": "Sở C", "sector": "Sở, ban, ngành", "parent": "Đoàn thể"}


def organisations(*cells: Mapping[str, Any], scope: Scope | None = None) -> list[Verdict]:
    reader = Reader(ORGANISATIONS.columns)
    lines = Lines(TREE, {}, scope or a_scope())
    return lines.check([reader.read(Line(n, c)) for n, c in enumerate(cells, 2)])


@pytest.mark.parametrize(
    ("cells", "column", "words"),
    [
        ({"sector": "Bộ"}, "sector", "«Bộ» phải là một trong"),
        ({"headcount": "hai"}, "headcount", "không phải số nguyên"),
        ({"organisation_id": "mã 1"}, "organisation_id", "không phải mã của hệ thống"),
        ({"parent": "Sở Nào Đó Xa"}, "parent", "không có cơ quan, tổ chức «Sở Nào Đó Xa»"),
        ({"parent": "Văn phòng"}, "parent", "«Văn phòng» có thể là «Văn phòng (Sở A)», «Văn phòng (Sở B)»"),
        ({"name": "Văn phòng", "parent": None}, "name", "hãy chọn một tổ chức"),
        ({"organisation_id": "cu", "name": "Sở Cũ"}, "organisation_id", "đã kết thúc hoạt động"),
        ({"name": "Sở A", "headcount": 5}, "headcount_since", "hãy ghi «Số người tính từ ngày»"),
        ({"name": "Sở A", "parent": "Sở B"}, "effective_on", "hãy ghi «Thay đổi từ ngày»"),
        ({"name": "Sở A", "parent": "phong-a", "effective_on": "1/7/2023"}, "parent", "nên không thể là cấp trên"),
    ],
)
def test_an_organisation_with_one_wrong_cell(cells: dict[str, Any], column: str, words: str) -> None:
    assert outcomes(organisations(NEW)) == ["new"]
    only(organisations({k: v for k, v in {**NEW, **cells}.items() if v is not None}), column, words)


def test_an_organisation_twice_in_a_file() -> None:
    verdicts = organisations(NEW, {**NEW, "name": "sở  c"})
    only(verdicts, "name", "trùng với dòng 2")
    assert outcomes(verdicts) == ["new", "refused"]


def test_a_choice_settles_which_organisation_of_a_name_is_meant() -> None:
    below = {**NEW, "parent": "Văn phòng"}
    assert outcomes(organisations(below, scope=a_scope(choices=[Choice("parent", "phong-b", row=2)]))) == ["new"]
    same = {"name": "Văn phòng", "sector": "department"}
    assert outcomes(organisations(same, scope=a_scope(choices=[Choice("name", "phong-b", row=2)]))) == ["unchanged"]
