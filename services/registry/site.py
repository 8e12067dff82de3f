"""Rules of where a team may be: a unit in force on the day that takes teams of the level, a village in it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

from services.registry.unit import Unit, home_id
from shared import errors
from shared.contracts.reform import Level

TEAM_LEVELS = {
    Level.DISTRICT: (Level.DISTRICT,),
    Level.COMMUNE: (Level.COMMUNE, Level.DISTRICT),  # a district without communes (Lý Sơn) acts as one
    Level.VILLAGE: (Level.COMMUNE, Level.DISTRICT),
}
"""At which units there may be a team of a level."""

IN_VIETNAMESE = {Level.PROVINCE: "tỉnh", Level.DISTRICT: "huyện", Level.COMMUNE: "xã", Level.VILLAGE: "thôn"}


class Site(NamedTuple):
    """A unit as it is on the day that matters, and what is known around it."""

    unit: Unit
    has_communes: bool
    """There are communes directly below it."""
    village: Unit | None = None
    """The village as it is on that day, where it is named by its id."""
    later: tuple[Site, ...] = ()
    """What became of it since, by the reforms that are known: each from its own first day on."""

    @property
    def anchor(self) -> Unit:
        """The unit that a team there follows: the village, where it is named by its id."""
        return self.village or self.unit

    def on(self, day: date) -> Site:
        """The site as it is on a later day."""
        return next((s for s in reversed(self.later) if s.anchor.valid_from <= day), self)

    @property
    def village_id(self) -> str | None:
        """Id of the village, where it is a unit."""
        return self.village.unit_id if self.village else None


def unit_on(states: Sequence[Unit], unit_id: str, day: date, *, field: str, day_field: str) -> Unit:
    """A unit as it is on a day, of all its states. Refuses an unknown unit and a day on which it is not in force."""
    if not states:
        raise unknown_unit(unit_id, field)
    found = next((s for s in states if s.holds_on(day)), None)
    if found:
        return found
    first, last = states[0], states[-1]
    if day < first.valid_from:
        raise errors.invalid(
            "before_unit",
            day_field,
            f"«{first.name}» có hiệu lực từ {first.valid_from:%d/%m/%Y}; ngày này phải từ ngày đó.",
            f"«{first.name}» is in force from {first.valid_from}; this must be on or after that day.",
        )
    raise unit_ended(last, day, field)


def unit_ended(last: Unit, day: date, field: str = "unit_id") -> errors.Problem:
    """422: the unit is in force no longer on a day."""
    return errors.invalid(
        "unit_ended",
        field,
        f"«{last.name}» hết hiệu lực từ {last.valid_to:%d/%m/%Y}. Hãy chọn đơn vị có hiệu lực vào ngày {day:%d/%m/%Y}.",
        f"«{last.name}» is in force no longer from {last.valid_to} on. Choose a unit that is in force on {day}.",
    )


def successor_needed(ended: Unit, day: date, candidates: Sequence[Unit]) -> errors.Problem:
    """422: a unit was split since; somebody has to say where the team is."""
    names = ", ".join(f"«{u.name}» ({u.unit_id})" for u in candidates) or "–"
    return errors.invalid(
        "successor_needed",
        "successor_id",
        f"Từ {day:%d/%m/%Y} «{ended.name}» được chia vào: {names}. Hãy nêu tổ thuộc đơn vị nào.",
        f"From {day} on «{ended.name}» is part of: {names}. Say which one the team is at.",
    )


def level_at(level: Level, unit: Unit) -> Level:
    """The level of a team at a unit that came to be where it was: as before, where there may be such a team."""
    return level if unit.level in TEAM_LEVELS[level] else unit.level


def must_take(site: Site, level: Level, village: str | None) -> str | None:
    """Refuses a site that takes no team of the level; answers with the village's name, of a village team."""
    unit = site.unit
    last = (site, *site.later)[-1].anchor
    if last.valid_to is not None:
        raise unit_ended(last, last.valid_to)
    if unit.level not in TEAM_LEVELS.get(level, ()):
        raise errors.invalid(
            "level_does_not_fit_unit",
            "level",
            f"Không thể lập tổ cấp {IN_VIETNAMESE[level]} tại «{unit.name}». Hãy chọn đơn vị hoặc cấp khác.",
            f"There can be no {level} team at «{unit.name}». Choose another unit or level.",
        )
    name = _village(site, village)
    if (level is Level.VILLAGE) != (name is not None):
        raise errors.invalid(
            "village_missing",
            "village",
            "Tổ cấp thôn cần tên thôn/bản/tổ dân phố; tổ cấp khác thì để trống.",
            "A village team needs the village's name; other teams leave it out.",
        )
    if site.has_communes and level is not Level.DISTRICT:
        raise errors.invalid(
            "commune_needed",
            "unit_id",
            f"«{unit.name}» có các xã, phường, thị trấn: tổ cấp xã hoặc thôn phải ở một trong số đó.",
            f"«{unit.name}» has communes: a team of a commune or a village must be at one of them.",
        )
    return name


def _village(site: Site, name: str | None) -> str | None:
    village, unit = site.village, site.unit
    if village is None:
        return name
    if village.level is not Level.VILLAGE or home_id(village) != unit.unit_id:
        raise errors.invalid(
            "village_elsewhere",
            "village_id",
            f"«{village.name}» không phải thôn, bản, tổ dân phố thuộc «{unit.name}».",
            f"«{village.name}» is not a village of «{unit.name}».",
        )
    if name not in (None, village.name):
        raise errors.invalid(
            "village_name_differs",
            "village",
            f"Thôn này trong sổ tên là «{village.name}». Hãy ghi đúng tên đó hoặc để trống.",
            f"This village is on record as «{village.name}». Give that name or leave it out.",
        )
    return village.name


def unknown_unit(unit_id: str, field: str = "unit_id") -> errors.Problem:
    """422: there is no such unit."""
    return errors.invalid(
        "unknown_unit",
        field,
        f"Không có đơn vị «{unit_id}». Xem danh sách tại /registry/units.",
        f"There is no unit «{unit_id}». See /registry/units.",
    )
