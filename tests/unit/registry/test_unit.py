"""What an edition of administrative units must hold to be loaded."""

from __future__ import annotations

from datetime import date, datetime

import pytest

from services.registry import unit
from shared.clock import VIETNAM
from shared.contracts.reform import Level
from shared.contracts.registry import UnitEstablished
from shared.errors import Problem


def row(unit_id: str, level: str, parent_id: str = "", valid_from: str = "2020-02-01") -> dict[str, str]:
    return {
        "unit_id": unit_id, "code": unit_id, "name": f"Đơn vị {unit_id}", "kind": level, "level": level,
        "parent_id": parent_id, "valid_from": valid_from,
    }  # fmt: skip


ROWS = [
    row("51", "province"),
    row("533", "district", "51"),
    row("21400", "commune", "533"),
    row("536", "district", "51"),
]


def test_each_unit_knows_what_is_above_it() -> None:
    province, mo_duc, town, ly_son = unit.read_edition(ROWS, "2023")
    assert (province.district_id, province.commune_id, province.path) == (None, None, ("51",))
    assert (mo_duc.district_id, mo_duc.commune_id, mo_duc.path) == ("533", None, ("533", "51"))
    assert (town.district_id, town.commune_id, town.path) == ("533", "21400", ("21400", "533"))
    assert (ly_son.level, ly_son.district_id) == (Level.DISTRICT, "536")


def test_a_commune_of_an_edition_without_districts_has_none() -> None:
    commune = unit.read_edition([row("51", "province"), row("21000", "commune", "51")], "2025-07")[1]
    assert (commune.parent_id, commune.district_id, commune.commune_id) == ("51", None, "21000")


def test_parents_come_before_their_children() -> None:
    with pytest.raises(ValueError, match="21400: its parent 533 is not listed before it"):
        unit.read_edition([ROWS[0], ROWS[2], ROWS[1]], "2023")


def test_loading_an_edition_establishes_every_unit_on_its_first_day() -> None:
    units = unit.read_edition(ROWS, "2023")
    events = unit.load(units, set(), "2023", first="2023")
    assert [e.unit_id for e in events] == ["51", "533", "21400", "536"]
    assert events[2] == UnitEstablished(
        occurred_at=datetime(2020, 2, 1, tzinfo=VIETNAM), unit_id="21400", code="21400", name="Đơn vị 21400",
        kind="commune", level=Level.COMMUNE, parent_id="533", district_id="533", commune_id="21400", edition="2023",
        valid_from=date(2020, 2, 1),
    )  # fmt: skip


def test_loading_it_again_establishes_nothing() -> None:
    assert unit.load(unit.read_edition(ROWS, "2023"), {"2023"}, "2023", first="2023") == []


def test_the_next_edition_has_to_come_as_a_reform() -> None:
    with pytest.raises(Problem) as refused:
        unit.load(unit.read_edition(ROWS, "2025-07"), {"2023"}, "2025-07", first="2023")
    assert (refused.value.status, refused.value.slug) == (409, "comes_as_reform")
