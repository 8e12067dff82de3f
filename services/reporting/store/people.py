"""SQL of teams and members against the quota."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import NamedTuple

from services.reporting.projections.progress_rows import CampaignRow
from services.reporting.store.counts import MEMBERS_WHERE, TEAM_SUMS, Page, window
from shared.db import Conn


class TeamLine(NamedTuple):
    """A team with its counts."""

    team_id: str
    name: str
    level: str
    unit_id: str
    village: str | None
    district_id: str | None
    commune_id: str | None
    formed_on: date
    members: int
    members_started: int
    members_met: int
    citizens_in_window: int
    sessions: int


class MemberLine(NamedTuple):
    """A member against the quota."""

    member_id: str
    team_id: str
    role: str
    organisation_id: str | None
    unit_id: str
    district_id: str | None
    commune_id: str | None
    joined_on: date
    left_on: date | None
    citizens_in_window: int
    sessions_in_window: int
    citizens: int
    sessions: int
    withdrawn: int
    last_at: datetime | None


def _within(table: str, ids: str) -> str:
    """Whether a team or a member is of one of these units, districts or teams; true when there is no list of them."""
    columns = " or ".join(f"{table}.{column} = any({ids})" for column in ("unit_id", "district_id", "team_id"))
    return f"({ids}::text[] is null or {columns})"


async def teams(conn: Conn, of: CampaignRow, *, within: Sequence[str] | None, page: Page) -> list[TeamLine]:
    """Teams with their counts, at or below any of these units; None: of the whole province."""
    rows = await conn.fetch(
        f"with {MEMBERS_WHERE} and {_within('m', '$5')}), {TEAM_SUMS}"
        " select t.team_id, t.name, t.level, t.unit_id, t.village, t.district_id, t.commune_id, t.formed_on,"
        " coalesce(s.n, 0), coalesce(s.started, 0), coalesce(s.met, 0), coalesce(s.reached, 0), coalesce(s.sessions, 0)"
        " from team t left join team_sums s using (team_id)"
        f" where {_within('t', '$5')} order by t.unit_id, t.team_id limit $6 offset $7",
        *window(of),
        list(within) if within is not None else None,
        page[1],
        page[0],
    )
    return [TeamLine(*r.values()) for r in rows]


async def count_teams(conn: Conn, *, within: Sequence[str] | None) -> int:
    """How many teams `teams` lists in all."""
    value = await conn.fetchval(
        f"select count(*) from team t where {_within('t', '$1')}",
        list(within) if within is not None else None,
    )
    return int(value)


_MEMBER_FILTER = (
    f" m.joined_on <= $2 and (m.left_on is null or m.left_on >= $1) and ({_within('m', '$3')} or m.member_id = any($3))"
)


class MembersChosen(NamedTuple):
    """Which members: `within` names units, teams or members, None all; `below_quota` only those who miss it."""

    within: Sequence[str] | None
    below_quota: bool


async def members(conn: Conn, of: CampaignRow, chosen: MembersChosen, *, page: Page) -> list[MemberLine]:
    """Members of the window, the furthest from their quota first."""
    rows = await conn.fetch(
        "select m.member_id, m.team_id, m.role, m.organisation_id, m.unit_id, m.district_id, m.commune_id, m.joined_on,"
        " m.left_on, coalesce(p.citizens_in_window, 0), coalesce(p.sessions_in_window, 0), coalesce(p.citizens, 0),"
        " coalesce(p.sessions, 0), coalesce(p.withdrawn, 0), p.last_at"
        " from member m left join member_progress p on p.campaign_id = $4 and p.member_id = m.member_id"
        f" where {_MEMBER_FILTER} and (not $5 or coalesce(p.citizens_in_window, 0) < $6)"
        " order by coalesce(p.citizens_in_window, 0), m.member_id limit $7 offset $8",
        *_chosen(of, chosen),
        page[1],
        page[0],
    )
    return [MemberLine(*r.values()) for r in rows]


async def count_members(conn: Conn, of: CampaignRow, chosen: MembersChosen) -> int:
    """How many members `members` lists in all."""
    value = await conn.fetchval(
        "select count(*) from member m left join member_progress p on p.campaign_id = $4 and p.member_id = m.member_id"
        f" where {_MEMBER_FILTER} and (not $5 or coalesce(p.citizens_in_window, 0) < $6)",
        *_chosen(of, chosen),
    )
    return int(value)


def _chosen(of: CampaignRow, chosen: MembersChosen) -> tuple[date, date, list[str] | None, str, bool, int]:
    within = list(chosen.within) if chosen.within is not None else None
    return of.first_day, of.last_day, within, of.campaign_id, chosen.below_quota, of.quota
