"""Results are summed up the tree of a day: each counts once, for one group or for none."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any, get_args

from hypothesis import given
from hypothesis import strategies as st

from services.reporting.organisations import Level, Line, Organisation, Results, Tree

DAY = date(2023, 7, 30)
BEFORE, AFTER = DAY - timedelta(days=9), DAY + timedelta(days=9)


def one(organisation_id: str, parent: str | None = None, passed: int = 0, **more: Any) -> Organisation:
    sector = "group" if organisation_id.startswith("g") else "department"
    known = {"first_day": None, "last_day": None, "successor_id": None, "headcount": None, **more}
    results = Results(2 * passed, passed, 3 * passed)
    return Organisation(organisation_id, organisation_id.upper(), sector, parent, results=results, **known)


def tree(*all_of_them: Organisation, unnamed: int = 0, day: date = DAY) -> Tree:
    passed = sum(o.results.passed for o in all_of_them) + unnamed
    return Tree(day, all_of_them, Results(2 * passed, passed, 3 * passed))


def passed(lines: Sequence[Line]) -> dict[str | None, int]:
    return {line.organisation_id: line.passed for line in lines}


def test_a_group_counts_all_that_stands_below_it_at_any_depth() -> None:
    found = tree(one("g1", passed=1), one("a", "g1", 10), one("b", "a", 100), one("g2"), one("c", "g2", 5))
    assert passed(found.lines("group")) == {"g1": 111, "g2": 5}
    assert found.whole("a") == Line("a", "A", "department", "g1", None, 2, None, 2, 220, 110, 330)
    assert passed(found.lines("organisation")) == {"b": 100, "a": 10, "c": 5}
    assert found.rest("group") == []
    assert passed(found.rest("organisation")) == {"g1": 1}, "a group's own learners are in no organisation"


def test_what_is_in_no_group_and_who_named_no_organisation_stand_beside_the_groups() -> None:
    found = tree(one("g1"), one("firm", None, 3), one("branch", "firm", 4), one("lost", "gone", 5), unnamed=6)
    assert passed(found.rest("group")) == {"firm": 7, "lost": 5, None: 6}
    assert found.rest("group")[-1] == Line(None, None, None, None, None, 0, None, 0, 12, 6, 18)
    assert passed(found.rest("organisation")) == {None: 6}


def test_only_what_stands_below_is_listed_within_it() -> None:
    found = tree(
        one("g1"), one("a", "g1", 1), one("b", "a", 2), one("g2"), one("c", "g2", 4), one("d", None, 8), unnamed=1
    )

    def ids(level: Level, within: str) -> list[str | None]:
        return [line.organisation_id for line in (*found.lines(level, within), *found.rest(level, within))]

    assert ids("organisation", "g1") == ["b", "a"]
    assert ids("organisation", "a") == ["b", "a"]
    assert (ids("group", "g1"), ids("group", "a"), ids("group", "d")) == (["g1"], [], ["d"])
    assert "g1" in found
    assert "none" not in found


def test_headcounts_are_added_and_who_declared_none_is_counted() -> None:
    found = tree(one("g1", headcount=5), one("a", "g1", headcount=40), one("b", "g1"), one("g2"), one("c", "g2"))
    groups = {g.organisation_id: (g.organisations, g.headcount, g.undeclared) for g in found.lines("group")}
    assert groups == {"g1": (2, 45, 1), "g2": (1, None, 1)}


def test_what_ended_counts_where_its_successor_stands_and_its_people_no_more() -> None:
    ended = one("a", "g1", 7, last_day=BEFORE, successor_id="b", headcount=50)
    others = (one("g1"), one("g2"), one("b", "g2", 1, headcount=80))
    found = tree(ended, *others)
    assert passed(found.lines("group")) == {"g1": 0, "g2": 8}
    assert found.lines("group", "g2")[0][5:8] == (1, 80, 0)
    assert passed(found.lines("organisation", "b")) == {"a": 7, "b": 1}
    assert passed(tree(ended, *others, day=BEFORE).lines("group")) == {"g1": 7, "g2": 1}, "on its last day it stands"
    alone = tree(ended._replace(successor_id=None), *others)
    assert passed(alone.lines("group")) == {"g1": 7, "g2": 1}, "nobody follows: where it stood last"


def test_what_is_still_to_come_counts_and_has_no_people_yet() -> None:
    found = tree(one("g1"), one("a", "g1", 2, first_day=AFTER, headcount=9))
    assert found.lines("group")[0][5:10] == (0, None, 0, 4, 2)


@st.composite
def forests(draw: st.DrawFn) -> Tree:
    ids = [f"g{n}" for n in range(3)] + [f"o{n}" for n in range(12)]
    made = []
    for at, organisation_id in enumerate(ids):
        group = at < 3
        above = None if group else draw(st.none() | st.sampled_from(ids[:at]))
        ends = None if group else draw(st.none() | st.just(BEFORE))
        heir = draw(st.none() | st.sampled_from(ids[:at])) if ends else None
        count = draw(st.integers(0, 9))
        made.append(one(organisation_id, above, count, last_day=ends, successor_id=heir, headcount=count or None))
    return tree(*made, unnamed=draw(st.integers(0, 5)))


@given(forests())
def test_lines_and_rest_are_everything_and_nothing_twice(found: Tree) -> None:
    def sums(level: Level, *names: str) -> list[int]:
        lines = [*found.lines(level), *found.rest(level)]
        return [sum(getattr(line, name) or 0 for line in lines) for name in names]

    people = ("organisations", "headcount", "undeclared")
    assert sums("group", *people) == sums("organisation", *people)
    for level in get_args(Level):
        assert sums(level, *Results._fields) == list(found.everyone)
