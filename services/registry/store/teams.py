"""SQL of teams: where they are and what they are called, on any day, as it is known now; lists: `team_lists`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any

from services.registry.team import NameSince, Team, TeamHistory, TeamPlace, first_place
from services.registry.team_voided import Voided
from shared.clock import local_day
from shared.contracts.reform import EndReason, Level
from shared.db import Conn
from shared.rows import unnest

_TEAM = (
    "team_id, name, level, unit_id, village, district_id, commune_id, decision_number, decision_date, formed_on,"
    " village_id, disbanded_on, end_reason, into_team_id"
)
_PLACE = (
    "team_id, valid_from, valid_to, unit_id, level, village, village_id, district_id, commune_id, reason, reform_id"
)
_TEAM_TYPES = (*["text"] * 8, "date", "date", "text", "date", "text", "text")
_PLACE_TYPES = ("text", "date", "date", "text", "text", "text", "text", "text", "text", "text", "text")


# -- teams ------------------------------------------------------------------------------------------------------------


async def team(conn: Conn, team_id: str) -> Team | None:
    """One team, as it is or was at last."""
    row = await conn.fetchrow(f"select {_TEAM} from team where team_id = $1", team_id)
    return team_of(row) if row else None


async def history(conn: Conn, team_id: str) -> TeamHistory | None:
    """One team with all its places and names."""
    return (await histories(conn, [team_id])).get(team_id)


async def lock_histories(conn: Conn, team_ids: Iterable[str]) -> dict[str, TeamHistory]:
    """These teams, locked until the transaction ends: what is on record of each changes one at a time."""
    ids = sorted(set(team_ids))  # always in one order: two that want the same two never wait for each other
    await conn.fetch("select from team where team_id = any($1::text[]) order by team_id for update", ids)
    return await histories(conn, ids)


async def histories(conn: Conn, team_ids: Sequence[str]) -> dict[str, TeamHistory]:
    """Those of these teams that there are, by id, each with all its places and names."""
    ids = list(team_ids)
    teams = await conn.fetch(f"select {_TEAM} from team where team_id = any($1::text[])", ids)
    named = await conn.fetch(
        "select team_id, valid_from, name from team_name where team_id = any($1::text[]) and known_to is null"
        " order by valid_from",
        ids,
    )
    names: dict[str, list[NameSince]] = {}
    for row in named:
        names.setdefault(row["team_id"], []).append(NameSince(row["valid_from"], row["name"]))
    placed: dict[str, list[TeamPlace]] = {}
    for place in await _places(conn, ids):
        placed.setdefault(place.team_id, []).append(place)
    return {r["team_id"]: TeamHistory(team_of(r), tuple(placed[r[0]]), tuple(names[r[0]])) for r in teams}


async def save_team(conn: Conn, team: Team, *, known_from: datetime) -> bool:
    """Inserts a team with its first place and name; answers False when the id is taken."""
    return await save_teams(conn, [team], known_from=known_from) == 1


async def save_teams(conn: Conn, teams: Sequence[Team], *, known_from: datetime) -> int:
    """Inserts teams with their first places and names; answers how many, leaving out those whose id is taken."""
    rows, columns = unnest(_TEAM_TYPES, teams)
    inserted = await conn.fetch(
        f"insert into team ({_TEAM}) select * from {rows} on conflict do nothing returning team_id", *columns
    )
    new = {r["team_id"] for r in inserted}
    saved = [t for t in teams if t.team_id in new]
    await _insert_names(conn, [(t.team_id, t.formed_on, t.name) for t in saved], known_from)
    await _insert_places(conn, [first_place(t) for t in saved], known_from)
    return len(saved)


async def save_name(conn: Conn, team_id: str, name: NameSince, *, known_from: datetime) -> None:
    """A team's name from a day on; one from the same day is known no longer."""
    await conn.execute(
        "update team_name set known_to = $3 where team_id = $1 and valid_from = $2 and known_to is null",
        team_id,
        name.valid_from,
        known_from,
    )
    await _insert_names(conn, [(team_id, *name)], known_from)
    await conn.execute("update team set name = $2 where team_id = $1", team_id, name.name)


async def save_end(conn: Conn, team_id: str, last_day: date, reason: EndReason, into_team_id: str | None) -> None:
    """Notes a team's last day."""
    await conn.execute(
        "update team set disbanded_on = $2, end_reason = $3, into_team_id = $4 where team_id = $1",
        team_id,
        last_day,
        reason,
        into_team_id,
    )


# -- places -----------------------------------------------------------------------------------------------------------


async def place(conn: Conn, team_id: str, day: date) -> TeamPlace | None:
    """Where a team is on a day; None before its founding."""
    return next((p for p in await places(conn, team_id) if p.holds_on(day)), None)


async def places(conn: Conn, team_id: str) -> list[TeamPlace]:
    """All places of a team, by day."""
    return await _places(conn, [team_id])


