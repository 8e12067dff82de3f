"""What registry's pages work out before they show it: trees, timelines, lineage, forms, questions of an import."""

from datetime import UTC, date, datetime

import pytest

from services.registry.import_show import CandidateView, RemarkView, RowView
from services.registry.imports.line import Outcome
from services.registry.join_team import JoinTeam
from services.registry.leave_team import LeaveTeam
from services.registry.membership import Membership, RoleSince
from services.registry.store.pages import Line, Strength
from services.registry.store.reforms import Reform
from services.registry.team import NameSince, Team, TeamHistory, TeamPlace
from services.registry.unit import Unit
from services.registry.unit_levels import STATE
from services.registry.web import imports, lineage, timeline, tree
from services.registry.web.team_list import Asked
from shared.contracts.reform import (
    Change,
    EndReason,
    How,
    LegalBasis,
    Level,
    Part,
    Transition,
    UnitChange,
    UnitState,
)
from shared.contracts.registry import LeaveReason, Role
from shared.errors import FieldError, Problem, Text
from shared.problem_body import Messages
from shared.web import forms

D0, D1, D2, D3 = date(2023, 7, 5), date(2023, 9, 1), date(2024, 1, 1), date(2025, 7, 1)


def unit(unit_id: str, name: str, level: Level = Level.COMMUNE, parent: str | None = "d", **more: str) -> Unit:
    kind = more.get("kind") or {"province": "province", "district": "district", "village": "hamlet"}.get(
        level, "commune"
    )
    return Unit(unit_id, unit_id, name, kind, level, parent, more.get("district_id"), None, "2023", D0)


PROVINCE = unit("p", "Tỉnh Quảng Ngãi", Level.PROVINCE, None)
DISTRICT = unit("d", "Huyện Trà Bồng", Level.DISTRICT, "p")
ISLAND = unit("l", "Huyện Lý Sơn", Level.DISTRICT, "p")
COMMUNE = unit("c", "Xã Trà Bùi", district_id="d")
TOWN = unit("t", "Thị trấn Trà Xuân", kind="township", district_id="d")
VILLAGES = [unit(f"v{n}", f"Thôn {n}", Level.VILLAGE, "c") for n in (10, 2, 1)]


# -- the map ----------------------------------------------------------------------------------------------------------


def test_a_tree_has_any_depth_and_adds_up_from_below() -> None:
    strengths = {"v2": Strength(1, 3), "c": Strength(1, 5), "l": Strength(2, 9)}
    root = tree.grow([PROVINCE, DISTRICT, ISLAND, COMMUNE, TOWN, *VILLAGES], strengths)
    assert root
    assert root.strength == Strength(4, 17)
    island, district = root.children
    assert (island.unit.name, island.children, island.strength) == ("Huyện Lý Sơn", (), Strength(2, 9))
    assert [n.unit.name for n in district.children] == ["Xã Trà Bùi", "Thị trấn Trà Xuân"]
    assert [n.unit.name for n in district.children[0].children] == ["Thôn 1", "Thôn 2", "Thôn 10"]
    assert district.kinds == [("commune", 1), ("township", 1)]
    assert (root.is_deep, island.is_deep) == (True, False)
    assert tree.grow([], strengths) is None


def test_levels_are_counted_as_they_are_on_the_day() -> None:
    assert [(c.level, c.count) for c in tree.counts([PROVINCE, DISTRICT, ISLAND, COMMUNE], STATE)] == [
        (Level.DISTRICT, 2),
        (Level.COMMUNE, 1),
    ]
    assert [c.level for c in tree.counts([PROVINCE, COMMUNE], STATE)] == [Level.COMMUNE]


def test_a_day_belongs_to_the_last_map_that_is_not_after_it() -> None:
    days = [D0, D2, D3]
    assert [tree.nearest(days, d) for d in (date(2020, 1, 1), D0, D1, D2, D3, date(2030, 1, 1))] == [0, 0, 0, 1, 2, 2]


def test_units_to_choose_from_stand_under_their_district_where_there_is_one() -> None:
    alone = unit("n", "Phường Cẩm Thành", kind="ward", parent="p")
    found = tree.grouped([PROVINCE, DISTRICT, ISLAND, COMMUNE, TOWN, alone, *VILLAGES])
    assert [(top.unit_id, [u.unit_id for u in below]) for top, below in found] == [
        ("l", []),
        ("d", ["c", "t"]),
        ("n", []),
    ]
    mine = tree.grouped([COMMUNE])  # an officer of the commune alone
    assert [(top.unit_id, below) for top, below in mine] == [("c", [])]


def test_a_team_may_be_of_the_levels_that_the_units_take() -> None:
    for units, levels in (
        ([COMMUNE], ["commune", "village"]), ([DISTRICT], ["district", "commune", "village"]), ([], []),
        ([DISTRICT, COMMUNE], ["district", "commune", "village"]), ([PROVINCE, COMMUNE], ["commune", "village"]),
    ):  # fmt: skip
        assert tree.team_levels(tree.grouped(units)) == levels, units


