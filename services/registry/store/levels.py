"""SQL of levels and kinds of units."""

from __future__ import annotations

from collections.abc import Sequence

from services.registry.unit import Unit
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


async def lying_below(conn: Conn, states: Sequence[Unit], unit_id: str) -> list[Unit]:
    """Those of these states that are below a unit at any depth, on any of their days."""
    rows = await conn.fetch(
        "with recursive up as (select v.unit_id, v.valid_from, v.parent_id, daterange(v.valid_from, v.valid_to) as days"
        " from unnest($1::text[], $2::date[]) as s(unit_id, valid_from) join unit_version v"
        " on v.unit_id = s.unit_id and v.valid_from = s.valid_from and v.known_to is null"
        " union select up.unit_id, up.valid_from, v.parent_id, daterange(v.valid_from, v.valid_to) * up.days"
        " from up join unit_version v on v.unit_id = up.parent_id and v.known_to is null"
        " and daterange(v.valid_from, v.valid_to) && up.days)"
        " select distinct unit_id, valid_from from up where parent_id = $3",
        [s.unit_id for s in states],
        [s.valid_from for s in states],
        unit_id,
    )
    below = {(r["unit_id"], r["valid_from"]) for r in rows}
    return [s for s in states if (s.unit_id, s.valid_from) in below]
