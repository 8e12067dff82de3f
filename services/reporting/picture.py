"""Which maps a page offers, and how it draws one without districts: units by the district in which they lay. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from urllib.parse import urlencode

from babel.dates import get_month_names

from services.reporting.shapes import GroupItem, MapItem, Numbers
from services.reporting.tiles import TILES, short_name
from services.reporting.views import EmptyView, GroupView, MapView, UnitView
from shared.vietnamese import sort_key
from shared.web import Lang
from shared.web.formats import full_day


def href(on_map: str | None, unit_id: str | None = None) -> str:
    """The address of the page of the province or of a unit, on a map."""
    wanted = urlencode({name: value for name, value in (("unit", unit_id), ("map", on_map)) if value})
    return f"/?{wanted}" if wanted else "/"


def choice(numbers: Numbers, lang: Lang, unit_id: str | None) -> tuple[MapView, ...]:
    """The maps; one on which the page's unit is not leads to the province."""

    def view(item: MapItem) -> MapView:
        stays = unit_id if item["map"] in numbers["maps_with_unit"] else None
        return MapView(
            name=name(item["map"], lang),
            first_day=date.fromisoformat(item["first_day"]),
            last_day=date.fromisoformat(item["last_day"]) if item["last_day"] else None,
            today=item["today"],
            districts=item["districts"],
            communes=item["communes"],
            chosen=item["map"] == numbers["map"],
            href=href(item["map"], stays),
        )

    return tuple(view(item) for item in numbers["maps"])


def name(key: str, lang: Lang) -> str:
    """A map's name as people say it: 2023, 7/2025; of a map without one its first day."""
    year, _, month = key.partition("-")
    if not month:
        return key
    if "-" in month:
        return full_day(key, lang)
    return f"{int(month)}/{year}" if lang == "vi" else f"{get_month_names(locale=lang)[int(month)]} {year}"


def grouped(numbers: Numbers, tiles: Sequence[UnitView]) -> tuple[tuple[GroupView, ...], EmptyView]:
    """The units of a province without districts where they lay before, and those that have no team; nothing of a
    province with districts, which has its own map."""
    if any(item["level"] != "commune" for item in numbers["units"]["items"]):
        return (), EmptyView((), None)
    left = {tile.unit_id: tile for tile in sorted(tiles, key=lambda t: (sort_key(t.short), t.unit_id))}
    empty = tuple(tile for tile in left.values() if not (tile.teams.whole or tile.met.whole or tile.sessions))
    for tile in empty:
        del left[tile.unit_id]
    groups = [_group(item, left) for item in sorted(numbers["groups"], key=_from_north_to_south)]
    others = GroupView("", None, None, tuple(left.values()))
    return tuple(group for group in (*groups, others) if group.tiles), EmptyView(empty, _province(numbers, empty))


def _province(numbers: Numbers, units: Sequence[UnitView]) -> str | None:
    """The other province in which all of these were."""
    ids = {unit.unit_id for unit in units}
    found = {item["province"] for item in numbers["groups"] if ids & set(item["unit_ids"])}
    return found.pop() if len(found) == 1 else None


def _group(item: GroupItem, left: dict[str, UnitView]) -> GroupView:
    mine = tuple(left.pop(unit_id) for unit_id in [i for i in left if i in item["unit_ids"]])
    return GroupView(
        item["district_id"] or "",
        short_name(item["name"]) if item["name"] else None,
        item["province"],
        mine,
    )


def _from_north_to_south(item: GroupItem) -> tuple[bool, tuple[int, int], str]:
    column, row = TILES.get(item["district_id"] or "", (0, 0))
    return item["district_id"] not in TILES, (row, column), item["district_id"] or ""
