"""SQL of organisations."""

from __future__ import annotations

from typing import NamedTuple

from shared.db import Conn


class Organisation(NamedTuple):
    """A row of `organisation`."""

    organisation_id: str
    name: str
    sector: str
    headcount: int | None


async def organisation(conn: Conn, organisation_id: str) -> Organisation | None:
    """One organisation."""
    row = await conn.fetchrow(
        "select organisation_id, name, sector, headcount from organisation where organisation_id = $1", organisation_id
    )
    return Organisation(*row.values()) if row else None


async def organisations(conn: Conn, *, after: str, limit: int) -> list[Organisation]:
    """Organisations by id."""
    rows = await conn.fetch(
        "select organisation_id, name, sector, headcount from organisation where organisation_id > $1"
        " order by organisation_id limit $2",
        after,
        limit,
    )
    return [Organisation(*r.values()) for r in rows]


async def count_organisations(conn: Conn) -> int:
    """All organisations."""
    return int(await conn.fetchval("select count(*) from organisation"))


async def save_organisation(conn: Conn, row: Organisation) -> bool:
    """Inserts; answers False when the id is taken."""
    status = await conn.execute(
        "insert into organisation (organisation_id, name, sector, headcount) values ($1, $2, $3, $4)"
        " on conflict do nothing",
        *row,
    )
    return status.endswith(" 1")
