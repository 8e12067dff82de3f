"""The choice of a map, and a province without districts drawn by what was before: nothing lost, all of it adds up."""

from __future__ import annotations

from typing import Any

import pytest

from services.reporting import picture, present
from services.reporting.shapes import GroupItem, MapItem, Numbers, UnitItem
from services.reporting.views import Page
from shared.web import Lang
from tests.support import figures
from tests.unit.reporting.test_present import a_unit, an_overview, numbers, rendered, words


def a_map(key: str, first: str, last: str | None, districts: int = 0) -> MapItem:
    return MapItem(
        map=key, first_day=first, last_day=last, day=first, today=last is None, districts=districts, communes=96
    )


MAPS = [a_map("2023", "2020-02-01", "2025-06-30", 13), a_map("2025-07", "2025-07-01", None)]


def a_group(district_id: str | None, name: str | None, *ids: str, province: str | None = None) -> GroupItem:
    return GroupItem(district_id=district_id, name=name, province=province, unit_ids=list(ids))


def communes() -> list[UnitItem]:
    none: dict[str, Any] = {"members": 0, "teams": 0, "teams_met": 0, "citizens": 0, "sessions": 0}
    met = {"a": 30, "b": 10, "c": 0}
    some = [a_unit(i, f"Xã {i.upper()}", met=met[i], level="commune", parent_id="51") for i in met]
    return [*some, a_unit("k", "Xã Kon", level="commune", parent_id="51", **none)]


def asked(units: list[UnitItem] | None = None, **changed: Any) -> Numbers:
    groups = [
        a_group("535", "Huyện Ba Tơ", "a"), a_group("524", "Huyện Bình Sơn", "c", "b"),
        a_group("608", "Thành phố Kon Tum", "k", province="Tỉnh Kon Tum"),
    ]  # fmt: skip
    everyone = {"members": {"total": 209, "started": 209, "met": 39}, "teams": {"total": 42, "met": 15}}
    found = numbers(an_overview(**everyone, citizens=1000, sessions=1113), communes() if units is None else units)
    more = {"maps": MAPS, "map": "2025-07", "maps_with_unit": ["2023", "2025-07"], "groups": groups}
    return {**found, **more, **changed}  # type: ignore[typeddict-item]


def a_page(lang: Lang = "vi", units: list[UnitItem] | None = None, **changed: Any) -> Page:
    return present.page(asked(units, **changed), lang=lang, keeps_map=True)


@pytest.mark.parametrize(
    ("key", "vi", "en"),
    [
        ("2023", "2023", "2023"),
        ("2025-07", "7/2025", "July 2025"),
        ("2024-03-05", "05/03/2024", "5\u00a0Mar\u00a02024"),
    ],
)
def test_a_map_is_called_as_people_call_it(key: str, vi: str, en: str) -> None:
    assert (picture.name(key, "vi"), picture.name(key, "en")) == (vi, en)


def test_one_map_is_no_choice() -> None:
    assert 'href="/?map' not in rendered(a_page(maps=MAPS[:1], map="2023"))["maps"]
    assert words(rendered(a_page(maps=MAPS[:1], map="2023"))["maps"]) == ""
    assert "Bản đồ 2023 13 huyện, thị xã, thành phố; đến hết 30/06/2025" in words(rendered(a_page())["maps"])


def test_a_unit_that_another_map_does_not_have_leads_to_the_province_there() -> None:
    page = present.page(asked(maps_with_unit=["2023"]), lang="vi", unit=a_unit("533", "Huyện Mộ Đức"))
    assert [m.href for m in page.maps] == ["/?unit=533&map=2023", "/?map=2025-07"]
    assert page.home == "/", "nobody asked for a map"


def test_units_are_grouped_from_north_to_south_and_those_without_a_team_are_named() -> None:
    page = a_page()
    assert [(g.name, [t.unit_id for t in g.tiles]) for g in page.groups] == [("Bình Sơn", ["b", "c"]), ("Ba Tơ", ["a"])]
    assert ([u.unit_id for u in page.empty.units], page.empty.province) == (["k"], "Tỉnh Kon Tum")
    fragments = rendered(page)
    assert "1 đơn vị của Tỉnh Kon Tum cũ chưa có tổ: Kon ." in words(fragments["map"])
    assert "; 1 đơn vị chưa có tổ không ở trong bảng" in words(fragments["league"])
    assert "trong 4 đơn vị" in words(
        rendered(a_page(units=[*communes()[1:], a_unit("a", "Xã A", met=60, level="commune")]))["league"]
    )
    english = words(rendered(a_page("en"), "en")["map"])
    assert "1 unit of the former Tỉnh Kon Tum has no team: Kon ." in english


def test_a_unit_of_no_known_district_is_drawn_as_well() -> None:
    page = a_page(groups=[])
    assert [(g.name, len(g.tiles)) for g in page.groups] == [(None, 3)]
    assert page.empty.province is None
    assert "1 đơn vị chưa có tổ: Kon ." in words(rendered(page)["map"])


def test_columns_add_up_once_what_counts_twice_is_taken_off() -> None:
    rest = [{"unit_id": None, "name": None, "teams": 0, "teams_met": 0, "members": 0, "members_started": 0,
             "members_met": 0, "citizens": None, "sessions": 0}]  # fmt: skip
    fragments = rendered(a_page())
    page = figures.read("".join(fragments.values()))
    assert page.rest[-1].numbers == (-1, -1, -1, 0, 0, -50, 0)
    assert page.sums() == page.total.numbers == (39, 209, 209, 15, 42, 1000, 1113)
    unknown = figures.read("".join(rendered(a_page(rest=rest)).values()))
    assert [line.numbers[5] for line in unknown.rest] == [None, None], "citizens were not counted apart"
    assert unknown.rest[0].name == "Tổ không có đơn vị nào trên bản đồ này"


def test_where_nobody_counts_twice_there_is_no_such_row() -> None:
    exact = an_overview(
        members={"total": 210, "started": 210, "met": 40}, teams={"total": 42, "met": 15}, citizens=1050, sessions=1113
    )
    page = figures.read("".join(rendered(a_page(overview=exact)).values()))
    assert (page.rest, page.sums()) == ([], page.total.numbers)
