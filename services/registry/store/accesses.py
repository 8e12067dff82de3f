"""SQL of the record of who read or wrote people's data."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from shared.db import Conn

_WANTED = (
    "($1::text is null or member_id = $1) and ($2::text is null or subject = $2) and ($3::text is null or action = $3)"
    " and ($4::text is null or why = $4) and at >= $5 and at < $6"
)


class Wanted(NamedTuple):
    """Which accesses are asked for; None: any."""

    member_id: str | None
    subject: str | None
    action: str | None
    why: str | None
    since: datetime
    until: datetime


class Noted(NamedTuple):
    """An access on record."""

    access_id: int
    at: datetime
    subject: str
    roles: list[str]
    member_id: str
    action: str
    fields: list[str]
    why: str
    trace: str


async def accesses(conn: Conn, wanted: Wanted, *, before: int, limit: int) -> list[Noted]:
    """Accesses, the newest first, from before one of them on."""
    rows = await conn.fetch(
        f"select {', '.join(Noted._fields)} from vault_access where {_WANTED} and access_id < $7"
        " order by access_id desc limit $8",
        *wanted,
        before,
        limit,
    )
    return [Noted(*r.values()) for r in rows]


async def count_accesses(conn: Conn, wanted: Wanted) -> int:
    """How many `accesses` lists in all."""
    return int(await conn.fetchval(f"select count(*) from vault_access where {_WANTED}", *wanted))
