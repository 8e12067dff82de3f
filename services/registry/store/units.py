"""SQL of administrative units."""

from __future__ import annotations

from collections.abc import Sequence

from services.registry.unit import Unit
from shared.contracts.reform import Level
from shared.db import Conn

_UNIT = "unit_id, code, name, kind, level, parent_id, district_id, commune_id, edition, valid_from"
_BELOW = (  # $2, or anything if that is null: children, and the children of these
    "($2::text is null or parent_id = $2 or parent_id in (select unit_id from unit where parent_id = $2))"
)


async def unit(conn: Conn, unit_id: str) -> Unit | None:
    """One unit."""
    row = await conn.fetchrow(f"select {_UNIT} from unit where unit_id = $1", unit_id)
    return Unit(**{**row, "level": Level(row["level"])}) if row else None


async def units(conn: Conn, *, level: str | None, within: str | None, after: str, limit: int) -> list[Unit]:
    """Units by id, of a level and below a unit where these are given."""
    rows = await conn.fetch(
        f"select {_UNIT} from unit where unit_id > $3 and ($1::text is null or level = $1)"
        f" and {_BELOW} order by unit_id limit $4",
        level,
        within,
        after,
        limit,
    )
    return [Unit(**{**r, "level": Level(r["level"])}) for r in rows]


async def count_units(conn: Conn, *, level: str | None, within: str | None) -> int:
    """How many units `units` lists in all."""
    value = await conn.fetchval(
        f"select count(*) from unit where ($1::text is null or level = $1) and {_BELOW}",
        level,
        within,
    )
    return int(value)


async def has_communes(conn: Conn, unit_id: str) -> bool:
    """Whether there are communes directly below a unit."""
    found: bool = await conn.fetchval(
        "select exists (select from unit where parent_id = $1 and level = 'commune')", unit_id
    )
    return found


async def editions(conn: Conn) -> set[str]:
    """Editions that are loaded."""
    return {r["edition"] for r in await conn.fetch("select distinct edition from unit")}


async def save_units(conn: Conn, units: Sequence[Unit]) -> None:
    """Inserts units, parents before children."""
    await conn.executemany(f"insert into unit ({_UNIT}) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)", units)


async def lock_editions(conn: Conn) -> None:
    """One loading of an edition at a time."""
    await conn.execute("select pg_advisory_xact_lock(hashtext('registry.edition'))")
