"""SQL of what people ask for about the own data."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import NamedTuple

from shared.db import Conn

_REQUEST = "request_id, member_id, kind, received_at, due_at, answered_at, outcome"
_WANTED = (
    "($1::text is null or member_id = $1) and ($2::boolean is null or $2 = (answered_at is not null))"
    " and ($3::timestamptz is null or due_at <= coalesce(answered_at, $3))"
    " and ($4::text[] is null or exists (select from membership m join team_place p using (team_id)"
    " where m.member_id = r.member_id and (m.left_on is null or m.left_on >= $5 or not exists (select from membership o"
    " where o.member_id = r.member_id and (o.left_on is null or o.left_on >= $5)))"
    " and p.known_to is null and p.valid_from <= $5 and (p.valid_to is null or p.valid_to > $5)"
    " and (p.unit_id = any($4) or p.commune_id = any($4) or p.district_id = any($4)))"
    " or exists (select from contact c where c.contact_id = r.member_id and c.unit_id = any($4)))"
)


class Request(NamedTuple):
    """A row of `subject_request`."""

    request_id: str
    member_id: str
    kind: str
    received_at: datetime
    due_at: datetime
    answered_at: datetime | None
    outcome: str | None


class Wanted(NamedTuple):
    """Which requests are asked for; None: any. `late_at`: those not answered in time as of that moment."""

    member_id: str | None
    answered: bool | None
    late_at: datetime | None
    within: Sequence[str] | None
    """Units; None stands for the whole province."""
    today: date


async def requests(conn: Conn, wanted: Wanted, *, after: tuple[datetime, str], limit: int) -> list[Request]:
    """Requests, those due first before the others, after one of them."""
    rows = await conn.fetch(
        f"select {_REQUEST} from subject_request r where {_WANTED} and (due_at, request_id) > ($6, $7)"
        " order by due_at, request_id limit $8",
        *wanted,
        *after,
        limit,
    )
    return [Request(*r.values()) for r in rows]


async def count_requests(conn: Conn, wanted: Wanted) -> int:
    """How many `requests` lists in all."""
    return int(await conn.fetchval(f"select count(*) from subject_request r where {_WANTED}", *wanted))


async def request(conn: Conn, request_id: str) -> Request | None:
    """One request, locked until the transaction ends."""
    row = await conn.fetchrow(f"select {_REQUEST} from subject_request where request_id = $1 for update", request_id)
    return Request(*row.values()) if row else None


async def save_request(conn: Conn, request: Request) -> bool:
    """Inserts; answers False when the id is taken."""
    status = await conn.execute(
        f"insert into subject_request ({_REQUEST}) values ($1, $2, $3, $4, $5, $6, $7) on conflict do nothing", *request
    )
    return status.endswith(" 1")


async def save_answer(conn: Conn, request_id: str, at: datetime, outcome: str) -> None:
    """Notes when and how a request was answered."""
    await conn.execute(
        "update subject_request set answered_at = $2, outcome = $3 where request_id = $1", request_id, at, outcome
    )