# -- lineage ----------------------------------------------------------------------------------------------------------


def test_a_lineage_names_the_others_and_leaves_out_a_unit_that_just_goes_on() -> None:
    new, other = unit("c-2507", "Xã Cà Đam"), unit("o-2507", "Xã Tây Trà Bồng")
    lines = [
        Line("c", "c", "whole", "renamed", D2),
        Line("c", "c-2507", "part", "split", D3),
        Line("c", "o-2507", "part", "split", D3),
    ]
    later = {("c", D2): COMMUNE, ("c-2507", D3): new, ("o-2507", D3): other}
    [step] = lineage.steps(lines, "c", later, forward=True)
    assert (step.day, [(o.unit.name, o.whole) for o in step.others]) == (
        D3,
        [("Xã Cà Đam", False), ("Xã Tây Trà Bồng", False)],
    )
    assert lineage.steps(lines, "c", {("c", D2): COMMUNE}, forward=False) == []


def test_a_reform_counts_what_became_of_units_and_names_those_that_only_ended() -> None:
    gone = UnitState(unit_id="d", code="d", name=DISTRICT.name, kind="district", level=Level.DISTRICT)
    basis = LegalBasis(number="1/NQ", title="Sắp xếp", issued_on=D2, issuer="Quốc hội")
    ended = UnitChange(change=Change.ABOLISHED, unit=gone, since=D0)
    reform = Reform("r", D3, None, None, basis, (ended,), (), datetime(2025, 7, 1, tzinfo=UTC))
    lines = [
        Transition(predecessor_id="c", successor_id="n", part=Part.PART, how=How.SPLIT),
        Transition(predecessor_id="t", successor_id="n", part=Part.WHOLE, how=How.MERGED),
        Transition(predecessor_id="p", successor_id="p", part=Part.WHOLE, how=How.MERGED),
    ]
    new = unit("n", "Xã Mới", parent="p")
    found = lineage.changed(reform, lines, {"c": COMMUNE, "t": TOWN, "p": PROVINCE}, {"n": new, "p": PROVINCE})
    assert (found.predecessors, found.successors, [u.name for u in found.ended]) == (2, 1, ["Huyện Trà Bồng"])
    told = {m.unit.name: [(o.unit.name, o.whole) for o in m.origins] for m in found.made}
    assert told["Xã Mới"] == [("Xã Trà Bùi", False), ("Thị trấn Trà Xuân", True)]


# -- a team's history -------------------------------------------------------------------------------------------------


def place(since: date, unit_id: str, reason: str = "founding") -> TeamPlace:
    return TeamPlace("t", since, None, unit_id, Level.COMMUNE, None, None, "d", unit_id, reason)


def member(member_id: str, role: Role, joined: date = D0, left: date | None = None) -> Membership:
    reason = LeaveReason.RESIGNED if left else None
    return Membership(member_id, "t", joined, left, reason, None, (RoleSince(joined, role),))


TEAM = Team(
    "t", "Tổ mới", Level.COMMUNE, "c2", None, "d", "c2", "1/QĐ", D0, D0, None, date(2025, 12, 31), EndReason.OTHER
)
HISTORY = TeamHistory(
    TEAM, (place(D0, "c"), place(D3, "c2", "reform")), (NameSince(D0, "Tổ cũ"), NameSince(D1, "Tổ mới"))
)


def test_a_timeline_tells_names_places_people_and_roles_the_newest_day_first() -> None:
    promoted = member("b", Role.MEMBER).with_role(RoleSince(D2, Role.DEPUTY))
    days = timeline.entries(HISTORY, [member("a", Role.LEADER), promoted, member("c", Role.MEMBER, D0, D1)])
    told = [(day, [(e.what, e.text, e.member_ids) for e in some]) for day, some in days]
    assert told == [
        (date(2025, 12, 31), [("disbanded", "other", ())]),
        (D3, [("moved", "reform", ())]),
        (D2, [("role", "deputy", ("b",))]),
        (D1, [("left", "resigned", ("c",)), ("renamed", "Tổ mới", ())]),
        (D0, [("joined", "leader", ("a",)), ("joined", "member", ("b", "c")), ("formed", "Tổ cũ", ())]),
    ]
    moved = days[1][1][0]
    assert moved.before is not None
    assert moved.place is not None
    assert (moved.before.unit_id, moved.place.unit_id) == ("c", "c2")


def test_on_a_day_the_leader_stands_first_and_who_left_does_not_stand() -> None:
    people = [member("x", Role.MEMBER), member("y", Role.LEADER, D1), member("z", Role.DEPUTY, D0, D1)]
    assert [(s.member_id, s.role) for s in timeline.standing_on(D0, people)] == [
        ("z", Role.DEPUTY),
        ("x", Role.MEMBER),
    ]
    assert [s.member_id for s in timeline.standing_on(D2, people)] == ["y", "x"]


