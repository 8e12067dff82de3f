"""All SQL of registry, a function for each statement."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

from services.registry.team import Member, Team
from services.registry.unit import Unit
from shared.contracts.registry import Level, Role
from shared.db import Conn

_UNIT = "unit_id, code, name, kind, level, parent_id, district_id, commune_id, edition, valid_from"
_TEAM = "team_id, name, level, unit_id, village, district_id, commune_id, decision_number, decision_date, formed_on"
_BELOW = (  # $2, or anything if that is null: children, and the children of these
    "($2::text is null or parent_id = $2 or parent_id in (select unit_id from unit where parent_id = $2))"
)
_MEMBER = "member_id, team_id, role, organisation_id, joined_on, left_on"


class Organisation(NamedTuple):
    """A row of `organisation`."""

    organisation_id: str
    name: str
    sector: str
    headcount: int | None


# -- units ------------------------------------------------------------------------------------------------------------


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


# -- organisations ----------------------------------------------------------------------------------------------------


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


# -- teams and members ------------------------------------------------------------------------------------------------


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


async def save_person(conn: Conn, member_id: str, full_name: str, phone: str | None) -> None:
    """Writes a member's name and phone to the vault."""
    await conn.execute(
        "insert into vault_person (member_id, full_name, phone) values ($1, $2, $3)", member_id, full_name, phone
    )


async def end_membership(conn: Conn, member_id: str, left_on: date, reason: str) -> None:
    """Notes a member's last day."""
    await conn.execute(
        "update member set left_on = $2, leave_reason = $3 where member_id = $1", member_id, left_on, reason
    )
