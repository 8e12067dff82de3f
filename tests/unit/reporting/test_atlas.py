"""Which maps there are, what each is called, which of its days counts, and where its units lay before."""

from __future__ import annotations

from datetime import date

import pytest

from services.reporting.atlas import Atlas, Period, day_in, day_on
from services.reporting.maps import Line
from shared.contracts.history import UnitVersion
from shared.errors import Problem

FIRST, RENAMED, REFORM, LATER = date(2020, 2, 1), date(2024, 3, 5), date(2025, 7, 1), date(2026, 1, 1)


def unit(
    unit_id: str, level: str, parent_id: str | None, since: date = FIRST, until: date | None = REFORM, **changed: str
) -> UnitVersion:
    return UnitVersion(unit_id, since, until, False, unit_id, unit_id, level, level, parent_id, None, None)._replace(
        **changed  # type: ignore[arg-type]
    )


VERSIONS = [
    unit("51", "province", None, until=None), unit("D", "district", "51"), unit("E", "district", "51"),
    unit("I", "district", "51"), unit("A", "commune", "D"), unit("B", "commune", "D"), unit("C", "commune", "E"),
    unit("I", "commune", "51", REFORM, None), unit("N", "commune", "51", REFORM, None),
    unit("M", "commune", "51", REFORM, LATER), unit("O", "commune", "51", LATER, None),
    unit("62", "province", None), unit("K", "district", "62", date(2023, 1, 1)), unit("k", "commune", "K"),
    unit("P", "commune", "51", REFORM, None),
]  # fmt: skip
LINEAGE = [
    Line("A", "N", REFORM), Line("B", "N", REFORM), Line("C", "N", REFORM), Line("C", "M", REFORM),
    Line("k", "P", REFORM), Line("M", "O", LATER),
]  # fmt: skip
NAMES = {FIRST: "2023", REFORM: "2025-07"}


def atlas(*more: UnitVersion, without: str = "") -> Atlas:
    return Atlas("51", [*(v for v in VERSIONS if v.unit_id != without), *more], NAMES, LINEAGE)


def test_a_map_lasts_until_its_units_change() -> None:
    said = [(p.key, p.first_day, p.last_day, p.districts, p.communes) for p in atlas().periods]
    assert said == [
        ("2023", FIRST, date(2025, 6, 30), 3, 3),
        ("2025-07", REFORM, date(2025, 12, 31), 0, 4),
        ("2026-01-01", LATER, None, 0, 4),
    ]


def test_a_name_that_changes_makes_another_map_and_another_province_or_a_correction_makes_none() -> None:
    old, new = unit("A", "commune", "D", until=RENAMED), unit("A", "commune", "D", RENAMED, name="Phường A")
    assert [p.first_day for p in atlas(old, new, without="A").periods] == [FIRST, RENAMED, REFORM, LATER]
    again = old, unit("A", "commune", "D", RENAMED)
    assert [p.first_day for p in atlas(*again, without="A").periods] == [FIRST, REFORM, LATER]


def test_before_there_are_units_there_is_no_map() -> None:
    empty = Atlas("51", [], {}, [])
    assert (empty.periods, empty.on(REFORM)) == ([], None)
    assert atlas().on(date(2020, 1, 31)) is None
    with pytest.raises(Problem) as none:
        empty.find("2023")
    assert none.value.detail.vi == "Không có bản đồ «2023». Hãy ghi một ngày, ví dụ 2023-07-28."


@pytest.mark.parametrize(
    ("asked", "key"),
    [("2023", "2023"), ("2025-07", "2025-07"), ("2025-06-30", "2023"), ("2025-12-31", "2025-07"),
     ("2026-01-01", "2026-01-01"), ("2099-01-01", "2026-01-01")],
)  # fmt: skip
def test_a_map_is_found_by_its_name_or_by_a_day(asked: str, key: str) -> None:
    assert atlas().find(asked).key == key


@pytest.mark.parametrize("asked", ["", "2025", "2025-7", "2019-12-31", "2025-02-30", "2101-01-01", "x" * 99])
def test_what_is_no_map_is_refused_with_the_maps_that_there_are(asked: str) -> None:
    with pytest.raises(Problem) as refused:
        atlas().find(asked)
    assert (refused.value.status, refused.value.slug, refused.value.fields[0].field) == (422, "no_such_map", "map")
    assert "«2023» (từ 01/02/2020), «2025-07» (từ 01/07/2025), «2026-01-01» (từ 01/01/2026)" in refused.value.detail.vi
    assert "x" * 41 not in refused.value.detail.en


@pytest.mark.parametrize(
    ("text", "day"), [("1990-01-01", date(1990, 1, 1)), ("1989-12-31", None), ("2100-12-31", date(2100, 12, 31)),
                      ("20230728", None), ("2023-7-28", None)]
)  # fmt: skip
def test_a_day_is_read_as_everywhere(text: str, day: date | None) -> None:
    assert day_in(text) == day


@pytest.mark.parametrize(
    ("usual", "today", "first", "last", "counted"),
    [
        (date(2023, 8, 3), date(2025, 8, 1), FIRST, date(2024, 12, 31), date(2023, 8, 3)),
        (date(2023, 8, 3), date(2025, 8, 1), REFORM, None, date(2025, 8, 1)),
        (date(2023, 8, 3), date(2025, 8, 1), date(2025, 1, 1), date(2025, 6, 30), date(2025, 6, 30)),
        (date(2025, 5, 3), date(2025, 5, 3), REFORM, None, REFORM),
        (date(2025, 5, 3), date(2025, 5, 3), date(2025, 6, 1), date(2025, 6, 30), date(2025, 6, 1)),
    ],
)
def test_the_usual_day_counts_or_today_or_the_one_next_to_it(
    usual: date, today: date, first: date, last: date | None, counted: date
) -> None:
    assert day_on(Period("k", first, last, 0, 0, frozenset()), usual, today) == counted


def test_units_lie_where_most_of_what_they_come_from_lay() -> None:
    first, second, third = atlas().periods
    assert atlas().groups(first) == []
    groups = {
        g.district.unit_id: (g.province and g.province.unit_id, g.unit_ids)
        for g in atlas().groups(second)
        if g.district
    }
    assert groups == {"D": ("51", ["N"]), "E": ("51", ["M"]), "I": ("51", ["I"]), "K": ("62", ["P"])}
    later = {g.district.unit_id: g.unit_ids for g in atlas().groups(third) if g.district}
    assert later == {"D": ["N"], "E": ["O"], "I": ["I"], "K": ["P"]}, "through two reforms"


def test_a_unit_out_of_nothing_lies_nowhere() -> None:
    bare = Atlas("51", VERSIONS, NAMES, [])
    groups = bare.groups(bare.find("2025-07"))
    assert [(g.district and g.district.unit_id, g.unit_ids) for g in groups] == [("I", ["I"]), (None, ["M", "N", "P"])]
