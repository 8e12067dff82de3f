"""The map of a day: which units there are, and for which of them a team counts. Pure.

A guidance belongs to the team that did it, and the team's place on the map's day says the unit. So a unit that was
split is split by its teams, never by a percentage. A team that had ended by then counts where its unit went on, as long
as that went to one successor; a team without a place on the map counts for nobody, and is told apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import NamedTuple

from shared.contracts.history import UnitVersion

NOWHERE = ""
"""Key of teams that have no place on a map."""


class Line(NamedTuple):
    """Of a lineage: something of the predecessor is in the successor from a day on."""

    predecessor_id: str
    successor_id: str
    effective_on: date


class Spots(NamedTuple):
    """For which key each team counts on a map's day, as arrays: by the team's unit, or for the team itself."""

    day: date
    unit_ids: list[str]
    keys: list[str]
    team_ids: list[str]
    team_keys: list[str]


class Map:
    """The units of one province on one day."""

    def __init__(self, day: date, root: str, in_force: Iterable[UnitVersion]) -> None:
        self.day, self.root = day, root
        self._all = {u.unit_id: u for u in in_force}
        self.units = {i: u for i, u in self._all.items() if root in self.path(i)}
        self.strays: dict[str, str] = {}
        """Unit by team, of teams that had no place on that day, but whose unit went on."""

    def known(self, unit_id: str) -> UnitVersion | None:
        """A unit of that day, of this province or of another."""
        return self._all.get(unit_id)

    def level(self, unit_id: str) -> str | None:
        """The level of a unit of that day."""
        return self._all[unit_id].level if unit_id in self._all else None

    def path(self, unit_id: str | None) -> tuple[str, ...]:
        """A unit and the units above it, upwards."""
        found: list[str] = []
        while unit_id and unit_id in self._all and unit_id not in found:
            found.append(unit_id)
            unit_id = self._all[unit_id].parent_id
        return tuple(found)

    def below(self, unit_id: str) -> list[str]:
        """A unit and all units below it."""
        return [i for i in self.units if unit_id in self.path(i)]

    def at_level(self, level: str, within: str | None = None) -> list[UnitVersion]:
        """Units of a level, at or below a unit, by id."""
        found = (u for i, u in self.units.items() if u.level == level and (not within or within in self.path(i)))
        return sorted(found)

    @property
    def first_level(self) -> str:
        """The level right below the province: of districts, where there are any."""
        return "district" if any(u.level == "district" for u in self.units.values()) else "commune"

    def take_in(self, strays: Iterable[tuple[str, str, date]], lineage: Sequence[Line]) -> None:
        """Teams without a place on this map, with the unit and the first day of the place next to it."""
        after = _successors(lineage)
        for team_id, unit_id, since in strays:
            found = self._goes_on_at(unit_id, since, after)
            if found:
                self.strays[team_id] = found

    def _goes_on_at(self, unit_id: str, since: date, after: Mapping[str, Mapping[date, Sequence[str]]]) -> str | None:
        """Where a unit went on, from successor to successor; None where there is more than one, or none."""
        while unit_id not in self.units:
            next_day = min((d for d in after.get(unit_id, {}) if since < d <= self.day), default=None)
            if next_day is None or len(after[unit_id][next_day]) > 1:
                return None
            [unit_id] = after[unit_id][next_day]
            since = next_day
        return unit_id

    def unit_of(self, team_id: str, unit_id: str | None) -> UnitVersion | None:
        """The unit for which a team counts that is at `unit_id`, or was there last."""
        return self.units.get(self.strays.get(team_id, unit_id or ""))

    def spots(self, level: str) -> Spots:
        """Each team counts for its unit of this level, else for the unit of another level that it belongs to."""
        return self._spots({u.unit_id: self.key(u, level) for u in self.units.values()})

    def own_spots(self) -> Spots:
        """Each team counts for its own unit and district, as in the totals that are kept by the units of the day."""
        return self._spots({u.unit_id: _own(u) for u in self.units.values()})

    def _spots(self, keys: Mapping[str, str]) -> Spots:
        team_keys = [keys[unit_id] for unit_id in self.strays.values()]
        return Spots(self.day, list(keys), list(keys.values()), list(self.strays), team_keys)

    def key(self, unit: UnitVersion, level: str) -> str:
        """The unit of a level in which a unit lies; itself where it lies in none."""
        return next((i for i in self.path(unit.unit_id) if self._all[i].level == level), unit.unit_id)


def _own(unit: UnitVersion) -> str:
    whole = unit.commune_id in (None, unit.unit_id)  # totals are kept for whole communes and districts
    return f"{unit.unit_id} {unit.district_id or ''}" if whole else NOWHERE


def _successors(lineage: Sequence[Line]) -> dict[str, dict[date, list[str]]]:
    found: dict[str, dict[date, list[str]]] = {}
    for line in lineage:
        found.setdefault(line.predecessor_id, {}).setdefault(line.effective_on, []).append(line.successor_id)
    return found


def rest(level: str, on: Map, keys: Iterable[str], within: str | None) -> Iterator[str]:
    """Those keys that no unit of a level stands for: units of other levels, and NOWHERE for the whole province."""
    for key in sorted(keys):
        if key == NOWHERE:
            if within in (None, on.root):
                yield key
        elif on.units[key].level != level and (not within or within in on.path(key)):
            yield key
