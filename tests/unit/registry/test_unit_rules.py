"""What officers may say of single units: a village, a correction; and which unit a paper means."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from services.registry import resolve_unit, unit_rules
from services.registry.resolve_unit import Found
from services.registry.unit import Unit
from services.registry.unit_levels import STATE
from services.registry.unit_rules import Above, Around, Correction, Facts, Village
from shared.clock import VIETNAM
from shared.contracts.reform import Level
from shared.contracts.registry import UnitCorrected, UnitEstablished
from shared.errors import Problem

NOW = datetime(2025, 8, 1, 3, tzinfo=UTC)
TODAY = date(2025, 8, 1)
START, TURN = date(2020, 2, 1), date(2025, 7, 1)
DISTRICT = Unit("533", "533", "Huyện Mộ Đức", "district", Level.DISTRICT, "51", "533", None, "2023", START, TURN)
TOWN = Unit("21400", "21400", "Thị trấn Mộ Đức", "township", Level.COMMUNE, "533", "533", "21400", "2023", START)
LY_SON = Unit("536", "21548", "Đặc khu Lý Sơn", "special_zone", Level.COMMUNE, "51", None, "536", "2025-07", TURN)
VILLAGE = Village("v1", "Thôn 1", "hamlet", date(2025, 7, 15))


def slug_of(refusal: pytest.ExceptionInfo[Problem]) -> tuple[str, str]:
    return refusal.value.slug, refusal.value.fields[0].field


# -- villages ---------------------------------------------------------------------------------------------------------


def test_a_village_lies_in_its_parents_commune_and_district() -> None:
    state, event = unit_rules.establish(VILLAGE, Around(STATE, TOWN, []), NOW)
    assert state == Unit(
        "v1", "", "Thôn 1", "hamlet", Level.VILLAGE, "21400", "533", "21400", "", date(2025, 7, 15)
    )  # fmt: skip
    assert event == UnitEstablished(
        occurred_at=datetime(2025, 7, 15, tzinfo=VIETNAM), unit_id="v1", code="", name="Thôn 1", kind="hamlet",
        level=Level.VILLAGE, parent_id="21400", district_id="533", commune_id="21400", edition="",
        valid_from=date(2025, 7, 15),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("parent", "has_communes"), [(DISTRICT._replace(valid_to=None), True), (TOWN._replace(level=Level.PROVINCE), False)]
)
def test_only_communes_and_districts_without_any_have_villages(parent: Unit, has_communes: bool) -> None:
    with pytest.raises(Problem) as refused:
        unit_rules.establish(VILLAGE, Around(STATE, parent, [], has_communes), NOW)
    assert slug_of(refused) == ("commune_needed", "parent_id")


def test_a_village_cannot_outlive_the_state_of_its_commune() -> None:
    """Below a unit that a reform has changed since, it would belong nowhere from that day on."""
    ended = TOWN._replace(valid_to=TURN)
    with pytest.raises(Problem, match="changed on 2025-07-01") as refused:
        unit_rules.establish(VILLAGE._replace(valid_from=date(2025, 6, 1)), Around(STATE, ended, []), NOW)
    assert slug_of(refused) == ("parent_changed_since", "valid_from")


@pytest.mark.parametrize(("day", "fine"), [(TODAY, True), (date(2025, 8, 2), False)])
def test_a_village_is_not_established_in_the_future(day: date, fine: bool) -> None:
    village = VILLAGE._replace(valid_from=day)
    if fine:
        assert unit_rules.establish(village, Around(STATE, TOWN, []), NOW)[0].valid_from == day
        return
    with pytest.raises(Problem) as refused:
        unit_rules.establish(village, Around(STATE, TOWN, []), NOW)
    assert slug_of(refused) == ("in_the_future", "valid_from")


@pytest.mark.parametrize("name", ["Thôn 1", "THÔN 1", "thon 1", "Thôn  1"])
def test_two_villages_of_a_commune_never_bear_one_name(name: str) -> None:
    there = unit_rules.establish(VILLAGE, Around(STATE, TOWN, []), NOW)[0]
    with pytest.raises(Problem, match="v1") as refused:
        unit_rules.establish(VILLAGE._replace(village_id="v2", name=name), Around(STATE, TOWN, [there]), NOW)
    assert slug_of(refused) == ("village_exists", "name")


def test_thon_1_and_thon_10_are_two() -> None:
    there = unit_rules.establish(VILLAGE, Around(STATE, TOWN, []), NOW)[0]
    other = VILLAGE._replace(village_id="v2", name="Thôn 10")
    assert unit_rules.establish(other, Around(STATE, TOWN, [there]), NOW)[0].unit_id == "v2"


# -- corrections ------------------------------------------------------------------------------------------------------

LY_SON_BEFORE = LY_SON._replace(
    code="536", name="Huyện Lý Sơn", kind="district", level=Level.DISTRICT, district_id="536", commune_id=None,
    valid_from=START, valid_to=TURN,
)  # fmt: skip
NOTHING = Correction(START)


def test_a_correction_changes_one_state_and_tells_all_of_it() -> None:
    states = [LY_SON_BEFORE, LY_SON]
    right, event = unit_rules.correct(Facts(STATE, states), NOTHING._replace(since=TURN, code="21549"), NOW)
    assert right == LY_SON._replace(code="21549")
    assert event == UnitCorrected(
        occurred_at=NOW, unit_id="536", since=TURN, code="21549", name="Đặc khu Lý Sơn", kind="special_zone",
        level=Level.COMMUNE, parent_id="51", district_id=None, commune_id="536",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("said", "refusal"),
    [
        ({"since": date(2024, 1, 1), "name": "Thị trấn X"}, ("no_state_since", "since")),
        ({"name": "Thị trấn Mộ Đức"}, ("nothing_to_correct", "since")),
        ({"kind": "hamlet"}, ("kind_does_not_fit", "kind")),
        ({"kind": "district"}, ("kind_does_not_fit", "kind")),
        ({"name": "Mộ Đức"}, ("name_without_kind", "name")),
        ({"kind": "commune"}, ("name_without_kind", "name")),
        ({"code": ""}, ("code_does_not_fit", "code")),
    ],
)
def test_a_correction_that_makes_no_sense_is_refused(said: dict[str, object], refusal: tuple[str, str]) -> None:
    with pytest.raises(Problem) as refused:
        unit_rules.correct(Facts(STATE, [TOWN]), NOTHING._replace(**said), NOW)  # type: ignore[arg-type]
    assert slug_of(refused) == refusal


def test_a_village_bears_no_code_and_any_name() -> None:
    village = TOWN._replace(unit_id="v1", code="", name="Thôn 1", kind="hamlet", level=Level.VILLAGE)
    right, _ = unit_rules.correct(Facts(STATE, [village]), NOTHING._replace(name="Nà Cà"), NOW)
    assert right.name == "Nà Cà"
    with pytest.raises(Problem) as refused:
        unit_rules.correct(Facts(STATE, [village]), NOTHING._replace(code="21401"), NOW)
    assert slug_of(refused) == ("code_does_not_fit", "code")


@pytest.mark.parametrize(
    ("begins", "ends", "free"),
    [(START, None, False), (START, TURN, False), (date(2019, 1, 1), START, True), (TURN, None, False)],
)
def test_a_code_is_free_where_nobody_bears_it_in_that_time(begins: date, ends: date | None, free: bool) -> None:
    other = TOWN._replace(unit_id="21401", code="21401", valid_from=begins, valid_to=ends)
    wish = NOTHING._replace(code="21401")
    if free:
        assert unit_rules.correct(Facts(STATE, [TOWN], [other]), wish, NOW)[0].code == "21401"
        return
    with pytest.raises(Problem) as refused:
        unit_rules.correct(Facts(STATE, [TOWN], [other]), wish, NOW)
    assert slug_of(refused) == ("code_in_use", "code")


def test_a_code_that_comes_into_use_when_the_state_has_ended_is_free() -> None:
    ended = TOWN._replace(valid_to=TURN)
    later = TOWN._replace(unit_id="21401", code="21401", valid_from=TURN)
    assert unit_rules.correct(Facts(STATE, [ended], [later]), NOTHING._replace(code="21401"), NOW)[0].code == "21401"


BINH_SON = LY_SON_BEFORE._replace(unit_id="524", code="524", name="Huyện Bình Sơn", district_id="524", valid_to=None)


@pytest.mark.parametrize(
    ("parents", "lasts", "refusal"),
    [
        ([BINH_SON], None, None),
        ([BINH_SON._replace(valid_to=TURN)], None, ("parent_not_in_force", "parent_id")),
        ([BINH_SON._replace(valid_to=TURN)], TURN, None),
        ([BINH_SON._replace(valid_from=TURN)], None, ("parent_not_in_force", "parent_id")),
        ([BINH_SON._replace(valid_to=TURN), BINH_SON._replace(valid_from=TURN, name="Huyện Bình")], None, None),
        ([BINH_SON._replace(valid_to=TURN), LY_SON], None, ("parent_not_in_force", "parent_id")),
        ([TOWN], None, ("level_does_not_fit", "parent_id")),
    ],
)
def test_a_parent_is_one_above_all_the_time(
    parents: list[Unit], lasts: date | None, refusal: tuple[str, str] | None
) -> None:
    state, above = TOWN._replace(valid_to=lasts), Above(parents, False, [])
    wish = NOTHING._replace(parent_id="524")
    if refusal is None:
        right, event = unit_rules.correct(Facts(STATE, [state], [], above), wish, NOW)
        assert (right.parent_id, right.district_id, right.commune_id) == ("524", "524", TOWN.unit_id)
        assert (event.parent_id, event.district_id, event.commune_id) == ("524", "524", TOWN.unit_id)
        return
    with pytest.raises(Problem) as refused:
        unit_rules.correct(Facts(STATE, [state], [], above), wish, NOW)
    assert slug_of(refused) == refusal


# -- what a paper means -----------------------------------------------------------------------------------------------


def found(*fitting: Unit, roots: dict[str, str] | None = None, related: tuple[Unit, ...] = ()) -> Found:
    return Found(fitting, (*fitting, *related), {u.unit_id: "51" for u in fitting} if roots is None else roots)


def test_the_only_one_in_force_on_the_day_is_meant() -> None:
    meant = resolve_unit.decide(found(DISTRICT, TOWN), TURN, "51")
    assert (meant.unit, meant.candidates, meant.why) == (TOWN, (), None)


def test_of_several_none_is_meant_and_it_says_what_would_help() -> None:
    meant = resolve_unit.decide(found(DISTRICT, TOWN), START, "51")
    assert (meant.unit, list(meant.candidates)) == (None, [DISTRICT, TOWN])
    assert meant.why is not None
    assert "2 đơn vị" in meant.why.vi


def test_ours_go_before_another_provinces() -> None:
    theirs = TOWN._replace(unit_id="23308")
    assert resolve_unit.decide(found(TOWN, theirs, roots={"21400": "51", "23308": "62"}), START, "51").unit == TOWN
    assert resolve_unit.decide(found(theirs, roots={"23308": "62"}), START, "51").unit == theirs


def test_what_bears_only_some_of_it_is_offered() -> None:
    meant = resolve_unit.decide(found(related=(TOWN,), roots={}), START, "51")
    assert (meant.unit, list(meant.candidates)) == (None, [TOWN])
    nobody = resolve_unit.decide(found(DISTRICT), TURN, "51")
    assert (nobody.unit, list(nobody.candidates), nobody.why) == (None, [], None)
