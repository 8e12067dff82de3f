"""SQL of levels and kinds of units."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from services.registry.unit_levels import Levels, UnitKind, UnitLevel
from shared.contracts.reform import Level
from shared.db import Conn


async def all_levels(conn: Conn) -> Levels:
    """Every level and every kind."""
    levels = await conn.fetch("select level_id, rank, counts_as, name_vi, name_en from unit_level order by rank")
    kinds = await conn.fetch("select kind_id, level_id, word_vi, word_en from unit_kind order by place")
    return Levels(
        [UnitLevel(**{**r, "counts_as": Level(r["counts_as"])}) for r in levels], [UnitKind(**r) for r in kinds]
    )


async def save_level(conn: Conn, level: UnitLevel) -> None:
    """Writes a further level."""
    await conn.execute(
        "insert into unit_level (level_id, rank, counts_as, name_vi, name_en) values ($1, $2, $3, $4, $5)", *level
    )


async def save_kinds(conn: Conn, kinds: Sequence[UnitKind]) -> None:
    """Writes further kinds."""
    await conn.executemany("insert into unit_kind (kind_id, level_id, word_vi, word_en) values ($1, $2, $3, $4)", kinds)


async def states_within(conn: Conn, unit_id: str) -> set[tuple[str, date]]:
    """Ids and first days of all states known now of what is, or was, below a unit at any depth."""
    rows = await conn.fetch(
        "with recursive below as (select unit_id, valid_from as first, daterange(valid_from, valid_to) as days"
        " from unit_version where parent_id = $1 and known_to is null"
        " union select v.unit_id, v.valid_from, daterange(v.valid_from, v.valid_to) * below.days from unit_version v"
        " join below on v.parent_id = below.unit_id and daterange(v.valid_from, v.valid_to) && below.days"
        " where v.known_to is null) select distinct unit_id, first from below",
        unit_id,
    )
    return {(r["unit_id"], r["first"]) for r in rows}
