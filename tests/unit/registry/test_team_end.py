"""How a team ends: disbanded or merged; and that no order of commands makes a team that cannot be."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.registry import membership, team_end
from services.registry.membership import Membership, RoleSince
from services.registry.team import TeamHistory
from services.registry.team_end import Ended, Group, Merging
from shared.clock import VIETNAM
from shared.contracts.reform import EndReason
from shared.contracts.registry import LeaveReason, MemberJoined, MemberLeft, MemberRoleChanged, Role, TeamDisbanded
from shared.errors import Problem
from tests.unit.registry.people import FORMED, NOW, TODAY, a_place, a_team, july, refusal


def refused(call: Callable[[], object]) -> tuple[int, str, list[str]]:
    with pytest.raises(Problem) as problem:
        call()
    return refusal(problem.value)


# -- disbanding -------------------------------------------------------------------------------------------------------


def test_disbanding_ends_the_open_places_first() -> None:
    group = Group(a_team(), [a_place("an", Role.LEADER), a_place("binh", left=july(9)), a_place("chi")])
    ended = team_end.disband(group, july(20), EndReason.TASK_DONE, NOW)
    assert [(p.member_id, p.left_on, p.leave_reason) for p in ended.left] == [
        ("an", july(20), LeaveReason.OTHER), ("chi", july(20), LeaveReason.OTHER),
    ]  # fmt: skip
    assert [type(e) for e in ended.events] == [MemberLeft, MemberLeft, TeamDisbanded]
    assert ended.events[-1] == TeamDisbanded(
        occurred_at=datetime(2023, 7, 20, tzinfo=VIETNAM), team_id="t1", district_id="533", commune_id="21400",
        last_day=july(20), reason=EndReason.TASK_DONE,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("group", "day", "status", "slug"),
    [
        (Group(a_team(), []), july(29), 422, "in_the_future"),
        (Group(a_team(), []), july(2), 422, "before_team"),
        (Group(a_team(ended=july(9)), []), july(20), 409, "team_disbanded"),
        (Group(a_team(), [a_place(joined=july(21))]), july(20), 409, "newer_on_record"),
        (Group(a_team(), [a_place(left=july(21))]), july(20), 409, "newer_on_record"),
        (Group(a_team(), [a_place(roles=((21, Role.DEPUTY),))]), july(20), 422, "before_role_change"),
    ],
)
def test_a_team_does_not_end_before_what_is_on_record(group: Group, day: date, status: int, slug: str) -> None:
    assert refused(lambda: team_end.disband(group, day, EndReason.OTHER, NOW)) == (status, slug, ["last_day"])


def test_a_reform_may_have_moved_the_team_after_its_last_day() -> None:
    history = a_team()
    first = history.places[0]
    moved = history._replace(
        places=(first._replace(valid_to=july(20)), first._replace(valid_from=july(20), unit_id="x", reason="reform"))
    )
    ended = team_end.disband(Group(moved, []), july(10), EndReason.OTHER, NOW)
    assert [type(e) for e in ended.events] == [TeamDisbanded]
    transferred = moved._replace(places=(moved.places[0], moved.places[1]._replace(reason="transfer")))
    assert refused(lambda: team_end.disband(Group(transferred, []), july(10), EndReason.OTHER, NOW))[1] == (
        "newer_on_record"
    )


# -- merging ----------------------------------------------------------------------------------------------------------


def merge(here: list[Membership], there: list[Membership], **changed: Any) -> Ended:
    merging = Merging(**{"effective_on": july(15), "leader_id": None, "other_role": Role.DEPUTY, **changed})
    return team_end.merge(Group(a_team(), here), Group(a_team("t2"), there), merging, NOW)


def other(member_id: str, role: Role = Role.MEMBER, **changed: Any) -> Membership:
    return a_place(member_id, role, team_id="t2", **changed)


def joined(ended: Ended) -> list[tuple[str, Role]]:
    assert {p.joined_on for p in ended.joined} <= {july(15)}
    return [(p.member_id, p.role) for p in ended.joined]


def test_members_follow_with_their_roles() -> None:
    here = [a_place("an", Role.LEADER), a_place("binh", Role.DEPUTY), a_place("chi", left=july(9))]
    ended = merge(here, [other("dung")])
    assert joined(ended) == [("an", Role.LEADER), ("binh", Role.DEPUTY)]
    assert {(p.member_id, p.left_on, p.leave_reason) for p in ended.left} == {
        ("an", july(14), LeaveReason.MOVED), ("binh", july(14), LeaveReason.MOVED),
    }  # fmt: skip
    assert [type(e) for e in ended.events] == [MemberLeft, MemberJoined, MemberLeft, MemberJoined, TeamDisbanded]
    last = ended.events[-1]
    assert isinstance(last, TeamDisbanded)
    assert (last.last_day, last.reason, last.into_team_id) == (july(14), EndReason.MERGED, "t2")


def test_of_two_leaders_somebody_chooses_one() -> None:
    here, there = [a_place("an", Role.LEADER)], [other("binh", Role.LEADER)]
    assert refused(lambda: merge(here, there)) == (422, "leader_needed", ["leader_id"])
    assert refused(lambda: merge(here, there, leader_id="chi")) == (422, "leader_needed", ["leader_id"])
    stays = merge(here, there, leader_id="binh")
    assert (joined(stays), stays.roles) == ([("an", Role.DEPUTY)], ())
    comes = merge(here, there, leader_id="an", other_role=Role.MEMBER)
    assert joined(comes) == [("an", Role.LEADER)]
    assert [(p.member_id, role) for p, role in comes.roles] == [("binh", RoleSince(july(15), Role.MEMBER))]
    assert [type(e) for e in comes.events] == [MemberRoleChanged, MemberLeft, MemberJoined, TeamDisbanded]


def test_a_leader_is_named_only_of_those_there_are() -> None:
    assert refused(lambda: merge([a_place("an")], [], leader_id="an")) == (422, "leader_needed", ["leader_id"])
    assert joined(merge([a_place("an", Role.LEADER)], [], leader_id="an")) == [("an", Role.LEADER)]
    assert joined(merge([a_place("an")], [])) == [("an", Role.MEMBER)]


def test_somebody_on_both_teams_leaves_one() -> None:
    ended = merge([a_place("an", Role.DEPUTY)], [other("an")])
    assert (joined(ended), [p.team_id for p in ended.left], ended.roles) == ([], ["t1"], ())
    leading = merge([a_place("an", Role.LEADER)], [other("an"), other("binh", Role.LEADER)], leader_id="an")
    assert [(p.member_id, role.role) for p, role in leading.roles] == [("binh", Role.DEPUTY), ("an", Role.LEADER)]
    assert joined(leading) == []


def test_a_merger_is_refused_where_it_cannot_be() -> None:
    assert refused(lambda: merge([], [], effective_on=july(29))) == (422, "in_the_future", ["effective_on"])
    assert refused(lambda: merge([], [], effective_on=FORMED)) == (422, "end_before_start", ["effective_on"])
    late = [a_place(joined=july(15))]
    assert refused(lambda: merge(late, [])) == (409, "newer_on_record", ["effective_on"])
    one, ended = Group(a_team(), []), Group(a_team("t2", ended=july(20)), [])
    young, merging = Group(a_team("t2", formed=july(16)), []), Merging(july(15), None, Role.DEPUTY)
    for into, wanted in (
        (one, (422, "same_team", ["into_team_id"])),
        (ended, (409, "team_disbanded", ["effective_on"])),
        (young, (422, "before_team", ["effective_on"])),
    ):
        assert refused(lambda into=into: team_end.merge(one, into, merging, NOW)) == wanted  # type: ignore[misc]
    assert refused(lambda: team_end.merge(ended, one, merging, NOW)) == (409, "team_disbanded", ["effective_on"])


# -- any order --------------------------------------------------------------------------------------------------------


class World:
    """Two teams to which commands are done, the refused ones without effect."""

    def __init__(self) -> None:
        self.teams = {t: a_team(t) for t in ("t1", "t2")}
        self.places: list[Membership] = []
        self.done = 0

    def do(self, command: str, who: str, team_id: str, role: Role, day: date) -> None:
        try:
            getattr(self, command)(who, team_id, role, day)
        except Problem:
            return
        self.done += 1

    def on(self, team_id: str) -> list[Membership]:
        return [p for p in self.places if p.team_id == team_id]

    def _open(self, who: str, team_id: str) -> Membership:
        mine = [p for p in self.places if p.member_id == who]
        meant = membership.meant_place(mine, who, team_id, field="team_id")
        return membership.open_place(mine, meant.team_id)

    def _replace(self, *changed: Membership) -> None:
        keys = {p[:3] for p in changed}
        self.places = [p for p in self.places if p[:3] not in keys] + list(changed)

    def join(self, who: str, team_id: str, role: Role, day: date) -> None:
        new = membership.new(who, team_id, role, None, day)
        membership.join(self.teams[team_id], self.on(team_id), new, NOW)
        self.places.append(new)

    def leave(self, who: str, team_id: str, _: Role, day: date) -> None:
        place = self._open(who, team_id)
        self._replace(membership.leave(self.teams[team_id], place, day, LeaveReason.OTHER, NOW)[0])

    def change_role(self, who: str, team_id: str, role: Role, day: date) -> None:
        place = self._open(who, team_id)
        since = RoleSince(day, role)
        self._replace(membership.change_role(self.teams[team_id], self.on(team_id), place, since, NOW)[0])

    def move(self, who: str, team_id: str, role: Role, day: date) -> None:
        place, to = self._open(who, team_id), {"t1": "t2", "t2": "t1"}[team_id]
        new = (self.teams[to], self.on(to))
        moved = membership.move((self.teams[team_id], place), new, RoleSince(day, role), NOW)
        self._replace(moved.left)
        self.places.append(moved.joined)

    def disband(self, _: str, team_id: str, __: Role, day: date) -> None:
        self._end(team_id, team_end.disband(self._group(team_id), day, EndReason.OTHER, NOW))

    def merge(self, who: str, team_id: str, role: Role, day: date) -> None:
        into = self._group({"t1": "t2", "t2": "t1"}[team_id])
        merging = Merging(day, who, Role.DEPUTY if role is Role.LEADER else role)
        for wish in (merging, merging._replace(leader_id=None)):
            try:
                ended = team_end.merge(self._group(team_id), into, wish, NOW)
            except Problem:
                continue
            return self._end(team_id, ended)
        raise Problem(409, "refused", membership.no_such_member(who).detail)

    def _group(self, team_id: str) -> Group:
        return Group(self.teams[team_id], self.on(team_id))

    def _end(self, team_id: str, ended: Ended) -> None:
        self._replace(*ended.left, *(p for p, _ in ended.roles))
        self.places += ended.joined
        [last_day] = [e.last_day for e in ended.events if isinstance(e, TeamDisbanded)]
        history = self.teams[team_id]
        self.teams[team_id] = history._replace(team=history.team._replace(disbanded_on=last_day))


DAYS = st.integers(2, 11).map(july)
COMMAND = st.tuples(
    st.sampled_from(["join", "join", "join", "leave", "change_role", "change_role", "move", "disband", "merge"]),
    st.sampled_from(["an", "binh", "chi", "dung"]),
    st.sampled_from(["t1", "t2"]),
    st.sampled_from([Role.LEADER, Role.LEADER, Role.DEPUTY, Role.MEMBER]),
    DAYS,
)


@settings(max_examples=300, deadline=None)
@given(st.lists(COMMAND, max_size=25))
def test_whatever_is_done_in_whatever_order_no_day_has_two_leaders(commands: list[tuple[Any, ...]]) -> None:
    world = World()
    for command in commands:
        world.do(*command)
        for team_id, history in world.teams.items():
            holds(history, world.on(team_id))


def holds(history: TeamHistory, places: list[Membership]) -> None:
    """What is true of every team on every day."""
    for n in range(40):
        day = july(1) + timedelta(days=n)
        there = [p for p in places if p.holds_on(day)]
        assert len({p.member_id for p in there}) == len(there)
        assert sum(p.role_on(day) is Role.LEADER for p in there) <= 1
        assert not there or history.team.there_on(day)
    for place in places:
        days = [r.valid_from for r in place.roles]
        assert days[0] == place.joined_on
        assert days == sorted(set(days))
        assert place.left_on is None or days[-1] <= place.left_on <= TODAY
        assert sum(p.left_on is None for p in places if p.member_id == place.member_id) <= 1


def test_the_commands_of_that_test_do_happen() -> None:
    world = World()
    for command, team_id, role in (
        ("join", "t1", Role.MEMBER), ("change_role", "t1", Role.LEADER), ("move", "t1", Role.LEADER),
        ("merge", "t2", Role.DEPUTY), ("leave", "t1", Role.MEMBER), ("disband", "t1", Role.MEMBER),
    ):  # fmt: skip
        world.do(command, "an", team_id, role, july(4 + world.done))
    assert world.done == 6
