"""Rules of organisations: the tree of a day, what may not be done with it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime

import pytest

from services.registry.organisation import (
    BEGINNING,
    GROUP,
    OPEN,
    Change,
    Dissolution,
    Registration,
    State,
    Tree,
    change,
    declare,
    dissolve,
    grow,
    register,
    stands_below,
)
from shared.contracts.registry import OrganisationChanged, OrganisationDissolved
from shared.errors import Problem

NOW = datetime(2025, 6, 30, 3, tzinfo=UTC)
TODAY = date(2025, 6, 30)
JAN, MARCH, MAY = date(2025, 1, 1), date(2025, 3, 1), date(2025, 5, 1)


def state(name: str, parent: str | None = None, since: date = BEGINNING, until: date = OPEN,
          sector: str = "department") -> State:  # fmt: skip
    return State(name, since, until, f"Sở {name}", sector, parent)


TREE = grow([
    state("g", sector=GROUP),
    state("tttt", "g"), state("khcn", "g"), state("centre", "tttt"), state("desk", "centre"),
    state("moved", "tttt", until=MAY), state("moved", "khcn", since=MAY),
    state("gone", "g", since=JAN, until=MARCH),
])  # fmt: skip


def refused(call: Callable[[], object]) -> tuple[int, str, str]:
    """Status, slug and field of a refusal; it speaks both languages."""
    with pytest.raises(Problem) as problem:
        call()
    refusal = problem.value
    assert "" not in refusal.detail
    assert refusal.detail.vi != refusal.detail.en
    return refusal.status, refusal.slug, refusal.fields[0].field


def wish(parent: str | None = "g", since: date | None = None, sector: str = "department") -> Registration:
    return Registration("new", "Sở mới", sector, 7, parent, since)


def to_be(name: str, parent: str | None, on: date = MARCH, sector: str = "department", called: str = "Mới") -> Change:
    return Change(name, called, sector, parent, on)


def after(tree: Tree, *changed: State) -> Tree:
    """The tree with these as last states."""
    states = [s._replace(valid_to=min(s.valid_to, c.valid_from)) if s.organisation_id == c.organisation_id else s
              for c in changed for ss in tree.values() for s in ss]  # fmt: skip
    return grow([*states, *changed])


# -- registering ------------------------------------------------------------------------------------------------------


def test_an_organisation_is_registered_below_a_group_from_before_the_movement_or_from_a_day() -> None:
    made, event = register(TREE, wish(), NOW)
    assert made == State("new", BEGINNING, OPEN, "Sở mới", "department", "g")
    assert (event.occurred_at, event.parent_id, event.valid_from, event.headcount) == (NOW, "g", None, 7)

    made, event = register(TREE, wish(since=JAN), NOW)
    assert made.valid_from == event.valid_from == JAN
    assert event.occurred_at == datetime(2024, 12, 31, 17, tzinfo=UTC)


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (wish("nobody"), (422, "unknown_organisation", "parent_id")),
        (wish("gone", since=JAN), (422, "parent_not_there", "parent_id")),
        (wish("g", sector=GROUP), (422, "group_is_a_root", "parent_id")),
        (wish(since=date(2025, 7, 1)), (422, "in_the_future", "valid_from")),
    ],
)
def test_what_cannot_be_registered(asked: Registration, expected: tuple[int, str, str]) -> None:
    assert refused(lambda: register(TREE, asked, NOW)) == expected


def test_a_parent_must_be_there_as_long_as_what_stands_below_it() -> None:
    late = grow([*(s for states in TREE.values() for s in states), state("late", "g", since=MARCH)])
    assert refused(lambda: register(late, wish("late", since=JAN), NOW))[1] == "parent_not_there"
    assert refused(lambda: register(late, wish("late"), NOW))[1] == "parent_not_there"
    assert register(late, wish("late", since=MARCH), NOW)[0].parent_id == "late"


# -- changing ---------------------------------------------------------------------------------------------------------


def test_an_organisation_is_renamed_and_moved_from_a_day_on() -> None:
    made, event = change(TREE, to_be("centre", "khcn", called="Trung tâm mới"), NOW)
    assert made == State("centre", MARCH, OPEN, "Trung tâm mới", "department", "khcn")
    assert event == OrganisationChanged(
        occurred_at=datetime(2025, 2, 28, 17, tzinfo=UTC), organisation_id="centre", name="Trung tâm mới",
        sector="department", parent_id="khcn", effective_on=MARCH,
    )  # fmt: skip


def test_the_last_change_may_be_made_again_but_none_before_it() -> None:
    assert change(TREE, to_be("moved", "g", on=MAY), NOW)[0].valid_from == MAY
    day_before = date(2025, 4, 30)
    assert refused(lambda: change(TREE, to_be("moved", "g", on=day_before), NOW)) == (422, "newer_change",
                                                                                       "effective_on")  # fmt: skip


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (to_be("nobody", None), (404, "no_such_organisation", "organisation_id")),
        (to_be("gone", None, on=MAY), (409, "dissolved_already", "organisation_id")),
        (to_be("centre", "tttt", called="Sở centre"), (422, "nothing_changes", "name")),
        (to_be("centre", None, sector=GROUP), (422, "group_stays", "sector")),
        (to_be("g", None), (422, "group_stays", "sector")),
        (to_be("g", "tttt", sector=GROUP), (422, "group_is_a_root", "parent_id")),
        (to_be("centre", None, on=date(2025, 7, 1)), (422, "in_the_future", "effective_on")),
        (to_be("tttt", "tttt"), (422, "parent_below", "parent_id")),
        (to_be("tttt", "desk"), (422, "parent_below", "parent_id")),
    ],
)
def test_what_cannot_be_changed(asked: Change, expected: tuple[int, str, str]) -> None:
    assert refused(lambda: change(TREE, asked, NOW)) == expected


def test_no_circle_arises_on_any_day() -> None:
    # «khcn» may go below «tttt» from May on: what stood below «khcn» then is no reason against it.
    assert change(TREE, to_be("khcn", "tttt", on=MAY), NOW)[0].parent_id == "tttt"
    # «moved» stands below «tttt» until May, so «tttt» may go below it from May on, and not before.
    assert refused(lambda: change(TREE, to_be("tttt", "moved", on=MARCH), NOW))[1] == "parent_below"
    assert change(TREE, to_be("tttt", "moved", on=MAY), NOW)[0].parent_id == "moved"
    assert [stands_below(TREE, "moved", "tttt", day) for day in (MARCH, MAY)] == [True, False]


# -- dissolving -------------------------------------------------------------------------------------------------------


def test_a_dissolved_organisation_passes_what_stands_below_it_to_its_successor() -> None:
    done = dissolve(TREE, "tttt", TODAY, "khcn", NOW)
    july = date(2025, 7, 1)
    assert done.ended == state("tttt", "g")._replace(valid_to=july)
    assert done.moved == [state("centre", "khcn", since=july)]
    changed, ended = done.events
    assert isinstance(changed, OrganisationChanged)
    assert isinstance(ended, OrganisationDissolved)
    assert (changed.organisation_id, changed.parent_id, changed.effective_on) == ("centre", "khcn", july)
    assert (ended.last_day, ended.successor_id) == (TODAY, "khcn")
    assert {e.occurred_at for e in done.events} == {datetime(2025, 6, 29, 17, tzinfo=UTC)}
    assert stands_below(after(TREE, *done.moved), "desk", "khcn", july)


def test_one_with_nothing_below_needs_no_successor() -> None:
    done: Dissolution = dissolve(TREE, "desk", MARCH, None, NOW)
    assert (done.ended.valid_to, done.moved, len(done.events)) == (date(2025, 3, 2), [], 1)


@pytest.mark.parametrize(
    ("who", "day", "successor", "expected"),
    [
        ("nobody", MARCH, None, (404, "no_such_organisation", "organisation_id")),
        ("gone", MARCH, None, (409, "dissolved_already", "organisation_id")),
        ("g", MARCH, None, (409, "group_stays", "organisation_id")),
        ("desk", date(2025, 7, 1), None, (422, "in_the_future", "last_day")),
        ("moved", MARCH, None, (422, "newer_change", "last_day")),
        ("tttt", TODAY, None, (409, "others_below", "successor_id")),
        ("tttt", TODAY, "nobody", (422, "unknown_organisation", "successor_id")),
        ("tttt", TODAY, "tttt", (422, "successor_below", "successor_id")),
        ("tttt", TODAY, "desk", (422, "successor_below", "successor_id")),
        ("tttt", TODAY, "gone", (422, "successor_not_there", "successor_id")),
        ("tttt", MARCH, "khcn", (422, "newer_change", "last_day")),  # «moved» stands below it until 30/4
        ("khcn", MARCH, "tttt", (422, "newer_change", "last_day")),  # and below this one from 1/5 on
    ],
)
def test_what_cannot_be_dissolved(who: str, day: date, successor: str | None, expected: tuple[int, str, str]) -> None:
    assert refused(lambda: dissolve(TREE, who, day, successor, NOW)) == expected


# -- headcounts -------------------------------------------------------------------------------------------------------


def test_a_headcount_holds_from_a_day_within_the_organisations_life() -> None:
    event = declare(TREE["gone"], "gone", 120, JAN, NOW)
    assert (event.headcount, event.valid_from) == (120, JAN)
    assert declare(TREE["moved"], "moved", 0, TODAY, NOW).headcount == 0
    for day in (date(2024, 12, 31), MARCH):
        assert refused(lambda day=day: declare(TREE["gone"], "gone", 1, day, NOW)) == (  # type: ignore[misc]
            422, "outside_its_life", "valid_from",
        )  # fmt: skip
    assert refused(lambda: declare([], "nobody", 1, JAN, NOW))[0] == 404
    assert refused(lambda: declare(TREE["g"], "g", 1, date(2025, 7, 1), NOW))[1] == "in_the_future"
