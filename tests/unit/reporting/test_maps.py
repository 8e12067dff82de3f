"""The map of a day: for which unit a team counts that had ended, or was not yet formed, or belonged to a split unit."""

from __future__ import annotations

from datetime import date

import pytest

from services.reporting.maps import NOWHERE, Line, Map, rest
from shared.contracts.history import UnitVersion

BEGIN, REFORM, LATER = date(2020, 2, 1), date(2025, 7, 1), date(2026, 1, 1)


def unit(unit_id: str, level: str, parent_id: str | None, district_id: str | None = None) -> UnitVersion:
    commune_id = unit_id if level == "commune" else None
    return UnitVersion(unit_id, BEGIN, None, False, unit_id, unit_id, level, level, parent_id, district_id, commune_id)


BEFORE = [
    unit("51", "province", None), unit("D", "district", "51", "D"), unit("A", "commune", "D", "D"),
    unit("B", "commune", "D", "D"), unit("I", "district", "51", "I"), unit("v", "village", "A", "D"),
    unit("62", "province", None), unit("K", "commune", "62"),
]  # fmt: skip
AFTER = [unit("51", "province", None), *(unit(u, "commune", "51") for u in ("A1", "A2", "B1", "I", "K"))]
LINEAGE = [Line("A", "A1", REFORM), Line("A", "A2", REFORM), Line("B", "B1", REFORM), Line("B1", "B2", LATER)]


def on(day: date) -> Map:
    return Map(day, "51", BEFORE if day < REFORM else AFTER)


def test_a_map_holds_the_units_of_one_province_at_any_depth() -> None:
    then = on(BEGIN)
    assert set(then.units) == {"51", "D", "A", "B", "I", "v"}
    assert [u.unit_id for u in then.at_level("commune", "D")] == ["A", "B"]
    assert (then.path("v"), then.path("A1")) == (("v", "A", "D", "51"), ())
    assert (set(then.below("D")), set(then.below("51"))) == ({"D", "A", "B", "v"}, set(then.units))
    assert (then.first_level, on(REFORM).first_level) == ("district", "commune")
    assert {u.unit_id for u in on(REFORM).at_level("commune")} == {"A1", "A2", "B1", "I", "K"}


@pytest.mark.parametrize(
    ("unit_id", "since", "day", "counts_for"),
    [
        ("B", BEGIN, REFORM, "B1"),
        ("A", BEGIN, REFORM, None),
        ("I", BEGIN, REFORM, "I"),
        ("K", REFORM, BEGIN, None),
        ("B1", REFORM, BEGIN, None),
        ("nobody", BEGIN, REFORM, None),
    ],
)
def test_a_team_without_a_place_counts_where_its_unit_went_on(
    unit_id: str, since: date, day: date, counts_for: str | None
) -> None:
    there = on(day)
    there.take_in([("t", unit_id, since)], LINEAGE)
    assert there.strays.get("t") == counts_for
    found = there.unit_of("t", unit_id)
    assert (found.unit_id if found else None) == counts_for


def test_it_is_followed_from_reform_to_reform() -> None:
    last = Map(LATER, "51", [unit("51", "province", None), unit("B2", "commune", "51")])
    last.take_in([("t", "B", BEGIN)], LINEAGE)
    assert last.strays == {"t": "B2"}
    assert last.spots("commune") == (LATER, ["51", "B2"], ["51", "B2"], ["t"], ["B2"])


def test_a_team_counts_for_the_unit_of_a_level_in_which_its_own_lies() -> None:
    then = on(BEGIN)
    keys = {level: dict(zip(*then.spots(level)[1:3], strict=True)) for level in ("district", "commune")}
    assert keys["district"] == {"51": "51", "D": "D", "A": "D", "B": "D", "I": "I", "v": "D"}
    assert keys["commune"] == {"51": "51", "D": "D", "A": "A", "B": "B", "I": "I", "v": "A"}
    own = dict(zip(*then.own_spots()[1:3], strict=True))
    assert own == {"51": "51 ", "D": "D D", "A": "A D", "B": "B D", "I": "I I", "v": "v D"}


def test_what_no_unit_of_the_level_stands_for_is_told_apart() -> None:
    then, keys = on(BEGIN), ["A", "D", "I", "51", NOWHERE]
    assert list(rest("commune", then, keys, None)) == [NOWHERE, "51", "D", "I"]
    assert list(rest("commune", then, keys, "D")) == ["D"]
    assert list(rest("district", then, keys, "51")) == [NOWHERE, "51", "A"]
