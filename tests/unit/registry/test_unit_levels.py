"""Levels and kinds as data: ranks decide what may lie below what, however many levels there are."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from services.registry import unit_rules
from services.registry.reform import Ground, Prepared, ReformPlan, Successor, at_levels
from services.registry.unit import Unit, home_id
from services.registry.unit_levels import STATE, UnitKind, UnitLevel, add_kind, add_level, exact, kind_of_level
from services.registry.unit_rules import Above, Around, Correction, Facts, Village
from shared.contracts.reform import Level, UnitState
from shared.errors import Problem
from tests.unit.registry.reforms import DEEP_LEVELS, moved, old_map, plan, prepared, state, successor, team, unit

NOW = datetime(2025, 8, 1, 3, tzinfo=UTC)
SINCE = date(2025, 7, 15)
LEVELS = DEEP_LEVELS


def deep(unit_id: str, kind: str, above: Unit) -> Unit:
    """A unit of the old map below a commune, at any level."""
    own = LEVELS.level_of(kind)
    assert own is not None
    made = unit(unit_id, Level.VILLAGE, above)
    return made._replace(kind=kind, level_id=None if own.level_id == "village" else own.level_id)


def slug_of(refusal: pytest.ExceptionInfo[Problem]) -> tuple[str, str]:
    return refusal.value.slug, refusal.value.fields[0].field


# -- what may be added ------------------------------------------------------------------------------------------------

CLUSTER = UnitLevel("cluster", 360, Level.VILLAGE, "cấp cụm", "cluster level")
KIND = UnitKind("cluster", "cluster", "Cụm", "cluster")


@pytest.mark.parametrize(
    ("level", "kind", "refusal"),
    [
        (CLUSTER._replace(level_id="village"), KIND, ("id_taken", "level_id")),
        (CLUSTER._replace(rank=400), KIND, ("rank_taken", "rank")),
        (CLUSTER._replace(rank=300), KIND, ("above_the_commune", "rank")),
        (CLUSTER._replace(rank=250), KIND, ("above_the_commune", "rank")),
        (CLUSTER, KIND._replace(kind_id="hamlet"), ("id_taken", "kinds.0.kind_id")),
        (CLUSTER, KIND._replace(word_vi="THÔN"), ("word_taken", "kinds.0.word_vi")),
    ],
)
def test_a_level_that_makes_no_sense_is_refused(level: UnitLevel, kind: UnitKind, refusal: tuple[str, str]) -> None:
    with pytest.raises(Problem) as refused:
        add_level(STATE, level, [kind])
    assert slug_of(refused) == refusal


def test_a_level_stands_where_its_rank_says_and_its_kinds_too() -> None:
    wider = add_kind(add_level(STATE, CLUSTER, [KIND]), UnitKind("area", "cluster", "Khu phố", "quarter"))
    assert [level.level_id for level in wider.levels] == ["province", "district", "commune", "cluster", "village"]
    assert [k.kind_id for k in wider.kinds_counting_as(Level.VILLAGE)][:3] == ["cluster", "area", "hamlet"]
    assert wider.kinds_at("cluster") == ("cluster", "area")
    assert kind_of_level(wider, "area", Level.VILLAGE) == CLUSTER
    with pytest.raises(Problem) as refused:
        add_kind(STATE, KIND)
    assert slug_of(refused) == ("unknown_level", "level_id")
    for kind in ("commune", "no-kind"):
        with pytest.raises(Problem, match="hamlet") as refused:
            kind_of_level(STATE, kind, Level.VILLAGE)
        assert slug_of(refused) == ("kind_does_not_fit", "kind")


# -- villages below villages ------------------------------------------------------------------------------------------

COMMUNE = old_map()["11"]
QUARTER = deep("q", "quarter", COMMUNE)
HAMLET = deep("h", "hamlet", QUARTER)


@pytest.mark.parametrize(
    ("kind", "parent", "own"),
    [
        ("quarter", COMMUNE, "quarter"),
        ("hamlet", QUARTER, None),
        ("household_group", HAMLET, "household_group"),
        ("household_group", QUARTER, "household_group"),
        ("household_group", COMMUNE, "household_group"),
    ],
)
def test_any_level_may_be_left_out_and_the_commune_stays_the_home(kind: str, parent: Unit, own: str | None) -> None:
    village = Village("v", "Tổ liên gia 1", kind, SINCE)
    made, event = unit_rules.establish(village, Around(LEVELS, parent, []), NOW)
    assert (made.level, made.level_id, exact(made)) == (Level.VILLAGE, own, own or "village")
    assert (made.parent_id, made.district_id, made.commune_id, home_id(made)) == (parent.unit_id, "1", "11", "11")
    assert (event.level, event.level_id, event.parent_id) == (Level.VILLAGE, own, parent.unit_id)


@pytest.mark.parametrize(("kind", "parent"), [("hamlet", HAMLET), ("quarter", HAMLET), ("quarter", QUARTER)])
def test_nothing_lies_below_a_unit_of_its_own_or_a_lower_level(kind: str, parent: Unit) -> None:
    with pytest.raises(Problem) as refused:
        unit_rules.establish(Village("v", "Thôn 9", kind, SINCE), Around(LEVELS, parent, []), NOW)
    assert slug_of(refused) == ("level_does_not_fit", "parent_id")


def test_a_correction_may_put_a_hamlet_below_a_quarter_but_never_below_its_own_part() -> None:
    astray = deep("h", "hamlet", COMMUNE)
    wish = Correction(astray.valid_from, parent_id="q")
    right, _ = unit_rules.correct(Facts(LEVELS, [astray], (), Above([QUARTER], False, ["a part"])), wish, NOW)
    assert (right.parent_id, right.district_id, right.commune_id) == ("q", "1", "11"), "what is below it stays below it"
    part = deep("g", "household_group", astray)
    with pytest.raises(Problem) as refused:
        unit_rules.correct(Facts(LEVELS, [astray], (), Above([part], False, [])), wish._replace(parent_id="g"), NOW)
    assert slug_of(refused) == ("level_does_not_fit", "parent_id")


def test_a_correction_keeps_the_level() -> None:
    group = deep("g", "household_group", HAMLET)
    for kind in ("hamlet", "quarter"):
        with pytest.raises(Problem, match="household_group") as refused:
            unit_rules.correct(Facts(LEVELS, [group]), Correction(group.valid_from, kind=kind), NOW)
        assert slug_of(refused) == ("kind_does_not_fit", "kind")


# -- reforms ----------------------------------------------------------------------------------------------------------


def deep_map() -> dict[str, Unit]:
    """Commune 11 with the quarter q, in it the hamlets h and i, in h the household groups g and j; ids such that no
    order of ids puts parents first."""
    old = old_map()
    quarter = deep("q", "quarter", old["11"])
    hamlets = [deep(i, "hamlet", quarter) for i in ("h", "i")]
    groups = [deep(i, "household_group", hamlets[0]) for i in ("g", "a")]
    return old | {u.unit_id: u for u in (quarter, *hamlets, *groups)}


def ground() -> Ground:
    old = deep_map()
    return Ground(old, old.keys(), LEVELS)


def places(result: Prepared) -> dict[str, tuple[str | None, str | None, str | None]]:
    new = result.new
    return {i: (new[i].parent_id, new[i].district_id, new[i].commune_id) for i in ("q", "h", "i", "g", "a") if i in new}


def test_a_commune_goes_to_another_district_with_everything_below_it() -> None:
    result = prepared(plan(successor(state("11", Level.COMMUNE, "2"), "11")), before=ground())
    assert places(result) == {
        "q": ("11", "2", "11"), "h": ("q", "2", "11"), "i": ("q", "2", "11"), "g": ("h", "2", "11"),
        "a": ("h", "2", "11"),
    }  # fmt: skip
    old = deep_map()
    [move] = moved(result, team("t", old["11"], village=old["g"])).moves
    assert (move.after.unit_id, move.after.village_id, move.after.district_id) == ("11", "g", "2")


def hamlet(unit_id: str, kind: str, parent_id: str) -> UnitState:
    return state(unit_id, Level.VILLAGE, parent_id, code="").model_copy(update={"kind": kind})


def of(*successors: Successor) -> ReformPlan:
    return at_levels(plan(*successors), LEVELS)


def test_what_lay_in_merged_hamlets_lies_in_the_new_one_and_teams_keep_the_commune() -> None:
    result = prepared(of(successor(hamlet("n", "hamlet", "q"), "h", "i")), before=ground())
    assert {i: p[0] for i, p in places(result).items()} == {"q": "11", "g": "n", "a": "n"}
    old = deep_map()
    at = [team("t", old["11"], village=old["h"]), team("s", old["11"], village=old["g"])]
    [move] = moved(result, *at).moves
    assert (move.after.team_id, move.after.unit_id, move.after.village_id) == ("t", "11", "n")


def test_what_lay_in_a_quarter_that_ends_lies_in_the_commune() -> None:
    ended = plan(heirs={"q": "11"})
    result = prepared(ended, before=ground())
    assert {i: p[0] for i, p in places(result).items()} == {"h": "11", "i": "11", "g": "h", "a": "h"}


def test_a_hamlet_that_becomes_a_household_group_leaves_its_own_groups_beside_it() -> None:
    lower = of(successor(hamlet("h", "household_group", "i"), "h"))
    with pytest.raises(Problem) as refused:
        prepared(lower, before=ground())
    assert refused.value.slug == "level_does_not_fit", "its groups would lie below a group"
    free = deep_map()
    del free["g"], free["a"]
    result = prepared(lower, before=Ground(free, free.keys(), LEVELS))
    assert (result.new["h"].level_id, result.transitions[0].how) == ("household_group", "promoted")


def test_a_kind_that_there_is_not_or_of_another_level_is_a_fault() -> None:
    for kind in ("commune", "no-kind"):
        with pytest.raises(Problem) as refused:
            prepared(of(successor(hamlet("h", kind, "q"), "h")), before=ground())
        assert slug_of(refused) == ("kind_does_not_fit", "plan.successors.0.unit.kind")


def test_levels_of_a_plan_that_names_none_of_the_provinces_own_stay_as_they_are() -> None:
    plain = plan(successor(state("11", Level.COMMUNE, "2"), "11"))
    assert at_levels(plain, LEVELS) is plain
