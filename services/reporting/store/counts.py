"""All SQL that reads the read models, a function for each statement. Members are counted when they were on a team on at
least one day of the campaign's window; that is the denominator of every share of members.
"""

from __future__ import annotations

from datetime import date
from typing import Any, NamedTuple

from services.reporting.maps import Spots
from services.reporting.organisations import Organisation, Results
from services.reporting.projections.progress_rows import CampaignRow
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


class UnitCounts(NamedTuple):
    """Members and teams that count for a unit on a map."""

    teams: int = 0
    teams_met: int = 0
    members: int = 0
    members_started: int = 0
    members_met: int = 0


class Total(NamedTuple):
    """What counts for a unit: distinct citizens, None where they were not counted, and guidances."""

    citizens: int | None = 0
    sessions: int = 0


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
        "select code, t.name_vi, t.name_en, s.sessions from campaign_topic t"
        " join topic_total s using (campaign_id, code) where campaign_id = $1 order by t.position",
        campaign_id,
    )
    return [dict(r) for r in rows]


async def totals(conn: Conn, campaign_id: str) -> dict[str, int]:
    """Citizens and sessions of the province."""
    row = await conn.fetchrow(
        f"select {', '.join(f'coalesce(sum({column}), 0)::bigint as {name}' for name, column in _TOTALS.items())}"
        " from team_total where campaign_id = $1",
        campaign_id,
    )
    assert row is not None
    return dict(row)


_TOTALS = {
    "citizens": "province_citizens", "sessions": "sessions", "sessions_outside_window": "sessions_outside_window",
    "withdrawn": "withdrawn",
}  # fmt: skip


# Members of the window with what they reached; $1 campaign, $2 first day, $3 last day, $4 quota. May be narrowed down.
MEMBERS_WHERE = (
    "members as (select m.member_id, m.team_id, coalesce(p.citizens_in_window, 0) as reached,"
    " coalesce(p.citizens_in_window, 0) > 0 as started, coalesce(p.citizens_in_window, 0) >= $4 as met"
    " from (select distinct member_id, team_id from membership"
    " where joined_on <= $3 and (left_on is null or left_on >= $2)"
)
MEMBERS = f"{MEMBERS_WHERE}) m left join member_progress p on p.campaign_id = $1 and p.member_id = m.member_id)"
TEAM_SUMS = (
    "team_sums as (select team_id, count(*) as n, count(*) filter (where started) as started,"
    " count(*) filter (where met) as met, sum(reached)::bigint as reached from members group by team_id)"
)
TEAM_IN_WINDOW = "t.formed_on <= $3 and (t.last_day is null or t.last_day >= $2)"


def placed(first: int) -> str:
    """`placed`: the key for which each team counts, of `Spots` given from the parameter `first` on."""
    day, unit_ids, keys, team_ids, team_keys = (f"${n}" for n in range(first, first + 5))
    return (
        f"placed as (select p.team_id, k.key from unnest({unit_ids}::text[], {keys}::text[]) as k(unit_id, key)"
        f" join team_place p using (unit_id) where p.valid_from <= {day} and (p.valid_to is null or p.valid_to > {day})"
        f" union all select * from unnest({team_ids}::text[], {team_keys}::text[]))"
    )


def window(of: CampaignRow) -> tuple[str, date, date, int]:
    return of.campaign_id, of.first_day, of.last_day, of.quota


async def province_counts(conn: Conn, of: CampaignRow) -> ProvinceCounts:
    """Members and teams of the whole province; a person on two teams is one."""
    row = await conn.fetchrow(
        f"with {MEMBERS}, {TEAM_SUMS}, people as (select distinct member_id, started, met from members)"
        " select (select count(*) from people), (select count(*) filter (where started) from people),"
        " (select count(*) filter (where met) from people),"
        f" count(*), count(*) filter (where s.n = s.met) from team t left join team_sums s using (team_id)"
        f" where {TEAM_IN_WINDOW}",
        *window(of),
    )
    assert row is not None
    return ProvinceCounts(*row.values())


async def counts_by_key(conn: Conn, of: CampaignRow, spots: Spots) -> dict[str, UnitCounts]:
    """Members and teams by the key for which their teams count; a person on two teams of a key is one."""
    rows = await conn.fetch(
        f"with {MEMBERS}, {TEAM_SUMS}, {placed(5)},"
        " m as (select coalesce(p.key, '') as key, count(distinct member_id) as n,"
        " count(distinct member_id) filter (where started) as started,"
        " count(distinct member_id) filter (where met) as met"
        " from members left join placed p using (team_id) group by 1),"
        " t as (select coalesce(p.key, '') as key, count(*) as n, count(*) filter (where s.n = s.met) as met"
        " from team t left join placed p using (team_id) left join team_sums s using (team_id)"
        f" where {TEAM_IN_WINDOW} group by 1)"
        " select key, coalesce(t.n, 0), coalesce(t.met, 0), coalesce(m.n, 0), coalesce(m.started, 0),"
        " coalesce(m.met, 0) from t full join m using (key)",
        *window(of),
        *spots,
    )
    return {key: UnitCounts(*counts) for key, *counts in rows}


