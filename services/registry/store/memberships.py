"""SQL of people on teams: their places and their roles, on any day, as it is known now. Names are in the vault."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any

from services.registry.membership import Membership, RoleSince
from shared.contracts.registry import LeaveReason, Role
from shared.db import Conn
from shared.rows import unnest

_MEMBERSHIP = (
    "m.member_id, m.team_id, m.joined_on, m.left_on, m.leave_reason, m.organisation_id,"
    " array_agg(r.valid_from order by r.valid_from) as since, array_agg(r.role order by r.valid_from) as roles"
    " from membership m join membership_role r on (r.member_id, r.team_id, r.joined_on)"
    " = (m.member_id, m.team_id, m.joined_on) and r.known_to is null"
)
_GROUPED = "group by m.member_id, m.team_id, m.joined_on"


async def memberships(conn: Conn, team_ids: Iterable[str]) -> list[Membership]:
    """All places that anybody ever had on these teams, by person and day."""
    rows = await conn.fetch(
        f"select {_MEMBERSHIP} where m.team_id = any($1::text[]) {_GROUPED} order by m.member_id, m.joined_on",
        list(team_ids),
    )
    return [_membership(r) for r in rows]


async def memberships_of(conn: Conn, member_ids: Iterable[str]) -> list[Membership]:
    """All places that these people ever had, by day and team."""
    rows = await conn.fetch(
        f"select {_MEMBERSHIP} where m.member_id = any($1::text[]) {_GROUPED} order by m.joined_on, m.team_id",
        list(member_ids),
    )
    return [_membership(r) for r in rows]


async def members_on(conn: Conn, team_id: str, day: date) -> list[Membership]:
    """Who is on a team on a day, by id; `role_on` the day says as what."""
    return [m for m in await memberships(conn, [team_id]) if m.holds_on(day)]


async def people(conn: Conn, member_ids: Iterable[str]) -> dict[str, str | None]:
    """Those of these people whom registry knows, locked until the transaction ends, with their organisation."""
    rows = await conn.fetch(
        "select member_id, organisation_id from person where member_id = any($1::text[]) order by member_id for update",
        list(member_ids),
    )
    return {r["member_id"]: r["organisation_id"] for r in rows}


async def save_people(conn: Conn, people: Iterable[tuple[str, str | None]]) -> int:
    """Inserts people with their organisation; answers how many, leaving out those whose id is taken."""
    columns = list(zip(*people, strict=True)) or [(), ()]
    status = await conn.execute(
        "insert into person (member_id, organisation_id) select * from unnest($1::text[], $2::text[])"
        " on conflict do nothing",
        *columns,
    )
    return int(status.rsplit(" ", 1)[1])


async def save_organisations_of(conn: Conn, people: Iterable[tuple[str, str]]) -> None:
    """The organisations of people that were named last."""
    named, columns = unnest(("text", "text"), people)
    await conn.execute(
        f"update person p set organisation_id = n.organisation_id from {named} as n(member_id, organisation_id)"
        " where p.member_id = n.member_id",
        *columns,
    )


async def save_memberships(conn: Conn, joined: Sequence[Membership], *, known_from: datetime) -> None:
    """Inserts places on teams with their roles; the people must be there."""
    rows, columns = unnest(("text", "text", "date", "date", "text", "text"), [m[:6] for m in joined])
    await conn.execute(
        "insert into membership (member_id, team_id, joined_on, left_on, leave_reason, organisation_id)"
        f" select * from {rows}",
        *columns,
    )
    await _insert_roles(conn, [(m, role) for m in joined for role in m.roles], known_from)


async def save_roles(conn: Conn, changed: Sequence[tuple[Membership, RoleSince]], *, known_from: datetime) -> None:
    """Roles from a day on, one of each place; those from the same day are known no longer."""
    rows, columns = unnest(("text", "text", "date", "date"), [(*m[:3], r.valid_from) for m, r in changed], after=1)
    await conn.execute(
        f"update membership_role r set known_to = $1 from {rows} as n(member_id, team_id, joined_on, valid_from)"
        " where (r.member_id, r.team_id, r.joined_on, r.valid_from)"
        " = (n.member_id, n.team_id, n.joined_on, n.valid_from) and r.known_to is null",
        known_from,
        *columns,
    )
    await _insert_roles(conn, changed, known_from)


async def end_memberships(conn: Conn, left: Sequence[Membership]) -> None:
    """Notes the last days of places, and why they ended."""
    rows, columns = unnest(("text", "text", "date", "date", "text"), [m[:5] for m in left])
    await conn.execute(
        "update membership m set left_on = n.left_on, leave_reason = n.leave_reason"
        f" from {rows} as n(member_id, team_id, joined_on, left_on, leave_reason)"
        " where (m.member_id, m.team_id, m.joined_on) = (n.member_id, n.team_id, n.joined_on)",
        *columns,
    )


async def _insert_roles(conn: Conn, roles: Sequence[tuple[Membership, RoleSince]], known_from: datetime) -> None:
    rows, columns = unnest(("text", "text", "date", "date", "text"), [(*m[:3], *role) for m, role in roles], after=1)
    await conn.execute(
        "insert into membership_role (member_id, team_id, joined_on, valid_from, role, known_from)"
        f" select *, $1 from {rows}",
        known_from,
        *columns,
    )


def _membership(row: Any) -> Membership:
    member_id, team_id, joined_on, left_on, reason, organisation_id, since, roles = row
    held = tuple(RoleSince(day, Role(role)) for day, role in zip(since, roles, strict=True))
    return Membership(
        member_id, team_id, joined_on, left_on, LeaveReason(reason) if reason else None, organisation_id, held
    )
