"""SQL of the pages: counts and lists as people look at them. What they show changes in the other modules only."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import NamedTuple

from shared.db import Conn

_THERE = (  # a team's place on day $1
    "p.known_to is null and p.valid_from <= $1 and (p.valid_to is null or p.valid_to > $1)"
    " and t.formed_on <= $1 and (t.disbanded_on is null or t.disbanded_on >= $1)"
)


class Strength(NamedTuple):
    """Teams at one unit on a day, and the people on them."""

    teams: int
    members: int


async def map_days(conn: Conn, root: str) -> list[date]:
    """The first day of the map of `root`, and those on which a reform changed it; reforms of villages aside."""
    rows = await conn.fetch(
        "select min(valid_from) as day from unit_version where unit_id = $1 and known_to is null"
        " union select effective_on from reform r where reversed_at is null and exists (select from unit_version v"
        " where v.reform_id = r.reform_id and v.known_to is null and v.level <> 'village') order by 1",
        root,
    )
    return [r["day"] for r in rows if r["day"]]


async def first_team_day(conn: Conn) -> date | None:
    """The day on which the first team of all was formed."""
    day: date | None = await conn.fetchval("select min(formed_on) from team")
    return day


async def reforms_of_day(conn: Conn, day: date) -> list[str]:
    """Ids of the reforms that took effect on a day and hold."""
    rows = await conn.fetch(
        "select reform_id from reform where effective_on = $1 and reversed_at is null order by reform_id", day
    )
    return [r["reform_id"] for r in rows]


class Line(NamedTuple):
    """One line of a unit's lineage, and the day from which it holds."""

    predecessor_id: str
    successor_id: str
    part: str
    how: str
    effective_on: date


async def lineage(conn: Conn, unit_id: str) -> list[Line]:
    """Every line in which a unit follows or is followed, by day."""
    rows = await conn.fetch(
        "select predecessor_id, successor_id, part, how, effective_on from lineage"
        " where reversed_at is null and (predecessor_id = $1 or successor_id = $1)"
        " order by effective_on, predecessor_id, successor_id",
        unit_id,
    )
    return [Line(*r.values()) for r in rows]


async def reform_titles(conn: Conn, reform_ids: Sequence[str]) -> dict[str, str]:
    """The number of the decision behind each of these reforms."""
    rows = await conn.fetch(
        "select reform_id, legal_basis->>'number' as number from reform where reform_id = any($1::text[])",
        list(reform_ids),
    )
    return {r["reform_id"]: r["number"] for r in rows}


async def strength(conn: Conn, day: date) -> dict[str, Strength]:
    """Teams and members on a day by the unit that they belong to themselves, a village where there is one."""
    rows = await conn.fetch(
        "select coalesce(p.village_id, p.unit_id) as unit_id, count(*) as teams, sum(coalesce(m.members, 0)) as members"
        " from team_place p join team t using (team_id)"
        " left join (select team_id, count(*) as members from membership"
        " where joined_on <= $1 and (left_on is null or left_on >= $1) group by team_id) m using (team_id)"
        f" where {_THERE} group by 1",
        day,
    )
    return {r["unit_id"]: Strength(r["teams"], int(r["members"])) for r in rows}


_WITHIN = (
    "($2::text[] is null or p.unit_id = any($2) or p.district_id = any($2) or p.commune_id = any($2)"
    " or p.village_id = any($2))"
)
_AT_THEM = "m.team_id = any(array(select team_id from there))"
_ON_DAY = "m.joined_on <= $1 and (m.left_on is null or m.left_on >= $1)"
_MEMBERS = (
    f"(select m.team_id, count(*) as members from membership m where {_AT_THEM} and {_ON_DAY} group by m.team_id)"
)
_LED = (  # the teams that somebody leads on day $1: found from the leaders, who are few
    "(select distinct m.team_id, true as has_leader from membership m"
    " join membership_role r using (member_id, team_id, joined_on)"
    f" where {_AT_THEM} and {_ON_DAY} and r.role = 'leader' and r.known_to is null and r.valid_from <= $1"
    " and not exists (select from membership_role n where (n.member_id, n.team_id, n.joined_on)"
    " = (r.member_id, r.team_id, r.joined_on) and n.known_to is null"
    " and n.valid_from > r.valid_from and n.valid_from <= $1))"
)


class Standing(NamedTuple):
    """How many teams there are on a day, people on them, and teams without a leader."""

    teams: int
    members: int
    leaderless: int


async def standing(conn: Conn, day: date, *, within: Sequence[str] | None) -> Standing:
    """Teams and people on a day at or below any of these units; None: everywhere."""
    row = await conn.fetchrow(
        "with there as materialized (select p.team_id from team_place p join team t using (team_id)"
        f" where {_THERE} and {_WITHIN})"
        " select count(*) as teams, coalesce(sum(m.members), 0)::bigint as members,"
        " count(*) filter (where l.has_leader is null) as leaderless"
        f" from there left join {_MEMBERS} m using (team_id) left join {_LED} l using (team_id)",
        day,
        None if within is None else list(within),
    )
    return Standing(*(row.values() if row else (0, 0, 0)))


async def organisation_names(conn: Conn, organisation_ids: Sequence[str]) -> dict[str, str]:
    """What these organisations are called at last, by id."""
    rows = await conn.fetch(
        "select organisation_id, name from organisation where organisation_id = any($1::text[])", list(organisation_ids)
    )
    return {r["organisation_id"]: r["name"] for r in rows}


async def unit_names(conn: Conn, unit_ids: Iterable[str]) -> dict[str, str]:
    """What these units are called, or were at last."""
    rows = await conn.fetch(
        "select distinct on (unit_id) unit_id, name from unit_version where unit_id = any($1::text[])"
        " and known_to is null order by unit_id, valid_from desc",
        list(unit_ids),
    )
    return {r["unit_id"]: r["name"] for r in rows}


async def name_of_contacted(conn: Conn, contact_id: str) -> str:
    """What the unit, the organisation or the team that a contact answers for is called at last; empty for nobody."""
    found = await conn.fetchval(
        "select coalesce(u.name, o.name, t.name) from contact c left join organisation o using (organisation_id)"
        " left join team t on t.team_id = c.team_id left join lateral (select name from unit_version v"
        " where v.unit_id = c.unit_id and v.known_to is null order by v.valid_from desc limit 1) u on true"
        " where c.contact_id = $1",
        contact_id,
    )
    return str(found or "")
