"""Rules of administrative units: what an edition must hold to be loaded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import NamedTuple

from shared import errors
from shared.clock import start_of_day
from shared.contracts.reform import Level
from shared.contracts.registry import UnitEstablished


class Unit(NamedTuple):
    """A unit in force."""

    unit_id: str
    code: str
    name: str
    kind: str
    level: Level
    parent_id: str | None
    district_id: str | None
    commune_id: str | None
    edition: str
    valid_from: date

    @property
    def path(self) -> tuple[str, ...]:
        """Ids of the unit and of everything above it, for rights."""
        ids = (self.unit_id, self.parent_id, self.district_id, self.commune_id)
        return tuple(dict.fromkeys(i for i in ids if i))


def read_edition(rows: Iterable[Mapping[str, str]], edition: str) -> list[Unit]:
    """The units of an edition's table, parents before children. Raises ValueError for a parent that is not there."""
    units: dict[str, Unit] = {}
    for row in rows:
        parent = units.get(row["parent_id"])
        if row["parent_id"] and parent is None:
            raise ValueError(f"{row['unit_id']}: its parent {row['parent_id']} is not listed before it")
        level = Level(row["level"])
        district = row["unit_id"] if level is Level.DISTRICT else (parent.district_id if parent else None)
        commune = row["unit_id"] if level is Level.COMMUNE else (parent.commune_id if parent else None)
        units[row["unit_id"]] = Unit(
            row["unit_id"], row["code"], row["name"], row["kind"], level, row["parent_id"] or None, district, commune,
            edition, date.fromisoformat(row["valid_from"]),
        )  # fmt: skip
    return list(units.values())


def load(units: Sequence[Unit], loaded: set[str], edition: str) -> list[UnitEstablished]:
    """The events that bring an edition; none when it is loaded already. The 2023 edition must come first."""
    if edition in loaded:
        return []
    if loaded:
        raise errors.conflict(
            "another_edition_in_force",
            "edition",
            f"Đã có bản đồ hành chính {', '.join(sorted(loaded))}. Bản tiếp theo phải vào bằng quyết định sắp xếp.",
            f"Edition {', '.join(sorted(loaded))} is in force. The next one has to come as a reform.",
        )
    return [UnitEstablished(occurred_at=start_of_day(u.valid_from), **u._asdict()) for u in units]
