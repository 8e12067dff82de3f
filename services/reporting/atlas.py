"""Which maps there are: from when to when the province had the same districts and communes, and what that is called.
Pure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import NamedTuple

from services.reporting.maps import Line, Map
from shared import errors
from shared.contracts.history import UnitVersion
from shared.errors import Problem

SHOWN = 40
"""Characters of what was asked for that a refusal repeats."""
_FIRST, _END = date(1990, 1, 1), date(2101, 1, 1)
_LEVELS = ("district", "commune")


class Period(NamedTuple):
    """A map and the days on which it is in force; units inside communes make no other map."""

    key: str
    """Registry's name of the edition, for example `2025-07`; of a map that has none, its first day."""
    first_day: date
    last_day: date | None
    """None: until something else is decided."""
    districts: int
    communes: int
    unit_ids: frozenset[str]

    def holds(self, day: date) -> bool:
        """Whether the map is in force on a day."""
        return self.first_day <= day and (self.last_day is None or day <= self.last_day)


class Group(NamedTuple):
    """Units of a map without districts that lie where a district was; of no district: without one."""

    district: UnitVersion | None
    province: UnitVersion | None
    unit_ids: list[str]


class Atlas:
    """All maps of a province, the oldest first."""

    def __init__(
        self, root: str, versions: Sequence[UnitVersion], names: Mapping[date, str], lineage: Sequence[Line]
    ) -> None:
        self.root, self._versions, self._lineage = root, versions, lineage
        self.periods = list(_periods(self._days(), names))

    def _days(self) -> Iterator[tuple[date, Map]]:
        versions = self._versions
        for day in sorted({v.valid_from for v in versions} | {v.valid_to for v in versions if v.valid_to}):
            yield day, self._on(day)

    def _on(self, day: date) -> Map:
        there = (v for v in self._versions if v.valid_from <= day and (v.valid_to is None or day < v.valid_to))
        return Map(day, self.root, there)

    def on(self, day: date) -> Period | None:
        """The map of a day."""
        return next((p for p in self.periods if p.holds(day)), None)

    def find(self, asked: str) -> Period:
        """The map of this name, or of this day. Raises 422 and says which maps there are."""
        named = next((p for p in self.periods if p.key == asked), None)
        found = named or self.on(day_in(asked) or date.min)
        if found is None:
            raise self.refuse(asked)
        return found

    def groups(self, period: Period) -> list[Group]:
        """The units of a map by the district of before in which most of what they come from lay."""
        before = next((p for p in reversed(self.periods) if p.first_day < period.first_day and p.districts), None)
        if before is None or period.districts or before.last_day is None:
            return []
        now, then = self._on(period.first_day), self._on(before.last_day)
        found: dict[str, list[str]] = {}
        for unit in now.at_level("commune"):
            found.setdefault(self._district(unit.unit_id, period.first_day, then), []).append(unit.unit_id)
        return [Group(then.known(i), then.known(next(iter(then.path(i)[::-1]), "")), ids) for i, ids in found.items()]

    def _district(self, unit_id: str, day: date, then: Map) -> str:
        came_from = Counter(
            next((i for i in then.path(origin) if then.level(i) == "district"), "")
            for origin in self._origins(unit_id, day, then)
        )
        return min(came_from, key=lambda i: (-came_from[i], i), default="")

    def _origins(self, unit_id: str, day: date, then: Map) -> Iterator[str]:
        """The units of a former map of which something is in a unit."""
        if then.known(unit_id):
            yield unit_id
            return
        for line in self._lineage:
            if line.successor_id == unit_id and then.day < line.effective_on <= day:
                yield from self._origins(line.predecessor_id, line.effective_on - timedelta(days=1), then)

    def refuse(self, asked: str) -> Problem:
        """422: there is no such map; says which there are."""
        keys = ", ".join(f"«{p.key}» (từ {p.first_day:%d/%m/%Y})" for p in self.periods)
        keys_en = ", ".join(f"«{p.key}» (from {p.first_day})" for p in self.periods)
        short = asked if len(asked) <= SHOWN else asked[:SHOWN] + "…"
        return errors.invalid(
            "no_such_map",
            "map",
            f"Không có bản đồ «{short}». {f'Hiện có: {keys}; hoặc một ngày' if keys else 'Hãy ghi một ngày'},"
            " ví dụ 2023-07-28.",
            f"There is no map «{short}». {f'There is: {keys_en}; or a day' if keys else 'Name a day'},"
            " for example 2023-07-28.",
        )


def day_on(period: Period, usual: date, today: date) -> date:
    """The day whose units are counted where a map is asked for: the usual one or today if it is in force then, else its
    last day, or the first of one that is still to come."""
    for day in (usual, today):
        if period.holds(day):
            return day
    return period.last_day if period.last_day and period.last_day < today else period.first_day


def _periods(days: Iterable[tuple[date, Map]], names: Mapping[date, str]) -> Iterator[Period]:
    begun: list[tuple[date, set[UnitVersion]]] = []
    for day, on in days:
        shape = _shape(on)
        if shape != (begun[-1][1] if begun else set()):
            begun.append((day, shape))
    for n, (day, shape) in enumerate(begun):
        last_day = begun[n + 1][0] - timedelta(days=1) if n + 1 < len(begun) else None
        levels = Counter(unit.level for unit in shape)
        if shape:
            ids = frozenset(unit.unit_id for unit in shape)
            yield Period(names.get(day, f"{day}"), day, last_day, levels["district"], levels["commune"], ids)


def _shape(on: Map) -> set[UnitVersion]:
    """What makes a map another one: its districts and communes, their names, and where they belong."""
    some = (u for u in on.units.values() if u.level in _LEVELS)
    return {u._replace(valid_from=date.min, valid_to=None) for u in some}


def day_in(text: str) -> date | None:
    """The day that a text names, ISO 8601, 1990 to 2100."""
    try:
        day = date.fromisoformat(text) if len(text) == len("2023-07-28") else date.min
    except ValueError:
        return None
    return day if _FIRST <= day < _END else None
