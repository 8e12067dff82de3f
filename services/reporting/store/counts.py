"""All SQL that reads the read models, a function for each statement. Members are counted when they were on a team on at
least one day of the campaign's window; that is the denominator of every share of members.
"""

from __future__ import annotations

from datetime import date
from typing import Any, NamedTuple

from services.reporting.projections.progress_rows import PROVINCE, CampaignRow
from services.reporting.projections.results import EVERYONE
from shared.db import Conn

Page = tuple[int, int]
"""How many rows to pass over, how many to give."""


class ProvinceCounts(NamedTuple):
    """Members and teams of the whole province against the quota."""

    members: int
    started: int
    met: int
    teams: int
    teams_met: int


class UnitLine(NamedTuple):
    """A unit with its counts."""

    unit_id: str
    code: str
    name: str
    kind: str
    level: str
    parent_id: str | None
    teams: int
    teams_met: int
    members: int
    members_started: int
    members_met: int
    citizens: int
    sessions: int


class OrganisationLine(NamedTuple):
    """An organisation's learners."""

    organisation_id: str
    name: str
    sector: str
    headcount: int | None
    enrolled: int
    passed: int
    attempts: int


async def campaign(conn: Conn, campaign_id: str | None) -> CampaignRow | None:
    """One campaign, or the latest."""
    row = await conn.fetchrow(
        "select campaign_id, name, launched_on, day_one_rule, window_days, first_day, last_day, quota, report_due_on,"
        " reporting_units from campaign where $1::text is null or campaign_id = $1"
        " order by launched_on desc, campaign_id limit 1",
        campaign_id,
    )
    return CampaignRow(*row.values()) if row else None


async def topics(conn: Conn, campaign_id: str) -> list[dict[str, Any]]:
    """A campaign's topics in the plan's order, with the guidances that taught each."""
    rows = await conn.fetch(
        "select code, name_vi, name_en, sessions from campaign_topic where campaign_id = $1 order by position",
        campaign_id,
    )
    return [dict(r) for r in rows]


async def unit_counts(conn: Conn) -> dict[str, int]:
    """How many units there are, by level."""
    rows = await conn.fetch("select level, count(*) as n from unit group by level")
    return {r["level"]: r["n"] for r in rows}


async def province_name(conn: Conn, province: str) -> str | None:
    """Name of the province."""
    name: str | None = await conn.fetchval("select name from unit where unit_id = $1", province)
    return name


async def path(conn: Conn, unit_or_team: str) -> tuple[str, ...] | None:
    """Ids of a unit or a team and of the units above it, None for an unknown one."""
    row = await conn.fetchrow(
        "select unit_id, parent_id, district_id from unit where unit_id = $1"
        " union all select team_id, unit_id, district_id from team where team_id = $1 limit 1",
        unit_or_team,
    )
    return tuple(dict.fromkeys(v for v in row.values() if v)) if row else None


async def totals(conn: Conn, campaign_id: str) -> dict[str, int]:
    """Citizens and sessions of the province."""
    row = await conn.fetchrow(
        "select citizens, sessions, sessions_outside_window, withdrawn from unit_total"
        " where campaign_id = $1 and unit_id = $2",
        campaign_id,
        PROVINCE,
    )
    return dict(row) if row else {"citizens": 0, "sessions": 0, "sessions_outside_window": 0, "withdrawn": 0}


# Members of the window with what they reached; $1 campaign, $2 first day, $3 last day, $4 quota. May be narrowed down.
MEMBERS_WHERE = (
    "members as (select m.member_id, m.team_id, m.unit_id, m.district_id, m.commune_id,"
    " coalesce(p.citizens_in_window, 0) as reached, coalesce(p.citizens_in_window, 0) > 0 as started,"
    " coalesce(p.citizens_in_window, 0) >= $4 as met, coalesce(p.sessions, 0) as sessions"
    " from member m left join member_progress p on p.campaign_id = $1 and p.member_id = m.member_id"
    " where m.joined_on <= $3 and (m.left_on is null or m.left_on >= $2)"
)
MEMBERS = f"{MEMBERS_WHERE})"
TEAM_SUMS = (
    "team_sums as (select team_id, count(*) as n, count(*) filter (where started) as started,"
    " count(*) filter (where met) as met, sum(reached)::bigint as reached, sum(sessions)::bigint as sessions"
    " from members group by team_id)"
)


def at_or_below(unit: str) -> str:
    """Whether unit `u` is this one, a child of it, or a child's child; true when it is null."""
    return (
        f"({unit}::text is null or u.unit_id = {unit} or u.parent_id = {unit}"
        f" or u.parent_id in (select unit_id from unit where parent_id = {unit}))"
    )


def window(of: CampaignRow) -> tuple[str, date, date, int]:
    return of.campaign_id, of.first_day, of.last_day, of.quota


