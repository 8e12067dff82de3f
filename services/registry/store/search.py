"""SQL of the search: names of units, organisations, teams and people, present and past, by trigrams.

People are found by the keys in their rows of the vault; no name leaves this module, only ids. The statements are many
that only look for few rows, so each call begins with `prepare`, in a transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from typing import Any, NamedTuple

from services.registry.ranking import EXACT, LEAST_ALIKE, PREFIX, WORDS, Floor, Found, Kind, Query, stamp
from shared.db import Conn

MOST_ALIKE = 1000
"""So many people whose names are only alike are looked at; where there are more, the search says too little."""


class Asked(NamedTuple):
    """What a statement looks for, and in which piece of the answer."""

    query: Query
    day: date
    among: Sequence[str] | None
    """Ids of units, or of teams, within which to look; None: everywhere."""
    behind: Floor
    limit: int
    alike: bool = False
    """Names that are only alike, instead of those that fit."""
    only: str | None = None
    """One id: where it stands."""


class _Values(list[Any]):
    """The values of a statement; calling it adds one and answers with its number in the text."""

    def __call__(self, value: Any) -> str:
        self.append(value)
        return f"${len(self)}"


async def prepare(conn: Conn) -> None:
    """How alike a name must be; plans for what was typed, not for anything; no scan that only the limit makes look
    cheap. For this transaction."""
    await conn.execute(
        "select set_config('pg_trgm.word_similarity_threshold', $1, true), set_config('enable_seqscan', 'off', true),"
        " set_config('plan_cache_mode', 'force_custom_plan', true)",
        str(LEAST_ALIKE),
    )


async def units(conn: Conn, asked: Asked) -> list[Found]:
    """Units in force on the day that bear such a name, bore one, or took over a unit that bore one."""
    values = _Values()
    day = values(asked.day)
    fits, rank = _fit(values, asked, "words", "bare")
    in_force = f"v.known_to is null and v.valid_from <= {day} and (v.valid_to is null or v.valid_to > {day})"
    rows = await conn.fetch(
        "with recursive hit as materialized (select unit_id, name, valid_to,"
        f" {rank} as rank from unit_version where known_to is null and valid_from <= {day} and ({fits})),"
        " heir as (select unit_id as id, hit.* from hit union"
        " select l.successor_id, s.unit_id, s.name, s.valid_to, s.rank from heir s"
        f" join lineage l on l.predecessor_id = s.id and l.effective_on <= {day} and l.reversed_at is null"
        f" where not exists (select from unit_version v where v.unit_id = s.id and {in_force})),"
        " fit as (select distinct on (v.unit_id) s.rank, v.sort_key, v.unit_id as id, v.name,"
        " s.name as formerly, s.unit_id as formerly_id, s.valid_to as until"
        f" from heir s join unit_version v on v.unit_id = s.id and {in_force}"
        f" where {_among(values, 'v.unit_id', asked)} order by v.unit_id, s.rank,"
        " (s.unit_id, s.name) <> (v.unit_id, v.name), s.valid_to desc nulls first)"
        f" {_page(values, asked)}",
        *values,
    )
    return _public(Kind.UNIT, rows)


async def teams(conn: Conn, asked: Asked) -> list[Found]:
    """Teams that there are on the day and that bear such a name, or bore one."""
    values = _Values()
    day = values(asked.day)
    fits, rank = _fit(values, asked, "n.words", "n.words")
    rows = await conn.fetch(
        f"with hit as materialized (select n.team_id, n.name, n.valid_from, n.sort_key, {rank} as rank"
        f" from team_name n where n.known_to is null and n.valid_from <= {day} and ({fits})"
        f" and {_among(values, 'n.team_id', asked)}),"
        " fit as (select distinct on (n.team_id) n.rank, coalesce(now.sort_key, n.sort_key) as sort_key,"
        " n.team_id as id, coalesce(now.name, n.name) as name, n.name as formerly, n.team_id as formerly_id, now.until"
        f" from hit n join team t on t.team_id = n.team_id"
        f" and t.formed_on <= {day} and (t.disbanded_on is null or t.disbanded_on >= {day})"
        " left join lateral (select (array_agg(name order by valid_from desc))[1] as name,"
        " (array_agg(sort_key order by valid_from desc))[1] as sort_key, min(valid_from) as until"
        " from team_name later where later.team_id = n.team_id and later.known_to is null"
        f" and later.valid_from > n.valid_from and later.valid_from <= {day}) as now on true"
        " order by n.team_id, n.rank, now.name is not null, n.valid_from desc)"
        f" {_page(values, asked)}",
        *values,
    )
    return _public(Kind.TEAM, rows)


async def organisations(conn: Conn, asked: Asked) -> list[Found]:
    """Organisations that there are on the day and that bear such a name, or bore one."""
    values = _Values()
    day = values(asked.day)
    fits, rank = _fit(values, asked, "n.words", "n.words")
    rows = await conn.fetch(
        f"with fit as (select distinct on (n.organisation_id) {rank} as rank, now.sort_key,"
        " n.organisation_id as id, now.name, n.name as formerly, n.organisation_id as formerly_id, n.valid_to as until"
        " from organisation_version n join organisation_version as now on now.organisation_id = n.organisation_id"
        f" and now.valid_from <= {day} and now.valid_to > {day}"
        f" where n.valid_from <= {day} and ({fits}) and {_among(values, 'n.organisation_id', asked)}"
        " order by n.organisation_id, rank, n.name <> now.name, n.valid_from desc)"
        f" {_page(values, asked)}",
        *values,
    )
    return _public(Kind.ORGANISATION, rows)


async def members(conn: Conn, asked: Asked) -> list[Found]:
    """People on a team on the day, by rank, then in the order of lists of people. The ranks are asked one after the
    other, because the better ones mostly fill a page, and each is found by an index of its own."""
    if asked.alike:
        return await _members_alike(conn, asked)
    found: list[Found] = []
    for rank in (EXACT, PREFIX, WORDS):
        if rank >= asked.behind.rank and len(found) < asked.limit:
            found += await _members_of(conn, asked, rank, asked.limit - len(found))
    return found


async def team_ids(
    conn: Conn, day: date, *, units: Sequence[str] | None, own: str | None, within: Sequence[str] | None
) -> list[str]:
    """Teams at or below any of these units, on the day or today (None: all), and the own one; and on the day within."""
    at = "(p.unit_id = any({0}) or p.village_id = any({0}) or p.commune_id = any({0}) or p.district_id = any({0}))"
    on_day = "p.valid_from <= $1 and (p.valid_to is null or p.valid_to > $1)"
    rows = await conn.fetch(
        "select t.team_id from team t where ($2::text[] is null or t.team_id = $3 or exists (select from team_place p"
        f" where p.team_id = t.team_id and p.known_to is null and {at.format('$2')}"
        f" and (p.valid_to is null or {on_day})))"
        " and ($4::text[] is null or exists (select from team_place p"
        f" where p.team_id = t.team_id and p.known_to is null and {at.format('$4::text[]')} and {on_day}))",
        day,
        None if units is None else list(units),
        own,
        None if within is None else list(within),
    )
    return [r["team_id"] for r in rows]


# -- people -----------------------------------------------------------------------------------------------------------


async def _members_of(conn: Conn, asked: Asked, rank: int, limit: int) -> list[Found]:
    values = _Values()
    first = asked.behind.rank < rank
    key, its_id = (b"", "") if first else asked.behind[1:]
    rows = await conn.fetch(
        "select h.*, (select xmin::text from vault_person v where v.member_id = h.id) as stamp from ("
        "select p.sort_key, p.member_id as id from vault_person p where p.withdrawn_at is null"
        f" and {_tier(values, asked.query, rank)} and {_held(values, asked)}"
        f" and (p.sort_key, p.member_id) > ({values(key)}, {values(its_id)})"
        f" order by p.sort_key, p.member_id limit {values(limit)}) h order by sort_key, id",
        *values,
    )
    return [Found(rank, Kind.MEMBER, r["sort_key"], r["id"], r["stamp"]) for r in rows]


async def _members_alike(conn: Conn, asked: Asked) -> list[Found]:
    values = _Values()
    typed = values(asked.query.words)
    rows = await conn.fetch(
        "with alike as materialized (select p.sort_key, p.member_id as id,"
        f" word_similarity({typed}, p.words) as likeness from vault_person p"
        f" where p.withdrawn_at is null and {typed} <% p.words"
        f" and {_held(values, asked)} limit {values(MOST_ALIKE)}),"
        f" ranked as (select {_LIKENESS_RANK.format('likeness')} as rank, sort_key, id from alike)"
        " select h.*, (select xmin::text from vault_person v where v.member_id = h.id) as stamp"
        f" from (select * from ranked where {_behind(values, asked)} order by rank, sort_key, id"
        f" limit {values(asked.limit)}) h order by rank, sort_key, id",
        *values,
    )
    return [Found(r["rank"], Kind.MEMBER, r["sort_key"], r["id"], r["stamp"]) for r in rows]


def _tier(values: _Values, query: Query, rank: int) -> str:
    typed = values(query.words)
    if rank == EXACT:
        return f"p.words = {typed}"
    if rank == PREFIX:
        return f"p.words like {typed} || '%' and p.words <> {typed}"
    return f"{_every(values, 'p.words', query.patterns)} and p.words not like {typed} || '%'"


def _held(values: _Values, asked: Asked) -> str:
    day = values(asked.day)
    among = "" if asked.among is None else f" and m.team_id = any({values(list(asked.among))}::text[])"
    only = "" if asked.only is None else f" and m.member_id = {values(asked.only)}"
    return (
        f"p.member_id in (select m.member_id from membership m where m.joined_on <= {day}"
        f" and (m.left_on is null or m.left_on >= {day}){among}{only})"
    )


# -- parts of statements ----------------------------------------------------------------------------------------------

_LIKENESS_RANK = "greatest(3, 12 - floor(10 * {})::int)"


def _fit(values: _Values, asked: Asked, words: str, bare: str) -> tuple[str, str]:
    """Whether a name fits, and how well: the columns hold its keys, with the kind in front and without."""
    query = asked.query
    plain = values(query.bare if bare != words else query.words)
    if asked.alike:
        return f"{plain} <% {words}", _LIKENESS_RANK.format(f"word_similarity({plain}, {words})")
    typed, every = values(query.words), _every(values, words, query.patterns)
    if bare != words and query.bare != query.words:
        every = f"({every} or {_every(values, words, query.bare_patterns)})"
    return every, (
        f"case when {words} = {typed} or {bare} = {typed} then {EXACT}"
        f" when {words} like {typed} || '%' or {bare} like {typed} || '%' or {bare} = {plain} then {PREFIX}"
        f" else {WORDS} end"
    )


def _every(values: _Values, column: str, patterns: Iterable[str]) -> str:
    return "(" + " and ".join(f"{column} like {values(pattern)}" for pattern in patterns) + ")"


def _among(values: _Values, column: str, asked: Asked) -> str:
    among = None if asked.among is None else list(asked.among)
    chosen = f"({values(among)}::text[] is null or {column} = any(${len(values)}))"
    return f"{chosen} and ({values(asked.only)}::text is null or {column} = ${len(values)})"


def _behind(values: _Values, asked: Asked) -> str:
    rank, key, its_id = (values(part) for part in asked.behind)
    return f"(rank, sort_key, id) > ({rank}::int, {key}::bytea, {its_id}::text)"


def _page(values: _Values, asked: Asked) -> str:
    return f"select * from fit where {_behind(values, asked)} order by rank, sort_key, id limit {values(asked.limit)}"


def _public(kind: Kind, rows: Iterable[Any]) -> list[Found]:
    return list(_founds(kind, rows))


def _founds(kind: Kind, rows: Iterable[Any]) -> Iterator[Found]:
    for rank, sort_key, its_id, name, formerly, formerly_id, until in rows:
        mark = stamp(sort_key)
        if (formerly_id, formerly) == (its_id, name):
            yield Found(rank, kind, sort_key, its_id, mark, name)
        else:
            yield Found(rank, kind, sort_key, its_id, mark, name, formerly, formerly_id, until)
