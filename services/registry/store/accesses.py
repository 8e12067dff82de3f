"""SQL of the record of who read or wrote people's data."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from shared.db import Conn

_TERMS = {
    "member_id": "member_id = ${}",
    "subject": "subject = ${}",
    "action": "action = ${}",
    "why": "why = ${}",
    "since": "at >= ${}",
    "until": "at < ${}",
}


class Wanted(NamedTuple):
    """Which accesses are asked for; None: any."""

    member_id: str | None
    subject: str | None
    action: str | None
    why: str | None
    since: datetime | None
    until: datetime | None


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
    where, values = _where(wanted)
    n = len(values)
    rows = await conn.fetch(
        f"select {', '.join(Noted._fields)} from vault_access where {where} and access_id < ${n + 1}"
        f" order by access_id desc limit ${n + 2}",
        *values,
        before,
        limit,
    )
    return [Noted(*r.values()) for r in rows]


async def count_accesses(conn: Conn, wanted: Wanted) -> int:
    """How many `accesses` lists in all."""
    where, values = _where(wanted)
    return int(await conn.fetchval(f"select count(*) from vault_access where {where}", *values))


def _where(wanted: Wanted) -> tuple[str, list[object]]:
    """Only what is asked for: a plan that fits any question would read the whole record for each."""
    asked = [(name, value) for name, value in wanted._asdict().items() if value is not None]
    terms = [_TERMS[name].format(n) for n, (name, _) in enumerate(asked, 1)]
    return " and ".join(terms) or "true", [value for _, value in asked]