async def province_counts(conn: Conn, of: CampaignRow) -> ProvinceCounts:
    """Members and teams of the whole province."""
    row = await conn.fetchrow(
        f"with {MEMBERS}, {TEAM_SUMS} select (select count(*) from members),"
        " (select count(*) filter (where started) from members), (select count(*) filter (where met) from members),"
        " (select count(*) from team), (select count(*) from team_sums where n = met)",
        *window(of),
    )
    assert row is not None
    return ProvinceCounts(*row.values())


async def units(
    conn: Conn, of: CampaignRow, level: str, within: str | None, *, sort: str, page: Page
) -> list[UnitLine]:
    """Units of a level with their counts, at or below a unit; by id, or by the share of members who met the quota."""
    column = {"district": "district_id", "commune": "commune_id"}[level]
    order = {"share": "coalesce(m.met, 0)::float8 / nullif(m.n, 0) desc nulls last, u.unit_id", "id": "u.unit_id"}[sort]
    rows = await conn.fetch(
        f"with {MEMBERS}, {TEAM_SUMS},"
        f" m as (select {column} as unit_id, count(*) as n, count(*) filter (where started) as started,"
        f" count(*) filter (where met) as met from members group by {column}),"
        f" t as (select t.{column} as unit_id, count(*) as n, count(*) filter (where s.n = s.met) as met"
        f" from team t left join team_sums s using (team_id) group by t.{column})"
        " select u.unit_id, u.code, u.name, u.kind, u.level, u.parent_id, coalesce(t.n, 0), coalesce(t.met, 0),"
        " coalesce(m.n, 0), coalesce(m.started, 0), coalesce(m.met, 0), coalesce(s.citizens, 0),"
        " coalesce(s.sessions, 0) from unit u left join m on m.unit_id = u.unit_id left join t on t.unit_id = u.unit_id"
        " left join unit_total s on s.campaign_id = $1 and s.unit_id = u.unit_id"
        f" where u.level = $5 and {at_or_below('$6')} order by {order} limit $7 offset $8",
        *window(of),
        level,
        within,
        page[1],
        page[0],
    )
    return [UnitLine(*r.values()) for r in rows]


async def one_unit(conn: Conn, of: CampaignRow, unit_id: str) -> UnitLine | None:
    """A district or commune with its counts."""
    level = await conn.fetchval("select level from unit where unit_id = $1", unit_id)
    if level not in {"district", "commune"}:
        return None
    found = await units(conn, of, level, unit_id, sort="id", page=(0, 1))
    return found[0] if found else None


async def count_units(conn: Conn, *, level: str, within: str | None) -> int:
    """How many units `units` lists in all."""
    value = await conn.fetchval(
        f"select count(*) from unit u where u.level = $1 and {at_or_below('$2')}", level, within
    )
    return int(value)


async def days(conn: Conn, campaign_id: str, *, by: str, unit_id: str | None) -> list[dict[str, Any]]:
    """Sessions and withdrawals by day; `by` is `occurred` or `received`. A district counts with its communes."""
    column = {"occurred": "day", "received": "received_on"}[by]
    rows = await conn.fetch(
        f"select {column} as day, sum(sessions)::bigint as sessions, sum(withdrawn)::bigint as withdrawn from unit_day"
        " where campaign_id = $1 and ($2::text is null or unit_id = $2 or district_id = $2)"
        f" group by {column} order by {column}",
        campaign_id,
        unit_id,
    )
    return [dict(r) for r in rows]


async def organisations(conn: Conn, *, page: Page) -> list[OrganisationLine]:
    """Organisations with their learners of all courses, most passes first."""
    rows = await conn.fetch(
        "with sums as (select organisation_id, sum(enrolled)::bigint as enrolled, sum(passed)::bigint as passed,"
        " sum(attempts)::bigint as attempts from organisation_result group by organisation_id)"
        " select o.organisation_id, o.name, o.sector, o.headcount, coalesce(s.enrolled, 0), coalesce(s.passed, 0),"
        " coalesce(s.attempts, 0) from organisation o left join sums s using (organisation_id)"
        " order by coalesce(s.passed, 0) desc, coalesce(s.enrolled, 0) desc, o.organisation_id limit $1 offset $2",
        page[1],
        page[0],
    )
    return [OrganisationLine(*r.values()) for r in rows]


async def count_organisations(conn: Conn) -> int:
    """All organisations."""
    return int(await conn.fetchval("select count(*) from organisation"))


async def course_totals(conn: Conn) -> dict[str, int]:
    """Learners of all courses together: enrolments, learners who passed, attempts."""
    row = await conn.fetchrow(
        "select coalesce(sum(enrolled), 0)::bigint as enrolled, coalesce(sum(passed), 0)::bigint as passed,"
        " coalesce(sum(attempts), 0)::bigint as attempts from organisation_result where organisation_id = $1",
        EVERYONE,
    )
    assert row is not None
    return dict(row)