# -- the list of teams ------------------------------------------------------------------------------------------------


def test_a_filter_keeps_what_was_asked_in_every_address_and_goes_back_to_the_first_page() -> None:
    asked = Asked(on="28/07/2023", q="Thôn 1", after="t9", page=3)
    assert asked.address() == "/so/to?on=28%2F07%2F2023&q=Th%C3%B4n+1"
    assert asked.address(after="t8", page=4) == "/so/to?on=28%2F07%2F2023&q=Th%C3%B4n+1&after=t8&page=4"
    assert asked.address(on="", q="") == "/so/to"


# -- forms ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "day"),
    [
        ("28/07/2023", date(2023, 7, 28)),
        ("1/7/2023", date(2023, 7, 1)),
        (" 01-07-23 ", date(2023, 7, 1)),
        ("1.7.2023", date(2023, 7, 1)),
        ("2023-07-01", date(2023, 7, 1)),
        ("30/02/2023", None),
        ("07/28/2023", None),
        ("hôm qua", None),
        ("", None),
    ],
)
def test_a_day_may_be_typed_freely(typed: str, day: date | None) -> None:
    assert forms.typed_day(typed) == day


def test_fields_make_the_body_of_the_api() -> None:
    made = forms.body(LeaveTeam, {"left_on": "1/9/2023", "reason": "resigned", "key": "k", "team_id": ""})
    assert made == LeaveTeam(left_on=D1, reason=LeaveReason.RESIGNED)


def test_the_slider_begins_where_there_is_a_team_within_the_first_map() -> None:
    days = [D0, D2, D3]
    assert tree.stops(days, D1) == [D1, D2, D3]
    assert [tree.stops(days, d) for d in (None, date(2020, 1, 1), D0, D2, date(2030, 1, 1))] == [days] * 5
    assert tree.stops([], D1) == []
    assert tree.stops([D0], D1) == [D1]


def test_what_is_wrong_is_said_beside_its_field_and_on_top_and_nothing_typed_is_lost() -> None:
    typed = {"member_id": "m", "full_name": "Nguyễn Văn A", "phone": "12", "role": "", "joined_on": "32/7/2023"}
    with pytest.raises(Problem) as refused:
        forms.body(JoinTeam, typed)
    form = forms.Form(typed, refused.value)
    assert form.wrong("joined_on", "vi") == "phải là ngày có thật, ví dụ 28/07/2023"
    assert form.wrong("phone", "en") == "must be a phone number, for example 090 123 4567"
    assert form.wrong("full_name", "vi") is None
    assert [field for field, _ in form.summary("vi")] == ["phone", "joined_on"]
    assert form.value("full_name") == "Nguyễn Văn A"


def test_a_refusal_of_something_that_is_no_field_stands_on_top_only() -> None:
    problem = Problem(409, "x", Text("v", "e"), fields=(FieldError("team_id", Text("tổ", "team")),))
    assert forms.Form({"name": ""}, problem).summary("en") == [(None, "team")]
    assert forms.Form({}, Problem(403, "x", Text("v", "e"))).summary("vi") == [(None, "v")]
    assert forms.Form({}).summary("vi") == []


def test_a_field_that_was_left_empty_is_asked_for_in_plain_words() -> None:
    with pytest.raises(Problem) as refused:
        forms.body(LeaveTeam, {"left_on": "", "reason": ""})
    assert [(f.field, f.message.vi) for f in refused.value.fields] == [
        ("left_on", "cần điền mục này"),
        ("reason", "cần điền mục này"),
    ]


# -- imports ----------------------------------------------------------------------------------------------------------


def line(row: int, field: str, text: str, *ids: str) -> RowView:
    said = Messages(vi="v", en="e")
    choices = [CandidateView(id=i, name=i) for i in ids]
    remark = RemarkView(field=field, column="A", refuses=True, message=said, choices=choices)
    return RowView(row=row, outcome=Outcome.REFUSED, cells={field: text}, remarks=[remark])


def test_an_ambiguous_text_is_asked_for_once_and_a_persons_name_line_by_line() -> None:
    lines = [
        line(2, "unit", "An Phú", "a", "b"),
        line(3, "unit", "An Phú", "a", "b"),
        line(4, "unit", "Bình An"),
        line(5, "name", "Nguyễn Văn A", "m1", "m2"),
        line(6, "name", "Nguyễn Văn A", "m1", "m2"),
    ]
    asked = imports.questions_of(lines)
    assert [(q.field, q.column, q.lines) for q in asked] == [
        ("choice.0", "unit", (2, 3)),
        ("choice.1", "name", (5,)),
        ("choice.2", "name", (6,)),
    ]