async def teams_at(conn: Conn, unit_ids: Iterable[str], day: date, *, or_later: bool = False) -> list[TeamPlace]:
    """Where teams are on a day at exactly these units or villages, by team; `or_later`: their later places there too.

    A team that had ended by then is left out.
    """
    rows = await conn.fetch(
        f"select {_PLACE} from team_place p where (unit_id = any($1::text[]) or village_id = any($1::text[]))"
        " and known_to is null and (valid_to is null or valid_to > $2) and ($3 or valid_from <= $2)"
        " and exists (select from team t where t.team_id = p.team_id"
        " and (t.disbanded_on is null or t.disbanded_on >= $2)) order by team_id, valid_from",
        list(unit_ids),
        day,
        or_later,
    )
    return [_place(r) for r in rows]


async def save_places(conn: Conn, moves: Sequence[TeamPlace], *, known_from: datetime) -> None:
    """Says where teams are from `valid_from` until before `valid_to` (None: for good), whatever was known until now.

    What was known of these days is known no longer; of places that reach over them, the days before and after stay.
    A team may come several times if the days do not overlap. Locks the teams.
    """
    span, columns = unnest(_PLACE_TYPES[:3], [m[:3] for m in moves])
    await conn.fetch("select from team where team_id = any($1::text[]) order by team_id for update", columns[0])
    replaced = await conn.fetch(
        f"update team_place p set known_to = $4 from {span} as s(team_id, valid_from, valid_to)"
        " where p.team_id = s.team_id and p.known_to is null"
        " and daterange(p.valid_from, p.valid_to) && daterange(s.valid_from, s.valid_to)"
        f" returning {', '.join('p.' + c for c in _PLACE.split(', '))}",
        *columns,
        known_from,
    )
    by_team: dict[str, list[TeamPlace]] = {}
    for move in moves:
        by_team.setdefault(move.team_id, []).append(move)
    kept = [part for old in map(_place, replaced) for part in _outside(old, by_team[old.team_id])]
    await _insert_places(conn, [*kept, *moves], known_from)
    await conn.execute(
        "update team t set unit_id = p.unit_id, level = p.level, village = p.village, village_id = p.village_id,"
        " district_id = p.district_id, commune_id = p.commune_id from team_place p"
        " where t.team_id = any($1::text[]) and p.team_id = t.team_id and p.known_to is null and p.valid_to is null",
        columns[0],
    )


async def voided(conn: Conn, team_id: str) -> list[Voided]:
    """The places of a team that were known until a reform was taken back, by day."""
    rows = await conn.fetch(
        f"select {', '.join('p.' + c for c in _PLACE.split(', '))}, p.known_from, p.known_to, r.reform_id as back"
        " from team_place p join reform r on r.reversed_at = p.known_to"
        " where p.team_id = $1 and p.known_to is not null order by p.valid_from, p.known_from",
        team_id,
    )
    columns = _PLACE.split(", ")
    return [
        Voided(_place({c: r[c] for c in columns}), r["known_from"], local_day(r["known_to"]), r["back"]) for r in rows
    ]


# -- rows -------------------------------------------------------------------------------------------------------------


async def _places(conn: Conn, team_ids: Sequence[str]) -> list[TeamPlace]:
    rows = await conn.fetch(
        f"select {_PLACE} from team_place where team_id = any($1::text[]) and known_to is null"
        " order by team_id, valid_from",
        list(team_ids),
    )
    return [_place(r) for r in rows]


async def _insert_places(conn: Conn, new: Sequence[TeamPlace], known_from: datetime) -> None:
    rows, columns = unnest(_PLACE_TYPES, new, after=1)
    await conn.execute(f"insert into team_place (known_from, {_PLACE}) select $1, * from {rows}", known_from, *columns)


async def _insert_names(conn: Conn, names: Sequence[tuple[str, date, str]], known_from: datetime) -> None:
    rows, columns = unnest(("text", "date", "text"), names, after=1)
    await conn.execute(
        f"insert into team_name (known_from, team_id, valid_from, name) select $1, * from {rows}", known_from, *columns
    )


def _outside(place: TeamPlace, moves: Sequence[TeamPlace]) -> list[TeamPlace]:
    """The days of a place that no move is about."""
    parts = [place]
    for move in moves:
        parts = [rest for part in parts for rest in _without(part, move)]
    return parts


def _without(place: TeamPlace, move: TeamPlace) -> list[TeamPlace]:
    if not (place.holds_on(move.valid_from) or move.holds_on(place.valid_from)):
        return [place]
    before = [place._replace(valid_to=move.valid_from)] if place.valid_from < move.valid_from else []
    after = move.valid_to is not None and (place.valid_to is None or move.valid_to < place.valid_to)
    return [*before, *([place._replace(valid_from=move.valid_to)] if move.valid_to and after else [])]


def team_of(row: Any) -> Team:
    """A row with the columns of a team."""
    reason = row["end_reason"]
    return Team(**{**row, "level": Level(row["level"]), "end_reason": EndReason(reason) if reason else None})


def _place(row: Any) -> TeamPlace:
    return TeamPlace(**{**row, "level": Level(row["level"])})
