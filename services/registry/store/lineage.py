"""SQL of lineage: who follows whom, through any number of reforms. Reversed reforms are as if they had not been."""

from __future__ import annotations

from datetime import date
from typing import Any, NamedTuple

from services.registry.unit import Unit
from shared.contracts.reform import Part
from shared.db import Conn


class Relative(NamedTuple):
    """A unit that something of another went into, or came from."""

    unit_id: str
    part: Part
    """Whether all of the predecessor is in the successor."""
    reforms: tuple[str, ...]
    """The reforms on the way, oldest first."""
    since: date
    """The effective day of the last of them."""


async def successors(conn: Conn, unit_id: str, day: date) -> list[Relative]:
    """Other units that had something of this one by a day, those on the way included."""
    rows = await conn.fetch(
        "with recursive step as ("
        "select successor_id as unit_id, part, array[reform_id] as reforms, effective_on, effective_on as last"
        " from lineage where predecessor_id = $1 and successor_id <> $1 and effective_on <= $2 and reversed_at is null"
        " union all"
        " select l.successor_id, case when step.part = 'whole' then l.part else 'part' end,"
        " step.reforms || l.reform_id, l.effective_on, l.effective_on"
        " from lineage l join step on l.predecessor_id = step.unit_id and l.successor_id <> step.unit_id"
        " where l.effective_on > step.effective_on and l.effective_on <= $2 and l.reversed_at is null)"
        " select unit_id, part, reforms, last from step order by last, unit_id",
        unit_id,
        day,
    )
    return _relatives(rows)


async def predecessors(conn: Conn, unit_id: str, day: date) -> list[Relative]:
    """Other units that had on a day what came to be in this one later, those on the way included."""
    rows = await conn.fetch(
        "with recursive step as ("
        "select predecessor_id as unit_id, part, array[reform_id] as reforms, effective_on, effective_on as last"
        " from lineage where successor_id = $1 and predecessor_id <> $1 and effective_on > $2 and reversed_at is null"
        " union all"
        " select l.predecessor_id, case when step.part = 'whole' then l.part else 'part' end,"
        " l.reform_id || step.reforms, l.effective_on, step.last"
        " from lineage l join step on l.successor_id = step.unit_id and l.predecessor_id <> step.unit_id"
        " where l.effective_on < step.effective_on and l.effective_on > $2 and l.reversed_at is null)"
        " select unit_id, part, reforms, last from step order by unit_id",
        unit_id,
        day,
    )
    return _relatives(rows)


async def dependents(conn: Conn, state: Unit) -> list[str]:
    """What lies below a unit, or is placed there, on any day of a state: units and teams, by name."""
    rows = await conn.fetch(
        "select name from unit_version where parent_id = $1 and known_to is null"
        " and daterange(valid_from, valid_to) && daterange($2, $3)"
        " union select t.name from team t join team_place p using (team_id) where (p.unit_id = $1 or p.village_id = $1)"
        " and p.known_to is null and daterange(p.valid_from, p.valid_to) && daterange($2, $3) order by name",
        state.unit_id,
        state.valid_from,
        state.valid_to,
    )
    return [r["name"] for r in rows]


def _relatives(rows: list[Any]) -> list[Relative]:
    """One for each unit; of several ways the one that brought all of it."""
    found: dict[str, Relative] = {}
    for row in rows:
        one = Relative(row["unit_id"], Part(row["part"]), tuple(row["reforms"]), row["last"])
        if one.unit_id not in found or one.part is Part.WHOLE:
            found[one.unit_id] = one
    return list(found.values())
