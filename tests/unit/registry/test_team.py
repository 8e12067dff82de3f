"""Where and when a team can be formed, who can join and leave it."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.registry import team
from services.registry.team import Founding, Member, Team
from services.registry.unit import Unit
from shared.clock import VIETNAM
from shared.contracts.reform import Level
from shared.contracts.registry import LeaveReason, MemberJoined, MemberLeft, Role, TeamFormed
from shared.errors import Problem

NOW = datetime(2023, 7, 28, 1, 0, tzinfo=UTC)
TODAY = date(2023, 7, 28)
FORMED = date(2023, 7, 3)
PROVINCE = Unit("51", "51", "Tỉnh Quảng Ngãi", "province", Level.PROVINCE, None, None, None, "2023", date(2020, 2, 1))
MO_DUC = Unit("533", "533", "Huyện Mộ Đức", "district", Level.DISTRICT, "51", "533", None, "2023", date(2020, 2, 1))
LY_SON = MO_DUC._replace(unit_id="536", code="536", name="Huyện Lý Sơn", district_id="536")
TOWN = Unit(
    "21400", "21400", "Thị trấn Mộ Đức", "township", Level.COMMUNE, "533", "533", "21400", "2023", date(2020, 2, 1)
)
TEAM = Team("t1", "Tổ", Level.COMMUNE, "21400", None, "533", "21400", "12/QĐ-UBND", date(2023, 7, 1), FORMED)


def founding(
    level: Level = Level.COMMUNE, village: str | None = None, decision: date = date(2023, 7, 1), formed: date = FORMED
) -> Founding:
    return Founding("t1", "Tổ", level, village, "12/QĐ-UBND", decision, formed)


def member(member_id: str = "an", role: Role = Role.MEMBER, joined: date = FORMED, left: date | None = None) -> Member:
    return Member(member_id, "t1", role, None, joined, left)


def refusal(problem: Problem) -> tuple[int, str, list[str]]:
    return problem.status, problem.slug, [f.field for f in problem.fields]


# -- forming ----------------------------------------------------------------------------------------------------------


def test_forming_a_team_says_where_it_is_and_what_the_paper_says() -> None:
    formed, event = team.form(TOWN, founding(), NOW, has_communes=False)
    assert formed == TEAM
    assert event == TeamFormed(
        occurred_at=datetime(2023, 7, 3, tzinfo=VIETNAM), team_id="t1", name="Tổ", level=Level.COMMUNE, unit_id="21400",
        district_id="533", commune_id="21400", decision_number="12/QĐ-UBND", decision_date=date(2023, 7, 1),
        formed_on=FORMED,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("unit", "has_communes", "level", "village"),
    [
        (MO_DUC, True, Level.DISTRICT, None),
        (TOWN, False, Level.COMMUNE, None),
        (TOWN, False, Level.VILLAGE, "Thôn 1"),
        (LY_SON, False, Level.DISTRICT, None),
        (LY_SON, False, Level.COMMUNE, None),
        (LY_SON, False, Level.VILLAGE, "Thôn Đông An Hải"),
    ],
)
def test_teams_are_formed_at_district_commune_and_village(
    unit: Unit, has_communes: bool, level: Level, village: str | None
) -> None:
    formed, _ = team.form(unit, founding(level, village), NOW, has_communes=has_communes)
    assert (formed.unit_id, formed.level, formed.village) == (unit.unit_id, level, village)
    assert unit.district_id in formed.path


@pytest.mark.parametrize("level", Level)
def test_nobody_forms_a_team_at_the_province(level: Level) -> None:
    with pytest.raises(Problem) as refused:
        team.form(PROVINCE, founding(level), NOW, has_communes=False)
    assert refusal(refused.value) == (422, "level_does_not_fit_unit", ["level"])


def test_a_district_team_is_not_formed_at_a_commune() -> None:
    with pytest.raises(Problem) as refused:
        team.form(TOWN, founding(Level.DISTRICT), NOW, has_communes=False)
    assert refusal(refused.value) == (422, "level_does_not_fit_unit", ["level"])


@pytest.mark.parametrize(("level", "village"), [(Level.COMMUNE, None), (Level.VILLAGE, "Thôn 1")])
def test_where_there_are_communes_their_teams_are_formed_there(level: Level, village: str | None) -> None:
    with pytest.raises(Problem) as refused:
        team.form(MO_DUC, founding(level, village), NOW, has_communes=True)
    assert refusal(refused.value) == (422, "commune_needed", ["unit_id"])


@pytest.mark.parametrize(("level", "village"), [(Level.VILLAGE, None), (Level.COMMUNE, "Thôn 1")])
def test_a_village_is_named_for_village_teams_only(level: Level, village: str | None) -> None:
    with pytest.raises(Problem) as refused:
        team.form(TOWN, founding(level, village), NOW, has_communes=False)
    assert refusal(refused.value) == (422, "village_missing", ["village"])


@pytest.mark.parametrize(
    ("decision", "formed", "slug", "field"),
    [
        (date(2020, 1, 31), date(2020, 1, 31), "before_unit", "formed_on"),
        (date(2023, 7, 4), FORMED, "decision_after_founding", "decision_date"),
        (date(2023, 7, 1), date(2023, 7, 29), "in_the_future", "formed_on"),
    ],
)
def test_the_days_of_a_founding_must_fit(decision: date, formed: date, slug: str, field: str) -> None:
    with pytest.raises(Problem) as refused:
        team.form(TOWN, founding(decision=decision, formed=formed), NOW, has_communes=False)
    assert refusal(refused.value) == (422, slug, [field])


def test_the_unit_s_first_day_and_today_are_early_and_late_enough() -> None:
    team.form(TOWN, founding(decision=date(2020, 2, 1), formed=date(2020, 2, 1)), NOW, has_communes=False)
    team.form(TOWN, founding(decision=TODAY, formed=TODAY), NOW, has_communes=False)


def test_today_begins_at_midnight_in_vietnam() -> None:
    tomorrow = founding(decision=TODAY, formed=date(2023, 7, 29))
    team.form(TOWN, tomorrow, datetime(2023, 7, 28, 17, 0, 0, tzinfo=UTC), has_communes=False)
    with pytest.raises(Problem):
        team.form(TOWN, tomorrow, datetime(2023, 7, 28, 16, 59, 59, tzinfo=UTC), has_communes=False)


# -- joining ----------------------------------------------------------------------------------------------------------


def test_joining_takes_the_place_of_the_team() -> None:
    assert team.join(TEAM, [], member(), NOW) == MemberJoined(
        occurred_at=datetime(2023, 7, 3, tzinfo=VIETNAM), member_id="an", team_id="t1", role=Role.MEMBER,
        unit_id="21400", district_id="533", commune_id="21400", joined_on=FORMED,
    )  # fmt: skip


def test_joining_is_possible_from_the_founding_day_to_today() -> None:
    team.join(TEAM, [], member(joined=TODAY), NOW)
    with pytest.raises(Problem) as too_early:
        team.join(TEAM, [], member(joined=date(2023, 7, 2)), NOW)
    with pytest.raises(Problem) as too_late:
        team.join(TEAM, [], member(joined=date(2023, 7, 29)), NOW)
    assert refusal(too_early.value) == (422, "before_team", ["joined_on"])
    assert refusal(too_late.value) == (422, "in_the_future", ["joined_on"])


def test_many_members_and_deputies_but_one_leader() -> None:
    there = [member("an", Role.LEADER), member("binh", Role.DEPUTY), member("chi")]
    team.join(TEAM, there, member("dung", Role.DEPUTY), NOW)
    team.join(TEAM, there, member("dung"), NOW)
    with pytest.raises(Problem) as refused:
        team.join(TEAM, there, member("dung", Role.LEADER), NOW)
    assert refusal(refused.value) == (409, "leader_exists", ["role"])


def test_the_next_leader_begins_the_day_after_the_last_one_ended() -> None:
    there = [member("an", Role.LEADER, left=date(2023, 7, 10))]
    team.join(TEAM, there, member("binh", Role.LEADER, joined=date(2023, 7, 11)), NOW)
    with pytest.raises(Problem):
        team.join(TEAM, there, member("binh", Role.LEADER, joined=date(2023, 7, 10)), NOW)


def test_a_leader_entered_late_may_not_reach_into_the_time_of_the_one_who_is() -> None:
    there = [member("an", Role.LEADER, joined=date(2023, 7, 20))]
    with pytest.raises(Problem) as refused:
        team.join(TEAM, there, member("binh", Role.LEADER, joined=date(2023, 7, 5)), NOW)
    assert refusal(refused.value) == (409, "leader_exists", ["role"])


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 25), st.integers(0, 25)), max_size=12))
def test_however_people_come_and_go_no_day_has_two_leaders(steps: list[tuple[bool, int, int]]) -> None:
    members: list[Member] = []
    for number, (leads, first, length) in enumerate(steps):
        joined = date(2023, 7, 3 + first)
        new = member(f"m{number}", Role.LEADER if leads else Role.MEMBER, joined)
        try:
            team.join(TEAM, members, new, NOW)
        except Problem:
            continue
        if length:
            left = min(date(2023, 7, min(3 + first + length, 28)), TODAY)
            team.leave(TEAM, new, left, LeaveReason.OTHER, NOW)
            new = new._replace(left_on=left)
        members.append(new)
    for day in range(3, 29):
        on = date(2023, 7, day)
        leaders = [m for m in members if m.role is Role.LEADER and m.joined_on <= on <= (m.left_on or TODAY)]
        assert len(leaders) <= 1


# -- leaving ----------------------------------------------------------------------------------------------------------


def test_leaving_says_the_last_day_and_why() -> None:
    assert team.leave(TEAM, member(), TODAY, LeaveReason.NEW_DUTY, NOW) == MemberLeft(
        occurred_at=datetime(2023, 7, 28, tzinfo=VIETNAM), member_id="an", team_id="t1", district_id="533",
        commune_id="21400", left_on=TODAY, reason=LeaveReason.NEW_DUTY,
    )  # fmt: skip


def test_leaving_on_the_first_day_is_possible_before_it_and_after_today_not() -> None:
    team.leave(TEAM, member(), FORMED, LeaveReason.MOVED, NOW)
    with pytest.raises(Problem) as too_early:
        team.leave(TEAM, member(), date(2023, 7, 2), LeaveReason.MOVED, NOW)
    with pytest.raises(Problem) as too_late:
        team.leave(TEAM, member(), date(2023, 7, 29), LeaveReason.MOVED, NOW)
    assert refusal(too_early.value) == (422, "end_before_start", ["left_on"])
    assert refusal(too_late.value) == (422, "in_the_future", ["left_on"])


def test_nobody_leaves_twice() -> None:
    with pytest.raises(Problem) as refused:
        team.leave(TEAM, member(left=FORMED), TODAY, LeaveReason.MOVED, NOW)
    assert refusal(refused.value) == (409, "left_already", ["member_id"])
