"""What a reform does with the map: each kind of change, and what a decision cannot say."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pytest

from services.registry.reform import Choices, Newer, ReformPlan
from services.registry.reform_checks import must_hold, of_newer, of_questions
from services.registry.reform_events import LARGEST, parts, reorganised, reversal
from services.registry.unit import Unit
from shared import errors
from shared.contracts.reform import Change, How, Level, Part, UnitChange
from tests.unit.registry.reforms import DAY, ground, old_map, plan, prepared, state, successor, unit

D, C, V = Level.DISTRICT, Level.COMMUNE, Level.VILLAGE
MERGER = plan(successor(state("11n", C, "1"), "11", "12"))
SPLIT = plan(
    successor(state("1a", C, "1"), "12", parts=["11"]),
    successor(state("1b", C, "2"), "21", parts=["11"]),
    heirs={"11": "1a"},
)
NO_DISTRICTS = plan(
    successor(state("n1", C, "51", code="11"), "11", "12"),
    successor(state("13", C, "51"), "13"),
    successor(state("21", C, "51", name="Xã Mới"), "21"),
    successor(state("3", C, "51", code="300", name="Đặc khu 3", kind="special_zone"), "3"),
    heirs={"1": "n1", "2": "21"},
)


def kinds(reform: ReformPlan) -> dict[str, Change]:
    return {c.unit.unit_id: c.change for c in prepared(reform).changes}


def hows(reform: ReformPlan) -> set[tuple[str, str, Part, How]]:
    return {(t.predecessor_id, t.successor_id, t.part, t.how) for t in prepared(reform).transitions}


def test_communes_merge_and_their_villages_come_along_as_they_are() -> None:
    result = prepared(MERGER)
    assert kinds(MERGER) == {
        "11n": Change.ESTABLISHED, "11": Change.ABOLISHED, "12": Change.ABOLISHED,
        "111": Change.CHANGED, "112": Change.CHANGED, "121": Change.CHANGED,
    }  # fmt: skip
    for village in (result.new["111"], result.new["121"]):
        assert (village.parent_id, village.commune_id, village.district_id) == ("11n", "11n", "1")
    assert hows(MERGER) == {("11", "11n", Part.WHOLE, How.MERGED), ("12", "11n", Part.WHOLE, How.MERGED)}
    assert {h.unit_id: h.successor_id for h in result.heirs} == {"11": "11n", "12": "11n"}
    assert result.questions == ()


def test_a_commune_split_between_two_districts_asks_where_each_village_goes() -> None:
    result = prepared(SPLIT)
    assert {(q.field, q.subject_id, q.unit_id, q.candidates) for q in result.questions} == {
        ("choices.villages.111", "111", "11", ("1a", "1b")), ("choices.villages.112", "112", "11", ("1a", "1b")),
    }  # fmt: skip
    assert ("11", "1a", Part.PART, How.SPLIT) in hows(SPLIT)
    assert ("21", "1b", Part.WHOLE, How.MERGED) in hows(SPLIT)
    faults = list(of_questions(result.questions))
    assert [f.field for f in faults] == ["choices.villages.111", "choices.villages.112"]
    assert "Thôn 111" in faults[0].message.vi


def test_chosen_villages_go_where_they_were_sent() -> None:
    result = prepared(SPLIT, Choices(villages={"111": "1a", "112": "1b"}))
    assert result.questions == ()
    assert (result.new["111"].commune_id, result.new["111"].district_id) == ("1a", "1")
    assert (result.new["112"].commune_id, result.new["112"].district_id) == ("1b", "2")


def test_a_whole_level_is_abolished_and_a_district_without_communes_is_promoted() -> None:
    result = prepared(NO_DISTRICTS)
    assert not [u for u in result.new.values() if u.level is D]
    assert all(u.district_id is None for u in result.new.values())
    assert (result.new["3"].level, result.new["3"].commune_id, result.new["3"].code) == (C, "3", "300")
    assert (result.new["301"].parent_id, result.new["301"].commune_id) == ("3", "3")
    assert ("3", "3", Part.WHOLE, How.PROMOTED) in hows(NO_DISTRICTS)
    assert ("13", "13", Part.WHOLE, How.TRANSFERRED) in hows(NO_DISTRICTS)
    assert ("21", "21", Part.WHOLE, How.RENAMED) in hows(NO_DISTRICTS)
    assert {h.unit_id: h.successor_id for h in result.heirs} == {"11": "n1", "12": "n1", "1": "n1", "2": "21"}


def test_another_kind_on_the_same_level_is_a_promotion_and_another_name_alone_is_not() -> None:
    township = plan(successor(state("13", C, "1", name="Thị trấn 13", kind="township"), "13"))
    assert hows(township) == {("13", "13", Part.WHOLE, How.PROMOTED)}
    assert hows(plan(successor(state("13", C, "1", name="Xã Mới"), "13"))) == {("13", "13", Part.WHOLE, How.RENAMED)}


def test_communes_that_nobody_names_move_up_when_their_district_goes() -> None:
    result = prepared(plan(heirs={"1": "13"}))
    assert {result.new[c].parent_id for c in ("11", "12", "13")} == {"51"}
    assert result.new["111"].parent_id == "11"
    assert result.new["111"].district_id is None


def test_a_unit_that_joins_from_another_province_brings_its_villages() -> None:
    other = unit("62", Level.PROVINCE)
    far = unit("621", C, unit("62d", D, other))
    old = old_map() | {u.unit_id: u for u in (other, unit("62d", D, other), far, unit("6211", V, far))}
    reform = plan(
        successor(state("51", Level.PROVINCE, None), "51", "62"),
        successor(state("621", C, "51"), "621"),
        heirs={"62d": "621"},
    )
    result = prepared(reform, before=ground(old))
    assert (result.new["621"].parent_id, result.new["6211"].commune_id) == ("51", "621")
    assert "51" not in {c.unit.unit_id for c in result.changes}, "the province itself is as it was"
    assert {(t.predecessor_id, t.how) for t in result.transitions if t.successor_id == "51"} == {
        ("51", How.MERGED), ("62", How.MERGED),
    }  # fmt: skip


def test_a_unit_may_give_a_part_away_and_go_on() -> None:
    reform = plan(
        successor(state("11", C, "1"), parts=["11"]),
        successor(state("12", C, "1"), "12", parts=["11"]),
    )
    result = prepared(reform, Choices(villages={"111": "11", "112": "12"}))
    assert (result.new["111"].parent_id, result.new["112"].parent_id) == ("11", "12")
    assert kinds(reform) == {}, "nothing moves before somebody says so"
    assert {c.unit.unit_id for c in prepared(reform, Choices(villages={"111": "11", "112": "12"})).changes} == {"112"}


def test_changes_tell_since_when_the_old_state_held_and_come_parents_first() -> None:
    changes = prepared(NO_DISTRICTS).changes
    assert {c.since for c in changes if c.change is not Change.ESTABLISHED} == {date(2020, 2, 1)}
    assert {c.since for c in changes if c.change is Change.ESTABLISHED} == {None}
    order = [c.unit.unit_id for c in changes]
    assert order.index("3") < order.index("301")
    assert [c.change for c in changes[-4:]] == [Change.ABOLISHED] * 4


def test_merged_villages() -> None:
    reform = plan(successor(state("111n", V, "11", code="", name="Thôn Mới"), "111", "112"))
    assert kinds(reform) == {"111n": Change.ESTABLISHED, "111": Change.ABOLISHED, "112": Change.ABOLISHED}
    assert prepared(reform).new["111n"].commune_id == "11"


def ending(unit_id: str) -> dict[str, Unit]:
    """The old map, with a unit that ends some time after the reform."""
    old = old_map()
    return old | {unit_id: old[unit_id]._replace(valid_to=date(2025, 9, 1))}


NEW = state("n", C, "1")
REFUSED: list[tuple[str, str, Callable[[], object]]] = [
    ("predecessor_not_in_force", "plan.successors.0.predecessors.1.unit_id",
     lambda: prepared(plan(successor(NEW, "11", "99")))),
    ("predecessor_twice", "plan.successors.0.predecessors.1.unit_id",
     lambda: prepared(plan(successor(NEW, "11", "11")))),
    ("predecessors_missing", "plan.successors.0.predecessors", lambda: prepared(plan(successor(NEW)))),
    ("successor_twice", "plan.successors.1.unit.unit_id",
     lambda: prepared(plan(successor(NEW, "11"), successor(NEW, "12")))),
    ("id_taken", "plan.successors.0.unit.unit_id",
     lambda: prepared(plan(successor(NEW, "11")), before=ground(known=["n"]))),
    ("id_of_another_unit", "plan.successors.0.unit.unit_id",
     lambda: prepared(plan(successor(state("13", C, "1"), "11")))),
    ("whole_given_twice", "plan.successors.1.predecessors.0.part",
     lambda: prepared(plan(successor(NEW, "11"), successor(state("m", C, "1"), "11")))),
    ("whole_given_twice", "plan.successors.1.predecessors.0.part",
     lambda: prepared(plan(successor(NEW, "11"), successor(state("m", C, "1"), parts=["11"])))),
    ("rest_goes_nowhere", "plan.successors.0.predecessors.1.part",
     lambda: prepared(plan(successor(NEW, "12", parts=["11"])))),
    ("heir_missing", "plan.heirs.11", lambda: prepared(SPLIT._replace(heirs={}))),
    ("heir_not_in_force", "plan.heirs.2", lambda: prepared(plan(heirs={"2": "1x"}))),
    ("heir_not_in_force", "plan.heirs.2", lambda: prepared(plan(heirs={"2": "1", "1": "2"}))),
    ("heir_of_a_living_unit", "plan.heirs.11",
     lambda: prepared(plan(successor(state("11", C, "2"), "11"), heirs={"11": "12"}))),
    ("predecessor_not_in_force", "plan.heirs.99", lambda: prepared(plan(heirs={"99": "11"}))),
    ("nothing_to_do", "plan.successors", lambda: prepared(plan())),
    ("code_taken", "plan.successors.0.unit.code",
     lambda: prepared(plan(successor(state("n", C, "1", code="13"), "11", "12")))),
    ("parent_missing", "plan.successors.0.unit.parent_id",
     lambda: prepared(plan(successor(state("n", C, "9"), "11", "12")))),
    ("parent_missing", "plan.successors.0.unit.parent_id",
     lambda: prepared(plan(successor(state("n", C, None), "11", "12")))),
    ("parent_missing", "plan.successors.0.unit.parent_id",
     lambda: prepared(plan(successor(state("n", C, "1"), "11", "12"), heirs={"1": "13"}))),
    ("level_does_not_fit", "plan.successors.0.unit.parent_id",
     lambda: prepared(plan(successor(state("n", C, "13"), "11", "12")))),
    ("commune_needed", "plan.successors.0.unit.parent_id",
     lambda: prepared(plan(successor(state("111", V, "1"), "111")))),
    ("commune_needed", "plan.successors.0.unit.parent_id",
     lambda: prepared(plan(successor(state("111", V, "51"), "111")))),
    ("kind_does_not_fit", "plan.successors.0.unit.kind",
     lambda: prepared(plan(successor(state("n", C, "1", kind="district"), "11", "12")))),
    ("name_without_kind", "plan.successors.0.unit.name",
     lambda: prepared(plan(successor(state("n", C, "1", name="Thị trấn N"), "11", "12")))),
    ("name_without_kind", "plan.successors.0.unit.name",
     lambda: prepared(plan(successor(state("n", C, "1", name="Xã"), "11", "12")))),
    ("level_does_not_fit", "plan.successors",
     lambda: prepared(plan(successor(state("2", C, "51"), "2")))),
    ("kind_does_not_fit", "plan.successors.0.unit.kind",
     lambda: prepared(plan(successor(NEW.model_copy(update={"kind": "hamlet"}), "11", "12")))),
    ("newer_state", "plan.effective_on",
     lambda: must_hold(of_newer([Newer("119", "Thôn 119", DAY)], "plan.effective_on"))),
    ("newer_state", "plan.effective_on", lambda: prepared(MERGER, before=ground(ending("11")))),
    ("newer_state", "plan.effective_on", lambda: prepared(MERGER, before=ground(ending("1")))),
    ("newer_state", "plan.effective_on", lambda: prepared(NO_DISTRICTS, before=ground(ending("51")))),
    ("issued_after_effective_day", "plan.legal_basis.issued_on",
     lambda: prepared(MERGER._replace(effective_on=date(2025, 6, 1)))),
    ("not_a_candidate", "choices.villages.111", lambda: prepared(SPLIT, Choices(villages={"111": "13"}))),
    ("choice_not_open", "choices.villages.121", lambda: prepared(SPLIT, Choices(villages={"121": "1a"}))),
    ("choice_not_open", "choices.villages.999", lambda: prepared(SPLIT, Choices(villages={"999": "1a"}))),
]  # fmt: skip


@pytest.mark.parametrize(("slug", "field", "attempt"), REFUSED, ids=[f"{n}-{r[0]}" for n, r in enumerate(REFUSED)])
def test_a_decision_that_cannot_be_is_refused_with_its_field(
    slug: str, field: str, attempt: Callable[[], object]
) -> None:
    with pytest.raises(errors.Problem) as refused:
        attempt()
    assert refused.value.status == 422
    assert refused.value.slug == slug
    assert field in [f.field for f in refused.value.fields]
    assert all(f.message.vi != f.message.en for f in refused.value.fields)


def test_a_unit_that_ends_later_elsewhere_does_not_matter() -> None:
    assert prepared(MERGER, before=ground(ending("21"))).questions == ()


def test_everything_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(errors.Problem) as refused:
        prepared(plan(successor(NEW, "98", "99")))
    assert len(refused.value.fields) == 2
    assert "1 lỗi khác" in refused.value.detail.vi


def test_a_large_reform_comes_in_several_events_that_lose_nothing_and_repeat_nothing() -> None:
    one = prepared(MERGER).changes[0]
    many = [one.model_copy(update={"since": date(2020, 1, 1 + n % 28)}) for n in range(2000)]
    cut = list(parts(many))
    assert len(cut) > 1
    assert [i for part in cut for i in part] == many
    assert all(sum(len(i.model_dump_json()) for i in part) <= LARGEST for part in cut)


def test_the_event_tells_the_whole_reform() -> None:
    result = prepared(NO_DISTRICTS)
    (event,) = reorganised(result)
    assert (event.changes, event.transitions, event.heirs) == (result.changes, result.transitions, result.heirs)
    assert event.occurred_at.isoformat() == "2025-07-01T00:00:00+07:00"


def test_a_reversal_tells_the_units_as_they_are_again() -> None:
    old = old_map()
    (event,) = reversal("r1", DAY, "2023", [old["11"], old["12"]], ["11n"])
    assert isinstance(event.restored[0], UnitChange)
    assert [(c.unit.unit_id, c.since) for c in event.restored] == [("11", date(2020, 2, 1)), ("12", date(2020, 2, 1))]
    assert event.removed_unit_ids == ("11n",)
