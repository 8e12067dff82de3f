"""SQL of teams and their members."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from services.registry.team import Member, Team
from shared.contracts.reform import Level
from shared.contracts.registry import Role
from shared.db import Conn

_TEAM = "team_id, name, level, unit_id, village, district_id, commune_id, decision_number, decision_date, formed_on"
_MEMBER = "member_id, team_id, role, organisation_id, joined_on, left_on"


async def team(conn: Conn, team_id: str) -> Team | None:
    """One team."""
    row = await conn.fetchrow(f"select {_TEAM} from team where team_id = $1", team_id)
    return Team(**{**row, "level": Level(row["level"])}) if row else None


async def lock_team(conn: Conn, team_id: str) -> Team | None:
    """One team, locked until the transaction ends: its members change one at a time."""
    row = await conn.fetchrow(f"select {_TEAM} from team where team_id = $1 for update", team_id)
    return Team(**{**row, "level": Level(row["level"])}) if row else None


async def teams(conn: Conn, *, within: Sequence[str], after: str, limit: int) -> list[Team]:
    """Teams by id, at or below any of these units."""
    rows = await conn.fetch(
        f"select {_TEAM} from team where team_id > $2 and (unit_id = any($1::text[])"
        " or district_id = any($1::text[]) or commune_id = any($1::text[])) order by team_id limit $3",
        list(within),
        after,
        limit,
    )
    return [Team(**{**r, "level": Level(r["level"])}) for r in rows]


async def count_teams(conn: Conn, *, within: Sequence[str]) -> int:
    """How many teams `teams` lists in all."""
    value = await conn.fetchval(
        "select count(*) from team where unit_id = any($1::text[]) or district_id = any($1::text[])"
        " or commune_id = any($1::text[])",
        list(within),
    )
    return int(value)


async def save_team(conn: Conn, team: Team) -> bool:
    """Inserts; answers False when the id is taken."""
    status = await conn.execute(
        f"insert into team ({_TEAM}) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) on conflict do nothing", *team
    )
    return status.endswith(" 1")


async def members(conn: Conn, team_id: str) -> list[Member]:
    """All members that a team ever had, by id."""
    rows = await conn.fetch(f"select {_MEMBER} from member where team_id = $1 order by member_id", team_id)
    return [Member(**{**r, "role": Role(r["role"])}) for r in rows]


async def member(conn: Conn, member_id: str) -> Member | None:
    """One member, locked until the transaction ends."""
    row = await conn.fetchrow(f"select {_MEMBER} from member where member_id = $1 for update", member_id)
    return Member(**{**row, "role": Role(row["role"])}) if row else None


async def save_member(conn: Conn, member: Member) -> bool:
    """Inserts; answers False when the id is taken."""
    status = await conn.execute(
        f"insert into member ({_MEMBER}) values ($1, $2, $3, $4, $5, $6) on conflict do nothing", *member
    )
    return status.endswith(" 1")


async def end_membership(conn: Conn, member_id: str, left_on: date, reason: str) -> None:
    """Notes a member's last day."""
    await conn.execute(
        "update member set left_on = $2, leave_reason = $3 where member_id = $1", member_id, left_on, reason
    )
