"""SQL of lists of people on teams on any day, by name, team or joining day; ids only, names are the vault's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import Any, NamedTuple

from shared.db import Conn, let_plans_use

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
_SORTED_AT_ONCE = 300
"""So many places are sorted by name in no time."""
_BROAD = 1_500
"""The people of so many teams are sorted; of more, and of all, they are read in the order of the list."""
_GATHERING = ("hashjoin", "mergejoin")
"""With these a plan finds all rows before it joins them; else it finds each by its key, and may stop early."""
_A_DAY = timedelta(days=1)


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
    joined_on: date | None = None


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


async def prepare(conn: Conn) -> None:
    """Plans for what is asked, not for anything: a province, a commune and a team are listed by different ways. For
    this transaction."""
    await conn.execute("select set_config('plan_cache_mode', 'force_custom_plan', true)")


async def count(conn: Conn, choice: Choice) -> int:
    """How many places the lists hold in all."""
    values = _values(choice)
    return int(await conn.fetchval(f"select count(*) from membership m where {_chosen(choice)}", *values))


async def one(conn: Conn, choice: Choice, member_id: str, team_id: str, joined_on: date) -> Listed | None:
    """One place of the choice."""
    values = _values(choice)
    row = await conn.fetchrow(
        f"select {_LISTED} from membership m left {_NAMED} where {_chosen(choice)}"
        " and (m.member_id, m.team_id, m.joined_on) = ($6, $7, $8)",
        *values,
        member_id,
        team_id,
        joined_on,
    )
    return Listed(*row.values()) if row else None


async def by_name(conn: Conn, choice: Choice, after: Listed | None, limit: int) -> list[Listed]:
    """By given name, middle names, surname; people without a name at the end, by id."""
    if choice.team_ids is not None and len(choice.team_ids) <= _BROAD:
        return await _sorted(conn, choice, f"{_KEY}, m.member_id, m.team_id, m.joined_on", after and after.place, limit)
    place = after.place if after else (b"", "", "", date.min)
    found: list[Listed] = []
    if place[0] != NAMELESS:
        found = await _by_name(conn, choice, place, limit)
        place = (NAMELESS, "", "", date.min)
    if len(found) < limit:
        found += await _nameless(conn, choice, place, limit - len(found))
    return found


async def by_team(conn: Conn, choice: Choice, after: Listed | None, limit: int) -> list[Listed]:
    """Team by team in the order of the names that they had on the day, in each by name."""
    found: list[Listed] = []
    some = await _teams_from(conn, choice, after.team_id if after else None)
    begun = after
    while some and len(found) < limit:
        found += await _of_teams(conn, choice, some, begun, limit - len(found))
        begun = None
        some = await _teams_from(conn, choice, some[-1], behind=True)
    return found


async def by_day(conn: Conn, choice: Choice, after: Listed | None, limit: int) -> list[Listed]:
    """By the day on which they joined, on each by name. A day on which very many joined is read in the order of names,
    of which a page is enough; a row of smaller days is sorted."""
    if choice.team_ids is not None and len(choice.team_ids) <= _BROAD:
        place = after and (after.joined_on, *after.place[:3])
        return await _sorted(conn, choice, f"m.joined_on, {_KEY}, m.member_id, m.team_id", place, limit)
    found: list[Listed] = []
    since = after.joined_on if after else date.min
    while len(found) < limit and (days := await _days_from(conn, choice, since)):
        first, more = days[0], limit - len(found)
        begun = after if after and after.joined_on == first else None
        if len(days) > 1:
            found += await _by_days(conn, choice, (first, days[-1]), begun, more)
            since = days[-1]
        else:
            found += await by_name(conn, choice._replace(joined_on=first), begun, more)
            since = first + _A_DAY
    return found


async def _sorted(conn: Conn, choice: Choice, order: str, after: tuple[Any, ...] | None, limit: int) -> list[Listed]:
    """A page of few places: all are found by their teams, and then sorted."""
    if choice.role is None:
        await let_plans_use(conn, *_GATHERING, may=False)  # each name by its key, not all names
    rows = await conn.fetch(
        f"with m as materialized (select * from membership m where {_chosen(choice)})"
        f" select {_LISTED} from m left {_NAMED} where {f'({order}) > ($6, $7, $8, $9)' if after else 'true'}"
        f" order by {order} limit {limit:d}",
        *_values(choice),
        *(after or ()),
    )
    await let_plans_use(conn, *_GATHERING, may=True)
    return [Listed(*r.values()) for r in rows]


async def _days_from(conn: Conn, choice: Choice, since: date) -> list[date]:
    """The days from one on of which all who joined fit in what is sorted at once, and the next one; that one alone
    where it is too large."""
    await let_plans_use(conn, *_GATHERING, may=False)
    rows = await conn.fetch(
        "select distinct joined_on from (select m.joined_on from membership m"
        f" where {_chosen(choice)} and m.joined_on >= $6 order by m.joined_on limit $7) d order by joined_on",
        *_values(choice),
        since,
        _SORTED_AT_ONCE,
    )
    await let_plans_use(conn, *_GATHERING, may=True)
    return [r["joined_on"] for r in rows]


async def _by_days(
    conn: Conn, choice: Choice, days: tuple[date, date], after: Listed | None, limit: int
) -> list[Listed]:
    place = (after.joined_on, *after.place[:3]) if after else (date.min, b"", "", "")
    rows = await conn.fetch(
        f"select {_LISTED} from membership m left {_NAMED} where {_chosen(choice)}"
        " and m.joined_on >= $6 and m.joined_on < $7"
        f" and (m.joined_on, {_KEY}, m.member_id, m.team_id) > ($8, $9, $10, $11)"
        f" order by m.joined_on, {_KEY}, m.member_id, m.team_id limit $12",
        *_values(choice),
        *days,
        *place,
        limit,
    )
    return [Listed(*r.values()) for r in rows]


async def _teams_from(conn: Conn, choice: Choice, team_id: str | None, *, behind: bool = False) -> list[str]:
    """Teams as Vietnamese sorts their names of the day, from one on or behind it; some at a time."""
    name = "t.known_to is null and t.valid_from <= $1 and not exists (select from team_name l where l.team_id ="
    name += " t.team_id and l.known_to is null and l.valid_from > t.valid_from and l.valid_from <= $1)"
    among = "t.team_id = any($2)" if choice.team_ids is not None else "$2::text[] is null"
    since = f"(t.sort_key, t.team_id) {'>' if behind else '>='} (select t.sort_key, t.team_id from team_name t where"
    rows = await conn.fetch(
        f"select t.team_id from team_name t where {name} and {among}"
        f" and {f'{since} {name} and t.team_id = $3)' if team_id else '$3::text is null'}"
        " order by t.sort_key, t.team_id limit $4",
        choice.day,
        None if choice.team_ids is None else list(choice.team_ids),
        team_id,
        _TEAMS_AT_ONCE,
    )
    return [r["team_id"] for r in rows]


async def _by_name(conn: Conn, choice: Choice, place: tuple[bytes, str, str, date], limit: int) -> list[Listed]:
    rows = await conn.fetch(
        f"select {_LISTED} from vault_person p join membership m on m.member_id = p.member_id"
        f" where p.withdrawn_at is null and {_chosen(choice)} and p.sort_key >= $6"
        " and (p.sort_key, p.member_id, m.team_id, m.joined_on) > ($6, $7, $8, $9)"
        " order by p.sort_key, p.member_id, m.team_id, m.joined_on limit $10",
        *_values(choice),
        *place,
        limit,
    )
    return [Listed(*r.values()) for r in rows]


async def _nameless(conn: Conn, choice: Choice, place: tuple[bytes, str, str, date], limit: int) -> list[Listed]:
    rows = await conn.fetch(
        f"select {_LISTED} from membership m left {_NAMED} where p.member_id is null and {_chosen(choice)}"
        " and (m.member_id, m.team_id, m.joined_on) > ($6, $7, $8)"
        " order by m.member_id, m.team_id, m.joined_on limit $9",
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
        f"select {_LISTED} from unnest($6::text[]) with ordinality as t(team_id, n)"
        f" join membership m on m.team_id = t.team_id left {_NAMED} where {_chosen(choice)}"
        f" and (t.n, {_KEY}, m.member_id, m.joined_on) > ($7, $8, $9, $10)"
        f" order by t.n, {_KEY}, m.member_id, m.joined_on limit $11",
        *_values(choice),
        list(team_ids),
        1 if after else 0,
        *place[:2],
        place[3],
        limit,
    )
    return [Listed(*r.values()) for r in rows]


def _values(choice: Choice) -> list[Any]:
    """$1 to $5 of every statement here."""
    teams = None if choice.team_ids is None else list(choice.team_ids)
    return [choice.day, teams, choice.role, choice.organisation_id, choice.joined_on]


def _chosen(choice: Choice) -> str:
    return " and ".join(_conditions(choice))


def _conditions(choice: Choice) -> Iterator[str]:
    yield "m.joined_on <= $1"
    if choice.left is not None:
        yield "m.left_on < $1" if choice.left else "(m.left_on is null or m.left_on >= $1)"
    yield "m.team_id = any($2)" if choice.team_ids is not None else "$2::text[] is null"
    yield "m.joined_on = $5" if choice.joined_on is not None else "$5::date is null"
    yield "m.organisation_id = $4" if choice.organisation_id is not None else "$4::text is null"
    yield _HELD if choice.role is not None else "$3::text is null"


_HELD = (
    "(m.member_id, m.team_id, m.joined_on) in (select r.member_id, r.team_id, r.joined_on from membership_role r"
    " where r.role = $3 and r.known_to is null and r.valid_from <= $1 and not exists (select from membership_role n"
    " where (n.member_id, n.team_id, n.joined_on) = (r.member_id, r.team_id, r.joined_on) and n.known_to is null"
    " and n.valid_from > r.valid_from and n.valid_from <= $1))"
)
