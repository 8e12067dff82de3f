"""SQL of teams and members against the quota."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import NamedTuple

from services.reporting.projections.progress_rows import CampaignRow
from services.reporting.store.counts import MEMBERS_WHERE, TEAM_IN_WINDOW, TEAM_SUMS, Page, window
from shared.db import Conn


class TeamLine(NamedTuple):
    """A team with its counts."""

    team_id: str
    name: str
    unit_id: str | None
    level: str | None
    village: str | None
    formed_on: date
    last_day: date | None
    members: int
    members_started: int
    members_met: int
    citizens_in_window: int
    sessions: int


class MemberLine(NamedTuple):
    """A person against the quota, with the team joined last of those of the window."""

    member_id: str
    team_id: str
    team_ids: list[str]
    unit_id: str | None
    role: str
    organisation_id: str | None
    joined_on: date
    left_on: date | None
    citizens_in_window: int
    sessions_in_window: int
    citizens: int
    sessions: int
    withdrawn: int
    last_at: datetime | None


class Whose(NamedTuple):
    """Which teams, or whose members; both None: of the whole province."""

    team_ids: Sequence[str] | None = None
    member_ids: Sequence[str] | None = None

    @property
    def arrays(self) -> tuple[list[str] | None, list[str] | None]:
        """For two parameters of a statement."""
        if self.team_ids is None and self.member_ids is None:
            return None, None
        return list(self.team_ids or ()), list(self.member_ids or ())


_AT = (
    "left join lateral (select unit_id, level, village from team_place p where p.team_id = {team}.team_id"
    " order by p.valid_from > {day}, abs(p.valid_from - {day}) limit 1) at on true"
)
"""`at`: a team's place on a day, or the one next to it."""


async def teams(conn: Conn, of: CampaignRow, whose: Whose, day: date, *, page: Page) -> list[TeamLine]:
    """Teams of the window with their counts, by their units on a day, then by id."""
    rows = await conn.fetch(
        f"with {MEMBERS_WHERE} and ($5::text[] is null or team_id = any($5))) m"
        f" left join member_progress p on p.campaign_id = $1 and p.member_id = m.member_id), {TEAM_SUMS}"
        " select t.team_id, t.name, at.unit_id, at.level, at.village, t.formed_on, t.last_day, coalesce(s.n, 0),"
        " coalesce(s.started, 0), coalesce(s.met, 0), coalesce(s.reached, 0), coalesce((select sum(sessions)"
        " from team_total d where d.campaign_id = $1 and d.team_id = t.team_id), 0)::bigint"
        f" from team t left join team_sums s using (team_id) {_AT.format(team='t', day='$8')}"
        f" where {TEAM_IN_WINDOW} and ($5::text[] is null or t.team_id = any($5))"
        " order by at.unit_id, t.team_id limit $6 offset $7",
        *window(of),
        whose.arrays[0],
        page[1],
        page[0],
        day,
    )
    return [TeamLine(*r.values()) for r in rows]


async def count_teams(conn: Conn, of: CampaignRow, whose: Whose) -> int:
    """How many teams `teams` lists in all."""
    value = await conn.fetchval(
        "select count(*) from team t where t.formed_on <= $2 and (t.last_day is null or t.last_day >= $1)"
        " and ($3::text[] is null or t.team_id = any($3))",
        of.first_day,
        of.last_day,
        whose.arrays[0],
    )
    return int(value)


_IN_WINDOW = "m.joined_on <= $2 and (m.left_on is null or m.left_on >= $1)"
_CHOSEN = (
    "chosen as (select distinct on (m.member_id) m.member_id, m.team_id, m.role, m.organisation_id, m.joined_on,"
    f" m.left_on from membership m where {_IN_WINDOW} and ($3::text[] is null or m.team_id = any($3)"
    " or m.member_id = any($4)) order by m.member_id, m.joined_on desc, m.team_id)"
)
_BELOW_QUOTA = "(not $6 or coalesce(p.citizens_in_window, 0) < $7)"


class MembersChosen(NamedTuple):
    """Whose members; `below_quota`: only those who miss it."""

    whose: Whose
    below_quota: bool


async def members(conn: Conn, of: CampaignRow, chosen: MembersChosen, day: date, *, page: Page) -> list[MemberLine]:
    """People of the window, the furthest from their quota first."""
    rows = await conn.fetch(
        f"with {_CHOSEN}, listed as (select c.*, coalesce(p.citizens_in_window, 0) as reached,"
        " coalesce(p.sessions_in_window, 0) as in_window, coalesce(p.citizens, 0) as citizens,"
        " coalesce(p.sessions, 0) as sessions, coalesce(p.withdrawn, 0) as withdrawn, p.last_at from chosen c"
        f" left join member_progress p on p.campaign_id = $5 and p.member_id = c.member_id where {_BELOW_QUOTA}"
        " order by reached, c.member_id limit $8 offset $9)"
        " select l.member_id, l.team_id, array(select distinct m.team_id from membership m"
        f" where m.member_id = l.member_id and {_IN_WINDOW} order by m.team_id), at.unit_id, l.role, l.organisation_id,"
        " l.joined_on, l.left_on, l.reached, l.in_window, l.citizens, l.sessions, l.withdrawn, l.last_at"
        f" from listed l {_AT.format(team='l', day='$10')} order by l.reached, l.member_id",
        *_chosen(of, chosen),
        page[1],
        page[0],
        day,
    )
    return [MemberLine(*r.values()) for r in rows]


async def count_members(conn: Conn, of: CampaignRow, chosen: MembersChosen) -> int:
    """How many people `members` lists in all."""
    value = await conn.fetchval(
        f"with {_CHOSEN} select count(*) from chosen c"
        f" left join member_progress p on p.campaign_id = $5 and p.member_id = c.member_id where {_BELOW_QUOTA}",
        *_chosen(of, chosen),
    )
    return int(value)


def _chosen(of: CampaignRow, chosen: MembersChosen) -> tuple[object, ...]:
    return of.first_day, of.last_day, *chosen.whose.arrays, of.campaign_id, chosen.below_quota, of.quota
