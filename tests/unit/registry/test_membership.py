"""Who can join, leave, lead, change teams and come back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime

import pytest

from services.registry import membership
from services.registry.membership import RoleSince
from shared.clock import VIETNAM
from shared.contracts.registry import LeaveReason, MemberJoined, MemberLeft, MemberRoleChanged, Role
from shared.errors import Problem
from tests.unit.registry.people import FORMED, NOW, TODAY, a_place, a_team, july, refusal

TEAM = a_team()
ENDED = a_team(ended=july(20))


def refused(call: Callable[[], object]) -> tuple[int, str, list[str]]:
    with pytest.raises(Problem) as problem:
        call()
    assert problem.value.detail.vi
    assert problem.value.detail.en
    return refusal(problem.value)


# -- joining ----------------------------------------------------------------------------------------------------------


def test_joining_takes_the_place_of_the_team() -> None:
    assert membership.join(TEAM, [], a_place(), NOW) == MemberJoined(
        occurred_at=datetime(2023, 7, 3, tzinfo=VIETNAM), member_id="an", team_id="t1", role=Role.MEMBER,
        unit_id="21400", district_id="533", commune_id="21400", joined_on=FORMED,
    )  # fmt: skip


def test_joining_before_a_move_of_the_team_is_told_where_the_team_was_then() -> None:
    first = TEAM.places[0]
    elsewhere = first._replace(valid_from=july(10), unit_id="21403", commune_id="21403")
    moved = TEAM._replace(places=(first._replace(valid_to=july(10)), elsewhere))
    assert membership.join(moved, [], a_place(joined=july(9)), NOW).unit_id == "21400"
    assert membership.join(moved, [], a_place(joined=july(10)), NOW).unit_id == "21403"
    assert membership.leave(moved, a_place(), july(9), LeaveReason.OTHER, NOW)[1].commune_id == "21400"
    assert membership.leave(moved, a_place(), july(10), LeaveReason.OTHER, NOW)[1].commune_id == "21403"


def test_joining_is_possible_from_the_founding_day_to_today_while_there_is_the_team() -> None:
    membership.join(TEAM, [], a_place(joined=TODAY), NOW)
    assert refused(lambda: membership.join(TEAM, [], a_place(joined=july(2)), NOW)) == (
        422,
        "before_team",
        ["joined_on"],
    )
    assert refused(lambda: membership.join(TEAM, [], a_place(joined=july(29)), NOW)) == (
        422, "in_the_future", ["joined_on"],
    )  # fmt: skip
    for day in (july(19), july(21)):
        late = a_place(joined=day)
        assert refused(lambda late=late: membership.join(ENDED, [], late, NOW)) == (  # type: ignore[misc]
            409, "team_disbanded", ["joined_on"],
        )  # fmt: skip


def test_many_members_and_deputies_but_one_leader() -> None:
    there = [a_place("an", Role.LEADER), a_place("binh", Role.DEPUTY), a_place("chi")]
    membership.join(TEAM, there, a_place("dung", Role.DEPUTY), NOW)
    membership.join(TEAM, there, a_place("dung"), NOW)
    second = a_place("dung", Role.LEADER)
    assert refused(lambda: membership.join(TEAM, there, second, NOW)) == (409, "leader_exists", ["role"])


@pytest.mark.parametrize(
    ("led", "first"),
    [
        (a_place("an", Role.LEADER, left=july(10)), july(11)),
        (a_place("an", Role.LEADER, roles=((11, Role.DEPUTY),)), july(11)),
        (a_place("an", Role.DEPUTY, roles=((5, Role.LEADER), (11, Role.MEMBER))), july(11)),
    ],
)
def test_the_next_leader_begins_the_day_after_the_last_one_ended(led: membership.Membership, first: date) -> None:
    membership.join(TEAM, [led], a_place("binh", Role.LEADER, first), NOW)
    early = a_place("binh", Role.LEADER, july(10))
    assert refused(lambda: membership.join(TEAM, [led], early, NOW)) == (409, "leader_exists", ["role"])


def test_a_leader_entered_late_may_not_reach_into_the_time_of_the_one_who_is() -> None:
    for there in (a_place("an", Role.LEADER, july(20)), a_place("an", roles=((20, Role.LEADER),))):
        late = a_place("binh", Role.LEADER, july(5))
        assert refused(lambda late=late, there=there: membership.join(TEAM, [there], late, NOW)) == (  # type: ignore[misc]
            409, "leader_exists", ["role"],
        )  # fmt: skip


def test_a_person_is_on_a_team_once_at_a_time_and_comes_back_after_leaving() -> None:
    left = a_place(left=july(10))
    membership.join(TEAM, [left], a_place(joined=july(11)), NOW)
    for there, day in ((left, july(10)), (a_place(), july(15)), (a_place(joined=july(20)), july(5))):
        again = a_place(joined=day)
        assert refused(lambda again=again, there=there: membership.join(TEAM, [there], again, NOW)) == (  # type: ignore[misc]
            409, "on_team_already", ["member_id"],
        )  # fmt: skip


# -- leaving ----------------------------------------------------------------------------------------------------------


def test_leaving_says_the_last_day_and_why() -> None:
    left, event = membership.leave(TEAM, a_place(), TODAY, LeaveReason.NEW_DUTY, NOW)
    assert (left.left_on, left.leave_reason) == (TODAY, LeaveReason.NEW_DUTY)
    assert event == MemberLeft(
        occurred_at=datetime(2023, 7, 28, tzinfo=VIETNAM), member_id="an", team_id="t1", district_id="533",
        commune_id="21400", left_on=TODAY, reason=LeaveReason.NEW_DUTY,
    )  # fmt: skip


def test_leaving_on_the_first_day_is_possible_before_it_and_after_today_not() -> None:
    def leave(day: date, **changed: object) -> object:
        return membership.leave(TEAM, a_place(**changed), day, LeaveReason.MOVED, NOW)  # type: ignore[arg-type]

    leave(FORMED)
    assert refused(lambda: leave(july(2))) == (422, "end_before_start", ["left_on"])
    assert refused(lambda: leave(july(29))) == (422, "in_the_future", ["left_on"])
    assert refused(lambda: leave(TODAY, left=FORMED)) == (409, "left_already", ["member_id"])
    leave(july(10), roles=((10, Role.DEPUTY),))
    assert refused(lambda: leave(july(9), roles=((10, Role.DEPUTY),))) == (422, "before_role_change", ["left_on"])


# -- roles ------------------------------------------------------------------------------------------------------------


def test_a_role_is_held_from_a_day_on() -> None:
    place, event = membership.change_role(TEAM, [], a_place(), RoleSince(july(10), Role.LEADER), NOW)
    assert [place.role_on(d) for d in (july(2), FORMED, july(9), july(10), TODAY)] == [
        None, Role.MEMBER, Role.MEMBER, Role.LEADER, Role.LEADER,
    ]  # fmt: skip
    assert event == MemberRoleChanged(
        occurred_at=datetime(2023, 7, 10, tzinfo=VIETNAM), member_id="an", team_id="t1", district_id="533",
        commune_id="21400", role=Role.LEADER, effective_on=july(10),
    )  # fmt: skip
    assert a_place(left=july(12)).role_on(july(13)) is None


def test_a_role_from_the_day_of_the_last_one_stands_in_its_place() -> None:
    place = a_place(roles=((10, Role.LEADER),))
    corrected, _ = membership.change_role(TEAM, [place], place, RoleSince(july(10), Role.DEPUTY), NOW)
    assert corrected.roles == (RoleSince(FORMED, Role.MEMBER), RoleSince(july(10), Role.DEPUTY))


def test_a_role_is_refused_that_contradicts_what_is_on_record() -> None:
    there = [a_place("binh", Role.LEADER), place := a_place(roles=((10, Role.DEPUTY),))]

    def change(day: date, role: Role, **changed: object) -> object:
        one = a_place(**changed) if changed else place  # type: ignore[arg-type]
        return membership.change_role(TEAM, there, one, RoleSince(day, role), NOW)

    assert refused(lambda: change(TODAY, Role.LEADER)) == (409, "leader_exists", ["role"])
    assert refused(lambda: change(TODAY, Role.DEPUTY)) == (409, "same_role", ["role"])
    assert refused(lambda: change(july(9), Role.MEMBER)) == (422, "before_role_change", ["effective_on"])
    assert refused(lambda: change(july(2), Role.MEMBER)) == (422, "before_joining", ["effective_on"])
    assert refused(lambda: change(july(29), Role.MEMBER)) == (422, "in_the_future", ["effective_on"])
    assert refused(lambda: change(TODAY, Role.DEPUTY, left=TODAY)) == (409, "left_already", ["member_id"])


# -- changing teams ---------------------------------------------------------------------------------------------------


OTHER = a_team("t2", formed=july(5))


def test_moving_ends_one_place_the_day_before_the_other_begins_under_the_same_id() -> None:
    moved = membership.move((TEAM, a_place()), (OTHER, []), RoleSince(july(10), Role.DEPUTY), NOW)
    assert (moved.left.team_id, moved.left.left_on, moved.left.leave_reason) == ("t1", july(9), LeaveReason.MOVED)
    assert (moved.joined.team_id, moved.joined.joined_on, moved.joined.role) == ("t2", july(10), Role.DEPUTY)
    assert [(type(e), e.member_id, e.team_id) for e in moved.events] == [
        (MemberLeft, "an", "t1"), (MemberJoined, "an", "t2"),
    ]  # fmt: skip


def test_a_move_is_refused_like_leaving_and_joining_and_names_its_own_day() -> None:
    def move(
        day: date, role: Role = Role.MEMBER, to: object = OTHER, there: object = (), place: object = None
    ) -> object:
        return membership.move((TEAM, place or a_place()), (to, there), RoleSince(day, role), NOW)  # type: ignore[arg-type]

    assert refused(lambda: move(FORMED)) == (422, "end_before_start", ["moved_on"])
    assert refused(lambda: move(july(4))) == (422, "before_team", ["moved_on"])
    assert refused(lambda: move(july(29))) == (422, "in_the_future", ["moved_on"])
    assert refused(lambda: move(july(10), to=TEAM)) == (422, "same_team", ["to_team_id"])
    assert refused(lambda: move(july(10), to=a_team("t2", ended=july(12)))) == (409, "team_disbanded", ["moved_on"])
    assert refused(lambda: move(july(10), place=a_place(left=july(8)))) == (409, "left_already", ["member_id"])
    led = [a_place("binh", Role.LEADER, july(5), team_id="t2")]
    assert refused(lambda: move(july(10), Role.LEADER, there=led)) == (409, "leader_exists", ["role"])
    there = [a_place(joined=july(12), team_id="t2")]
    assert refused(lambda: move(july(10), there=there)) == (409, "on_team_already", ["member_id"])


def test_the_place_that_is_meant_is_the_open_one_the_named_one_or_the_last() -> None:
    first, second = a_place(left=july(8)), a_place(joined=july(9), team_id="t2")
    meant = membership.meant_place
    assert meant([first, second], "an", None, field="team_id") == second
    assert meant([first, second], "an", "t1", field="team_id") == first
    assert meant([first], "an", None, field="team_id") == first
    both = [a_place(), second]
    assert refused(lambda: meant(both, "an", None, field="team_id")) == (422, "team_needed", ["team_id"])
    assert refused(lambda: meant(both, "an", "t3", field="team_id")) == (422, "not_on_team", ["team_id"])
    assert refused(lambda: meant([], "an", None, field="team_id")) == (404, "no_such_member", ["member_id"])
    assert membership.open_place([first, a_place(joined=july(9))], "t1").joined_on == july(9)
    assert refused(lambda: membership.open_place([first], "t1")) == (409, "left_already", ["member_id"])
