"""SQL of lists of people on teams on any day, by name, team or joining day; ids only, names are the vault's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any, NamedTuple

from shared.db import Conn

NAMELESS = b"\xff"
"""Where people stand whose name is erased or may not be read: behind everybody."""
_KEY = "coalesce(p.sort_key, '\\xff')"
_LISTED = (
    "m.member_id, m.team_id, m.joined_on, m.left_on, m.organisation_id, p.sort_key,"
    " coalesce(p.xmin::text, '0') as stamp, (select r.role from membership_role r"
    " where (r.member_id, r.team_id, r.joined_on) = (m.member_id, m.team_id, m.joined_on) and r.known_to is null"
    " order by r.valid_from <= $1 desc, case when r.valid_from <= $1 then r.valid_from end desc, r.valid_from limit 1"
    ") as role"
)
_NAMED = "join vault_person p on p.member_id = m.member_id and p.withdrawn_at is null"
_TEAMS_AT_ONCE = 200


class Choice(NamedTuple):
    """Which places on teams a list is about."""

    day: date
    team_ids: Sequence[str] | None
    """Of these teams; None: of all."""
    role: str | None = None
    """Held on the day."""
    organisation_id: str | None = None
    left: bool | None = False
    """Those who had left by the day, those on the team that day, or all who had joined by then (None)."""


class Listed(NamedTuple):
    """A person's place on a team, as it was on the day."""

    member_id: str
    team_id: str
    joined_on: date
    left_on: date | None
    organisation_id: str | None
    sort_key: bytes | None
    stamp: str
    """Another one where the person's name has changed."""
    role: str

    @property
    def place(self) -> tuple[bytes, str, str, date]:
        """Where it stands in the order of names."""
        return (self.sort_key or NAMELESS, self.member_id, self.team_id, self.joined_on)


async def count(conn: Conn, choice: Choice) -> int:
    """How many places the lists hold in all."""
    values = _values(choice)
    return int(await conn.fetchval(f"select count(*) from membership m where {_chosen(choice)}", *values))


async def one(conn: Conn, choice: Choice, member_id: str, team_id: str, joined_on: date) -> Listed | None:
    """One place of the choice."""
    values = _values(choice)
    row = await conn.fetchrow(
        f"select {_LISTED} from membership m left {_NAMED} where {_chosen(choice)}"
        " and (m.member_id, m.team_id, m.joined_on) = ($5, $6, $7)",
        *values,
        member_id,
        team_id,
        joined_on,
    )
    return Listed(*row.values()) if row else None


async def by_name(conn: Conn, choice: Choice, after: Listed | None, limit: int) -> list[Listed]:
    """By given name, middle names, surname; people without a name at the end, by id."""
    place = after.place if after else (b"", "", "", date.min)
    found: list[Listed] = []
    if place[0] != NAMELESS:
        found = await _by_name(conn, choice, place, limit)
        place = (NAMELESS, "", "", date.min)
    if len(found) < limit:
        found += await _nameless(conn, choice, place, limit - len(found))
    return found


async def by_team(
    conn: Conn, choice: Choice, team_ids: Sequence[str], after: Listed | None, limit: int
) -> list[Listed]:
    """Team by team in the order given, in each by name."""
    begin = team_ids.index(after.team_id) if after else 0
    found: list[Listed] = []
    for start in range(begin, len(team_ids), _TEAMS_AT_ONCE):
        some = team_ids[start : start + _TEAMS_AT_ONCE]
        found += await _of_teams(conn, choice, some, after if start == begin else None, limit - len(found))
        if len(found) == limit:
            break
    return found


async def by_day(conn: Conn, choice: Choice, after: Listed | None, limit: int) -> list[Listed]:
    """By the day on which they joined, on each by name."""
    values = _values(choice)
    place = (after.joined_on, *after.place[:3]) if after else (date.min, b"", "", "")
    rows = await conn.fetch(
        f"select {_LISTED} from membership m left {_NAMED} where {_chosen(choice)} and m.joined_on >= $5"
        f" and (m.joined_on, {_KEY}, m.member_id, m.team_id) > ($5, $6, $7, $8)"
        f" order by m.joined_on, {_KEY}, m.member_id, m.team_id limit $9",
        *values,
        *place,
        limit,
    )
    return [Listed(*r.values()) for r in rows]


