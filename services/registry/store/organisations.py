"""SQL of organisations: their states, their headcounts, the tree of a day."""

from __future__ import annotations

from datetime import date
from typing import Any, NamedTuple

from services.registry.organisation import State, Tree, grow
from shared.db import Conn

_STATE = "organisation_id, valid_from, valid_to, name, sector, parent_id"
_WITHIN = (  # on day $1: the organisation $2 and all that stands below it, or all if that is null
    "with recursive below(id) as (select $2::text union select v.organisation_id from organisation_version v"
    " join below b on v.parent_id = b.id where v.valid_from <= $1 and v.valid_to > $1),"
    " there as (select * from organisation_version where valid_from <= $1 and valid_to > $1"
    " and ($2 is null or organisation_id in (select id from below)))"
)
_HEADCOUNT = (
    "(select headcount from headcount h where h.organisation_id = t.organisation_id and h.valid_from <= $1"
    " order by h.valid_from desc limit 1)"
)


class Organisation(NamedTuple):
    """A row of `organisation`: the identity, and the state that is valid last."""

    organisation_id: str
    name: str
    sector: str
    headcount: int | None
    parent_id: str | None
    valid_from: date
    last_day: date | None
    successor_id: str | None


class OnDay(NamedTuple):
    """An organisation on a day, with the headcount that holds on it."""

    state: State
    headcount: int | None


class Sum(NamedTuple):
    """Organisations of a part of the tree on a day, the sum of their headcounts, and how many declared none."""

    organisations: int
    headcount: int
    undeclared: int


async def organisation(conn: Conn, organisation_id: str) -> Organisation | None:
    """One organisation."""
    row = await conn.fetchrow(
        "select organisation_id, name, sector, headcount, parent_id, valid_from, last_day, successor_id"
        " from organisation where organisation_id = $1",
        organisation_id,
    )
    return Organisation(*row.values()) if row else None


async def lock_tree(conn: Conn) -> None:
    """One change of the tree at a time: two moves that are right alone could make a circle together."""
    await conn.execute("select pg_advisory_xact_lock(hashtext('registry.organisations'))")


async def tree(conn: Conn) -> Tree:
    """All states of all organisations."""
    return grow([_state(r) for r in await conn.fetch(f"select {_STATE} from organisation_version")])


async def states(conn: Conn, organisation_id: str) -> list[State]:
    """All states of one organisation by day."""
    rows = await conn.fetch(
        f"select {_STATE} from organisation_version where organisation_id = $1 order by valid_from", organisation_id
    )
    return [_state(r) for r in rows]


async def on_day(conn: Conn, organisation_id: str, day: date) -> OnDay | None:
    """One organisation as it is on a day; None when it is not there."""
    row = await conn.fetchrow(
        f"select {_STATE}, {_HEADCOUNT} as headcount from organisation_version t"
        " where organisation_id = $2 and valid_from <= $1 and valid_to > $1",
        day,
        organisation_id,
    )
    return OnDay(_state(row), row["headcount"]) if row else None


async def list_on_day(conn: Conn, day: date, *, within: str | None, after: str, limit: int) -> list[OnDay]:
    """Organisations that are there on a day, by id; `within` and all below it, or all."""
    rows = await conn.fetch(
        f"{_WITHIN} select {_STATE}, {_HEADCOUNT} as headcount from there t"
        " where organisation_id > $3 order by organisation_id limit $4",
        day,
        within,
        after,
        limit,
    )
    return [OnDay(_state(r), r["headcount"]) for r in rows]


async def sum_on_day(conn: Conn, day: date, *, within: str | None) -> Sum:
    """What `list_on_day` lists in all."""
    row = await conn.fetchrow(
        f"{_WITHIN} select count(*), coalesce(sum(headcount), 0), count(*) - count(headcount)"
        f" from (select {_HEADCOUNT} as headcount from there t) counted",
        day,
        within,
    )
    return Sum(*(int(n) for n in row.values())) if row else Sum(0, 0, 0)


async def headcounts(conn: Conn, organisation_id: str) -> list[tuple[date, int]]:
    """The headcounts of an organisation, each with its first day, by day."""
    rows = await conn.fetch(
        "select valid_from, headcount from headcount where organisation_id = $1 order by valid_from", organisation_id
    )
    return [(r["valid_from"], r["headcount"]) for r in rows]


async def predecessors(conn: Conn, organisation_id: str) -> list[str]:
    """Dissolved organisations whose successor it is, by id."""
    rows = await conn.fetch(
        "select organisation_id from organisation where successor_id = $1 order by organisation_id", organisation_id
    )
    return [r["organisation_id"] for r in rows]


async def save_organisation(conn: Conn, state: State, headcount: int | None) -> bool:
    """Inserts a new organisation with its first state and headcount; answers False when the id is taken."""
    status = await conn.execute(
        "insert into organisation (organisation_id, valid_from, name, sector, parent_id, headcount)"
        " values ($1, $2, $3, $4, $5, $6) on conflict do nothing",
        *(state.organisation_id, state.valid_from, *state[3:], headcount),
    )
    if not status.endswith(" 1"):
        return False
    await save_state(conn, state)
    if headcount is not None:
        await save_headcount(conn, state.organisation_id, headcount, state.valid_from)
    return True


async def save_state(conn: Conn, state: State) -> None:
    """Writes an organisation's last state: the one before ends where it begins, one of the same day is replaced."""
    await conn.execute(
        "update organisation_version set valid_to = $2"
        " where organisation_id = $1 and valid_from < $2 and valid_to > $2",
        state.organisation_id,
        state.valid_from,
    )
    await conn.execute(
        f"insert into organisation_version ({_STATE}) values ($1, $2, $3, $4, $5, $6)"
        " on conflict (organisation_id, valid_from) do update set valid_to = excluded.valid_to, name = excluded.name,"
        " sector = excluded.sector, parent_id = excluded.parent_id",
        *state,
    )
    await conn.execute(
        "update organisation set name = $2, sector = $3, parent_id = $4 where organisation_id = $1",
        *(state.organisation_id, *state[3:]),
    )


async def save_end(conn: Conn, organisation_id: str, last_day: date, successor_id: str | None) -> None:
    """Notes an organisation's last day and who follows it."""
    await conn.execute(
        "update organisation set last_day = $2, successor_id = $3 where organisation_id = $1",
        organisation_id,
        last_day,
        successor_id,
    )


async def save_headcount(conn: Conn, organisation_id: str, headcount: int, valid_from: date) -> None:
    """Writes a headcount; one of the same day is replaced."""
    await conn.execute(
        "insert into headcount (organisation_id, valid_from, headcount) values ($1, $2, $3)"
        " on conflict (organisation_id, valid_from) do update set headcount = excluded.headcount",
        organisation_id,
        valid_from,
        headcount,
    )
    await conn.execute(
        "update organisation o set headcount = (select h.headcount from headcount h"
        " where h.organisation_id = o.organisation_id order by h.valid_from desc limit 1) where organisation_id = $1",
        organisation_id,
    )


def _state(row: Any) -> State:
    return State(*(row[name] for name in State._fields))
