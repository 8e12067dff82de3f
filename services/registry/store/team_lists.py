"""SQL of lists of teams as they were on a day: chosen, in an order, page by page."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from enum import StrEnum
from typing import Any, NamedTuple

from services.registry.store.teams import team_of
from services.registry.team import Team
from shared.db import Conn

_ON_DAY = (
    "t.team_id, (select n.name from team_name n where n.team_id = t.team_id and n.known_to is null"
    " and n.valid_from <= $1 order by n.valid_from desc limit 1) as name, p.level, p.unit_id, p.village, p.district_id,"
    " p.commune_id, t.decision_number, t.decision_date, t.formed_on, p.village_id, t.disbanded_on, t.end_reason,"
    " t.into_team_id"
)
_FROM = "from team_place p join team t using (team_id)"
_THERE = (  # the place p of a team t on day $1, or on its last one
    "p.known_to is null and p.valid_from <= least($1::date, t.disbanded_on)"
    " and (p.valid_to is null or p.valid_to > least($1::date, t.disbanded_on))"
)
_NAME = (  # the name n of a team on day $1
    " join team_name n on n.team_id = t.team_id and n.known_to is null and n.valid_from <= $1"
    " and not exists (select from team_name l where l.team_id = n.team_id"
    " and l.known_to is null and l.valid_from > n.valid_from and l.valid_from <= $1)"
)
_UNIT = (
    " left join unit_version u on u.unit_id = p.unit_id and u.known_to is null and u.valid_from <= $1"
    " and (u.valid_to is null or u.valid_to > $1)"
)
_MEMBER = "m.joined_on <= $1 and (m.left_on is null or m.left_on >= $1)"
_MEMBERS = f"(select count(*) from membership m where m.team_id = t.team_id and {_MEMBER})"
_LEADERS = (  # the teams that somebody leads on day $1, a row for each leader
    "select m.team_id from membership m join membership_role r using (member_id, team_id, joined_on)"
    f" where {_MEMBER} and r.role = 'leader' and r.known_to is null and r.valid_from <= $1"
    " and not exists (select from membership_role l where (l.member_id, l.team_id, l.joined_on)"
    " = (r.member_id, r.team_id, r.joined_on) and l.known_to is null"
    " and l.valid_from > r.valid_from and l.valid_from <= $1)"
)
_LED = f"exists ({_LEADERS} and m.team_id = t.team_id)"


class Order(StrEnum):
    """In which order teams are listed. Names as Vietnamese sorts; equal ones by name, then by id."""

    ID = "id"
    NAME = "name"
    UNIT = "unit"
    """By the name of their unit on the day."""
    MEMBERS = "members"
    """The largest first."""
    FORMED = "formed"
    """The youngest first."""


_KEYS = {
    Order.ID: ("t.team_id",),
    Order.NAME: ("n.sort_key", "n.team_id"),  # by an index, as far as the page reaches
    Order.UNIT: ("coalesce(u.sort_key, '\\xff')", "n.sort_key", "n.team_id"),
    Order.MEMBERS: (f"-{_MEMBERS}", "n.sort_key", "n.team_id"),
    Order.FORMED: ("date '2200-01-01' - t.formed_on", "n.sort_key", "n.team_id"),
}


class Choice(NamedTuple):
    """Which teams a list is about, as they were on a day."""

    day: date
    scope: Sequence[str] | None = None
    """At or below any of these units; None: anywhere."""
    within: Sequence[str] | None = None
    """And at or below any of these."""
    level: str | None = None
    ended: bool | None = False
    """Those that had ended by then, those that had not, or all (None) that had been formed."""
    words: str = ""
    """In the name of that day, as a search key."""
    leaderless: bool = False
    """Only those that nobody led."""
    order: Order = Order.ID


class Staff(NamedTuple):
    """Who is on a team on a day."""

    members: int
    has_leader: bool


async def list_on_day(conn: Conn, choice: Choice, *, after: str = "", before: str = "", limit: int) -> list[Team]:
    """Teams with the name and the place that they had on the day, or on their last one: the first ones, those right
    behind a team, or those right before one."""
    values, chosen = _chosen(choice)
    keys = _KEYS[choice.order]
    if place := after or before:
        values.append(place)
        begin = f"${len(values)}"
        if choice.order is not Order.ID:
            joined = _joined(choice)
            begin = f"(select {', '.join(keys)} {joined} where {_THERE} and t.team_id = ${len(values)})"
        chosen += f" and ({', '.join(keys)}) {'>' if after else '<'} {begin}"
    way = " desc" if before and not after else ""
    rows = await conn.fetch(
        f"select {_ON_DAY} {_joined(choice)} {chosen} order by {', '.join(k + way for k in keys)}"
        f" limit ${len(values) + 1}",
        *values,
        limit,
    )
    return [team_of(r) for r in (reversed(rows) if way else rows)]


async def count_on_day(conn: Conn, choice: Choice) -> int:
    """How many teams `list_on_day` lists in all."""
    values, chosen = _chosen(choice)
    return int(await conn.fetchval(f"select count(*) {_FROM}{_NAME if choice.words else ''} {chosen}", *values))


async def staff(conn: Conn, day: date, team_ids: Sequence[str]) -> dict[str, Staff]:
    """Of each of these teams, how many people are on it, and whether somebody leads it."""
    rows = await conn.fetch(
        f"select t.team_id, {_MEMBERS} as members, {_LED} as has_leader from team t where t.team_id = any($2::text[])",
        day,
        list(team_ids),
    )
    return {r["team_id"]: Staff(r["members"], r["has_leader"]) for r in rows}


def _joined(choice: Choice) -> str:
    """The tables that the order and the choice look at."""
    by_id = choice.order is Order.ID and not choice.words
    return f"{_FROM}{'' if by_id else _NAME}{_UNIT if choice.order is Order.UNIT else ''}"


def _chosen(choice: Choice) -> tuple[list[Any], str]:
    """The rows of a choice, and the values that they are asked with."""
    values: list[Any] = [choice.day]
    asked = [] if choice.ended is None else [f"coalesce(t.disbanded_on < $1, false) = {choice.ended}"]
    for units in (choice.scope, choice.within):
        if units is not None:
            values.append(list(units))
            columns = ("unit_id", "village_id", "commune_id", "district_id")
            asked.append("(" + " or ".join(f"p.{c} = any(${len(values)}::text[])" for c in columns) + ")")
    if choice.level is not None:
        values.append(choice.level)
        asked.append(f"p.level = ${len(values)}")
    if choice.words:
        values.append(choice.words)
        asked.append(f"position(${len(values)} in n.words) > 0")
    if choice.leaderless:  # of few teams each is looked at; of all the leaders are found once, who are few
        everywhere = choice.scope is None and choice.within is None
        asked.append(f"t.team_id not in ({_LEADERS})" if everywhere else f"not {_LED}")
    return values, " and ".join([f"where {_THERE}", *asked])