async def team_order(conn: Conn, day: date, team_ids: Sequence[str] | None) -> list[str]:
    """These teams (None: all) as Vietnamese sorts their names of the day."""
    rows = await conn.fetch(
        "select t.team_id from team t left join lateral (select n.sort_key from team_name n where n.team_id = t.team_id"
        " and n.known_to is null order by n.valid_from <= $1 desc, abs(n.valid_from - $1) limit 1) n on true"
        " where $2::text[] is null or t.team_id = any($2) order by n.sort_key, t.team_id",
        day,
        None if team_ids is None else list(team_ids),
    )
    return [r["team_id"] for r in rows]


async def _by_name(conn: Conn, choice: Choice, place: tuple[bytes, str, str, date], limit: int) -> list[Listed]:
    rows = await conn.fetch(
        f"select {_LISTED} from vault_person p join membership m on m.member_id = p.member_id"
        f" where p.withdrawn_at is null and {_chosen(choice)} and p.sort_key >= $5"
        " and (p.sort_key, p.member_id, m.team_id, m.joined_on) > ($5, $6, $7, $8)"
        " order by p.sort_key, p.member_id, m.team_id, m.joined_on limit $9",
        *_values(choice),
        *place,
        limit,
    )
    return [Listed(*r.values()) for r in rows]


async def _nameless(conn: Conn, choice: Choice, place: tuple[bytes, str, str, date], limit: int) -> list[Listed]:
    rows = await conn.fetch(
        f"select {_LISTED} from membership m left {_NAMED} where p.member_id is null and {_chosen(choice)}"
        " and (m.member_id, m.team_id, m.joined_on) > ($5, $6, $7)"
        " order by m.member_id, m.team_id, m.joined_on limit $8",
        *_values(choice),
        *place[1:],
        limit,
    )
    return [Listed(*r.values()) for r in rows]


async def _of_teams(
    conn: Conn, choice: Choice, team_ids: Sequence[str], after: Listed | None, limit: int
) -> list[Listed]:
    place = after.place if after else (b"", "", "", date.min)
    rows = await conn.fetch(
        f"select {_LISTED} from unnest($5::text[]) with ordinality as t(team_id, n)"
        f" join membership m on m.team_id = t.team_id left {_NAMED} where {_chosen(choice)}"
        f" and (t.n, {_KEY}, m.member_id, m.joined_on) > ($6, $7, $8, $9)"
        f" order by t.n, {_KEY}, m.member_id, m.joined_on limit $10",
        *_values(choice),
        list(team_ids),
        1 if after else 0,
        *place[:2],
        place[3],
        limit,
    )
    return [Listed(*r.values()) for r in rows]


def _values(choice: Choice) -> list[Any]:
    """$1 to $4 of every statement here."""
    teams = None if choice.team_ids is None else list(choice.team_ids)
    return [choice.day, teams, choice.role, choice.organisation_id]


def _chosen(choice: Choice) -> str:
    return " and ".join(_conditions(choice))


def _conditions(choice: Choice) -> Iterator[str]:
    yield "m.joined_on <= $1"
    if choice.left is not None:
        yield "m.left_on < $1" if choice.left else "(m.left_on is null or m.left_on >= $1)"
    yield "m.team_id = any($2)" if choice.team_ids is not None else "$2::text[] is null"
    yield "m.organisation_id = $4" if choice.organisation_id is not None else "$4::text is null"
    yield _HELD if choice.role is not None else "$3::text is null"


_HELD = (
    "(m.member_id, m.team_id, m.joined_on) in (select r.member_id, r.team_id, r.joined_on from membership_role r"
    " where r.role = $3 and r.known_to is null and r.valid_from <= $1 and not exists (select from membership_role n"
    " where (n.member_id, n.team_id, n.joined_on) = (r.member_id, r.team_id, r.joined_on) and n.known_to is null"
    " and n.valid_from > r.valid_from and n.valid_from <= $1))"
)
