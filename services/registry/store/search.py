"""SQL of the search: names of units and organisations, present and past, by trigrams. Those of teams and people, of
which there are many more, are in `search_names`.

The statements are many that only look for few rows, so each call begins with `prepare`, in a transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from typing import Any, NamedTuple

from services.registry.ranking import EXACT, LEAST_ALIKE, PREFIX, WORDS, Floor, Found, Kind, Query, stamp
from shared.db import Conn


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
    shortened: bool = False
    """Of teams and people: names that have some of the words, where no name is alike; ask that before."""
    only: str | None = None
    """One id: where it stands."""


class Values(list[Any]):
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
    values = Values()
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
        f" where {among_ids(values, 'v.unit_id', asked)} order by v.unit_id, s.rank,"
        " (s.unit_id, s.name) <> (v.unit_id, v.name), s.valid_to desc nulls first)"
        f" {page(values, asked)}",
        *values,
    )
    return public(Kind.UNIT, rows)


async def organisations(conn: Conn, asked: Asked) -> list[Found]:
    """Organisations that there are on the day and that bear such a name, or bore one."""
    values = Values()
    day = values(asked.day)
    fits, rank = _fit(values, asked, "n.words", "n.words")
    rows = await conn.fetch(
        f"with fit as (select distinct on (n.organisation_id) {rank} as rank, now.sort_key,"
        " n.organisation_id as id, now.name, n.name as formerly, n.organisation_id as formerly_id, n.valid_to as until"
        " from organisation_version n join organisation_version as now on now.organisation_id = n.organisation_id"
        f" and now.valid_from <= {day} and now.valid_to > {day}"
        f" where n.valid_from <= {day} and ({fits}) and {among_ids(values, 'n.organisation_id', asked)}"
        " order by n.organisation_id, rank, n.name <> now.name, n.valid_from desc)"
        f" {page(values, asked)}",
        *values,
    )
    return public(Kind.ORGANISATION, rows)


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


# -- parts of statements ----------------------------------------------------------------------------------------------

_LIKENESS_RANK = "greatest(3, 12 - floor(10 * {})::int)"


def _fit(values: Values, asked: Asked, words: str, bare: str) -> tuple[str, str]:
    """Whether a name fits, and how well: the columns hold its keys, with the kind in front and without."""
    query = asked.query
    plain = values(query.bare if bare != words else query.words)
    if asked.alike:
        return f"{plain} <% {words}", _LIKENESS_RANK.format(f"word_similarity({plain}, {words})")
    typed, fits = values(query.words), every(values, words, query.patterns)
    if bare != words and query.bare != query.words:
        fits = f"({fits} or {every(values, words, query.bare_patterns)})"
    return fits, (
        f"case when {words} = {typed} or {bare} = {typed} then {EXACT}"
        f" when {words} like {typed} || '%' or {bare} like {typed} || '%' or {bare} = {plain} then {PREFIX}"
        f" else {WORDS} end"
    )


def every(values: Values, column: str, patterns: Iterable[str]) -> str:
    """All of the patterns hold."""
    return "(" + " and ".join(f"{column} like {values(pattern)}" for pattern in patterns) + ")"


def among_ids(values: Values, column: str, asked: Asked) -> str:
    """It is among the ids in which to look."""
    among = None if asked.among is None else list(asked.among)
    chosen = f"({values(among)}::text[] is null or {column} = any(${len(values)}))"
    return f"{chosen} and ({values(asked.only)}::text is null or {column} = ${len(values)})"


def behind(values: Values, asked: Asked) -> str:
    """It stands behind the floor."""
    rank, key, its_id = (values(part) for part in asked.behind)
    return f"(rank, sort_key, id) > ({rank}::int, {key}::bytea, {its_id}::text)"


def page(values: Values, asked: Asked) -> str:
    """The page of what was found as `fit`."""
    return f"select * from fit where {behind(values, asked)} order by rank, sort_key, id limit {values(asked.limit)}"


def public(kind: Kind, rows: Iterable[Any]) -> list[Found]:
    """Hits whose names everybody may see."""
    return list(_founds(kind, rows))


def _founds(kind: Kind, rows: Iterable[Any]) -> Iterator[Found]:
    for rank, sort_key, its_id, name, formerly, formerly_id, until in rows:
        mark = stamp(sort_key)
        if (formerly_id, formerly) == (its_id, name):
            yield Found(rank, kind, sort_key, its_id, mark, name)
        else:
            yield Found(rank, kind, sort_key, its_id, mark, name, formerly, formerly_id, until)
