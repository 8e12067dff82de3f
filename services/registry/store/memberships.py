"""SQL of people on teams: their places and their roles, on any day, as it is known now. Names are in the vault."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any

from services.registry.membership import Membership, RoleSince
from shared.contracts.registry import LeaveReason, Role
from shared.db import Conn

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


async def save_organisation_of(conn: Conn, member_id: str, organisation_id: str) -> None:
    """The organisation of a person that was named last."""
    await conn.execute("update person set organisation_id = $2 where member_id = $1", member_id, organisation_id)


async def save_memberships(conn: Conn, joined: Sequence[Membership], *, known_from: datetime) -> None:
    """Inserts places on teams with their roles; the people must be there."""
    await conn.executemany(
        "insert into membership (member_id, team_id, joined_on, left_on, leave_reason, organisation_id)"
        " values ($1, $2, $3, $4, $5, $6)",
        [m[:6] for m in joined],
    )
    await _insert_roles(conn, [(m, role) for m in joined for role in m.roles], known_from)


async def save_role(conn: Conn, changed: Membership, role: RoleSince, *, known_from: datetime) -> None:
    """A role from a day on; one from the same day is known no longer."""
    await conn.execute(
        "update membership_role set known_to = $5 where (member_id, team_id, joined_on, valid_from)"
        " = ($1, $2, $3, $4) and known_to is null",
        *changed[:3],
        role.valid_from,
        known_from,
    )
    await _insert_roles(conn, [(changed, role)], known_from)


async def end_memberships(conn: Conn, left: Sequence[Membership]) -> None:
    """Notes the last days of places, and why they ended."""
    await conn.executemany(
        "update membership set left_on = $4, leave_reason = $5 where (member_id, team_id, joined_on) = ($1, $2, $3)",
        [m[:5] for m in left],
    )


async def _insert_roles(conn: Conn, roles: Sequence[tuple[Membership, RoleSince]], known_from: datetime) -> None:
    await conn.executemany(
        "insert into membership_role (member_id, team_id, joined_on, valid_from, role, known_from)"
        " values ($1, $2, $3, $4, $5, $6)",
        [(*m[:3], *role, known_from) for m, role in roles],
    )


def _membership(row: Any) -> Membership:
    member_id, team_id, joined_on, left_on, reason, organisation_id, since, roles = row
    held = tuple(RoleSince(day, Role(role)) for day, role in zip(since, roles, strict=True))
    return Membership(
        member_id, team_id, joined_on, left_on, LeaveReason(reason) if reason else None, organisation_id, held
    )
