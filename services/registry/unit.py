"""Rules of administrative units: their states in time, and what an edition must hold to be loaded. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import NamedTuple, Protocol

from shared import errors
from shared.clock import start_of_day
from shared.contracts.reform import Level, UnitState
from shared.contracts.registry import UnitEstablished


class Unit(NamedTuple):
    """A unit as it is from `valid_from` until before `valid_to`. Only the id stays; a code or a name identifies
    nothing."""

    unit_id: str
    code: str
    """The official code; empty for a village, which has none."""
    name: str
    kind: str
    level: Level
    parent_id: str | None
    district_id: str | None
    commune_id: str | None
    edition: str
    """The edition that brought this state; empty where none did."""
    valid_from: date
    valid_to: date | None = None
    """The first day on which this no longer holds; None while it holds."""
    reform_id: str | None = None
    """The reform that brought this state."""
    level_id: str | None = None
    """Its own level, where that is none of the four of `level`."""

    @property
    def path(self) -> tuple[str, ...]:
        """Ids of the unit and of what rights are given for above it: its parent, its district, its commune."""
        ids = (self.unit_id, self.parent_id, self.district_id, self.commune_id)
        return tuple(dict.fromkeys(i for i in ids if i))

    def holds_on(self, day: date) -> bool:
        """Whether the unit is in this state on that day."""
        return self.valid_from <= day and (self.valid_to is None or day < self.valid_to)


class Placed(Protocol):
    """A unit, as far as its place goes."""

    @property
    def district_id(self) -> str | None:
        """The district that it is or lies in."""

    @property
    def commune_id(self) -> str | None:
        """The commune that it is or lies in."""


def home_id(village: Placed) -> str:
    """The unit that a village belongs to, however many villages lie between: a commune, or a district without any."""
    return village.commune_id or village.district_id or ""


def place(unit_id: str, level: Level, parent: Unit | UnitState | None) -> tuple[str | None, str | None]:
    """The district and the commune of a unit of a level below a parent; itself, where it is one."""
    district = unit_id if level is Level.DISTRICT else (parent.district_id if parent else None)
    commune = unit_id if level is Level.COMMUNE else (parent.commune_id if parent else None)
    return district, commune


def read_edition(rows: Iterable[Mapping[str, str]], edition: str) -> list[Unit]:
    """The units of an edition's table, parents before children. Raises ValueError for a parent that is not there."""
    units: dict[str, Unit] = {}
    for row in rows:
        parent = units.get(row["parent_id"])
        if row["parent_id"] and parent is None:
            raise ValueError(f"{row['unit_id']}: its parent {row['parent_id']} is not listed before it")
        level = Level(row["level"])
        units[row["unit_id"]] = Unit(
            row["unit_id"], row["code"], row["name"], row["kind"], level, row["parent_id"] or None,
            *place(row["unit_id"], level, parent), edition, date.fromisoformat(row["valid_from"]),
        )  # fmt: skip
    return list(units.values())


def load(units: Sequence[Unit], loaded: set[str], edition: str, *, first: str) -> list[UnitEstablished]:
    """The events that bring the first edition; none when it is loaded already. The others come as reforms."""
    if edition in loaded:
        return []
    if edition != first:
        raise errors.conflict(
            "comes_as_reform",
            "edition",
            f"Bản đồ đầu tiên là «{first}». Bản «{edition}» phải vào bằng quyết định sắp xếp: POST /registry/reforms.",
            f"The first map is «{first}». Edition «{edition}» has to come as a reform: POST /registry/reforms.",
        )
    return [UnitEstablished(occurred_at=start_of_day(u.valid_from), **u._asdict()) for u in units]