async def recorded_totals(conn: Conn, campaign_id: str) -> dict[str, Total]:
    """By the units of the day: kept with every event, for communes, districts and other units with teams."""
    rows = await conn.fetch(
        "select key, sum(citizens)::bigint, sum(sessions)::bigint from ("
        "select unit_id as key, unit_citizens as citizens, sessions from team_total"
        " where campaign_id = $1 and unit_id <> district_id union all"
        " select district_id, district_citizens, sessions from team_total where campaign_id = $1 and district_id <> '')"
        " group by key",
        campaign_id,
    )
    return {key: Total(*total) for key, *total in rows}


async def are_recorded(conn: Conn, campaign_id: str, own: Spots) -> bool:
    """Whether every team is on this map where it was when it guided, so that `recorded_totals` are the map's."""
    return not await conn.fetchval(
        f"with {placed(2)} select exists (select from team_total t left join placed p using (team_id)"
        " where t.campaign_id = $1 and p.key is distinct from concat(t.unit_id, ' ', t.district_id))",
        campaign_id,
        *own,
    )


async def sessions_by_key(conn: Conn, campaign_id: str, spots: Spots) -> dict[str, int]:
    """Guidances by the key for which their teams count."""
    rows = await conn.fetch(
        f"with {placed(2)} select coalesce(p.key, '') as key, sum(t.sessions)::bigint as sessions"
        " from team_total t left join placed p using (team_id) where t.campaign_id = $1 group by 1",
        campaign_id,
        *spots,
    )
    return {r["key"]: r["sessions"] for r in rows}


async def citizens_by_key(conn: Conn, campaign_id: str, spots: Spots) -> dict[str, int]:
    """Distinct citizens by the key for which the teams count that guided them, worked out from every citizen."""
    rows = await conn.fetch(
        f"with {placed(2)}, met as (select distinct coalesce(p.key, '') as key, c.citizen_ref"
        " from citizen c cross join lateral jsonb_array_elements(c.visits::jsonb) as visit"
        " left join placed p on p.team_id = visit ->> 1 where c.campaign_id = $1)"
        " select key, count(*) as citizens from met group by key",
        campaign_id,
        *spots,
    )
    return {r["key"]: r["citizens"] for r in rows}


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


async def organisations(conn: Conn, day: date) -> list[Organisation]:
    """All organisations and groups as they are on a day or on the day next to it, with the headcount of the day and the
    results of their own learners of all courses."""
    rows = await conn.fetch(
        "with sums as (select organisation_id, sum(enrolled)::bigint as enrolled, sum(passed)::bigint as passed,"
        " sum(attempts)::bigint as attempts from organisation_result group by organisation_id),"
        " heads as (select distinct on (organisation_id) organisation_id, headcount from headcount"
        " where valid_from <= $1 order by organisation_id, valid_from desc),"
        " states as (select distinct on (organisation_id) organisation_id, name, sector, parent_id"
        " from organisation_state order by organisation_id, valid_from > $1, abs(valid_from - $1))"
        " select o.organisation_id, coalesce(v.name, o.name), coalesce(v.sector, o.sector),"
        " case when v.name is null then o.parent_id else v.parent_id end, o.valid_from, o.last_day, o.successor_id,"
        " h.headcount, coalesce(s.enrolled, 0), coalesce(s.passed, 0), coalesce(s.attempts, 0)"
        " from organisation o left join states v using (organisation_id)"
        " left join sums s using (organisation_id) left join heads h using (organisation_id)",
        day,
    )
    return [Organisation._make((*r[:8], Results(*r[8:]))) for r in map(tuple, rows)]


async def course_totals(conn: Conn) -> dict[str, int]:
    """Learners of all courses together: enrolments, learners who passed, attempts."""
    row = await conn.fetchrow(
        "select coalesce(sum(enrolled), 0)::bigint as enrolled, coalesce(sum(passed), 0)::bigint as passed,"
        " coalesce(sum(attempts), 0)::bigint as attempts from organisation_result where organisation_id = $1",
        EVERYONE,
    )
    assert row is not None
    return dict(row)
