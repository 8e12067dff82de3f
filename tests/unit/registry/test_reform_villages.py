"""Where villages go that came since, when a reform is taken back: by the one predecessor, else by choice."""

from __future__ import annotations

from datetime import date

import pytest

from services.registry.reform_villages import homeless, homes, may_take, of_choices, of_names, return_villages
from services.registry.unit import Unit
from services.registry.unit_levels import STATE
from shared.contracts.reform import Level

DAY = date(2025, 7, 10)


def unit(unit_id: str, level: Level, parent: str | None, district: str | None = "d", name: str = "") -> Unit:
    commune = unit_id if level is Level.COMMUNE else parent if level is Level.VILLAGE else None
    return Unit(unit_id, "", name or unit_id, "commune", level, parent, district, commune, "", DAY)


A, B = (unit(i, Level.COMMUNE, "d") for i in "ab")
ISLE = unit("isle", Level.DISTRICT, "51", "isle")
VILLAGE = unit("v", Level.VILLAGE, "new", None, "Thôn 1")
ORIGINS = {"new": ["a", "b", "d"], "alone": ["a"]}


def test_of_several_predecessors_somebody_names_one() -> None:
    some = homes([VILLAGE], ORIGINS, {"a": A, "b": B}, STATE)
    moves, [asked], _ = return_villages(some, {})
    assert (moves, asked.field, asked.candidates, asked.since) == ((), "choices.villages.v", ("a", "b"), DAY)
    [(before, after)], questions, _ = return_villages(some, {"v": "b"})
    assert (before, after.parent_id, after.district_id, after.commune_id, questions) == (VILLAGE, "b", "d", "b", ())
    assert list(of_choices(some, {"v": "b"})) == []


@pytest.mark.parametrize(("choices", "slug"), [({"v": "d"}, "not_a_candidate"), ({"w": "a"}, "choice_not_open")])
def test_a_choice_that_is_none_is_named(choices: dict[str, str], slug: str) -> None:
    [fault] = of_choices(homes([VILLAGE], ORIGINS, {"a": A, "b": B}, STATE), choices)
    assert (fault.slug, fault.field) == (slug, f"choices.villages.{next(iter(choices))}")


def test_one_predecessor_takes_it_and_an_unchanged_unit_keeps_it() -> None:
    alone = VILLAGE._replace(parent_id="alone")
    [(_, after)], *_ = return_villages(homes([alone], ORIGINS, {"a": A}, STATE), {})
    assert (after.parent_id, after.commune_id) == ("a", "a")
    here = unit("v", Level.VILLAGE, "a")
    assert return_villages(homes([here], ORIGINS, {"a": A}, STATE), {}) == ((), (), (here,))
    on_the_isle = VILLAGE._replace(parent_id="isle", commune_id="isle")
    [(_, after)], *_ = return_villages(homes([on_the_isle], {"isle": ["isle"]}, {"isle": ISLE}, STATE), {})
    assert (after.parent_id, after.district_id, after.commune_id) == ("isle", "isle", None)


def test_where_the_old_map_has_no_unit_for_it_it_stands_in_the_way() -> None:
    [newer] = homeless(homes([VILLAGE], ORIGINS, {}, STATE))
    assert (newer.subject_id, newer.since) == ("v", DAY)


def test_communes_have_villages_and_districts_without_communes() -> None:
    assert may_take(A, set())
    assert may_take(ISLE, {"d"})
    assert not may_take(ISLE, {"isle"})
    assert not may_take(unit("51", Level.PROVINCE, None), set())


def test_two_of_one_name_are_not_put_beside_each_other() -> None:
    one = return_villages(homes([VILLAGE], {"new": ["a"]}, {"a": A}, STATE), {})
    there = unit("old", Level.VILLAGE, "a", name="thôn  1")
    [fault] = of_names(one, [there])
    assert (fault.slug, fault.field) == ("village_exists", "choices.villages.v")
    assert list(of_names(one, [there._replace(parent_id="b")])) == []
    both = return_villages(homes([VILLAGE, VILLAGE._replace(unit_id="w")], {"new": ["a"]}, {"a": A}, STATE), {})
    assert [f.field for f in of_names(both, [])] == ["choices.villages.w"]
    stays = unit("s", Level.VILLAGE, "a", name="Thôn 1")
    beside = return_villages(homes([stays, VILLAGE], {"new": ["a"]}, {"a": A}, STATE), {})
    assert [f.field for f in of_names(beside, [])] == ["choices.villages.v"]
