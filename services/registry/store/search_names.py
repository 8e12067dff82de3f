"""SQL of the search for teams and people: many, with few words among their names.

What fits is looked for in two ways, each cheap where the other is not. Few names: an index of their letters finds them,
and they are sorted. Many: they are read in the order of the answer until a page is full. Which it is, is tried, as no
statistics know it. People are found by the keys in their rows of the vault; no name leaves this module, only ids.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from services.registry import slips
from services.registry.ranking import EXACT, PREFIX, WORDS, Floor, Found, Kind, Query, stamp
from services.registry.slips import Part, Tier
from services.registry.store import vocabulary
from services.registry.store.search import Asked, Values, among_ids, behind, every, page, public
from shared.db import Conn, let_plans_use

FEW = 2000
"""So many names are sorted; of more, a page is found soon in the order of names."""
GLANCE = 6000
"""Among so many first names a page of what very many fit is found at once."""
BROAD = 200
"""Within more teams than these, people are looked for by name, not team by team."""
_GATHERING = ("bitmapscan", "hashjoin", "mergejoin", "sort")
"""With these a plan finds all rows before it puts them in order."""

_START = Floor(EXACT, b"", "")

Fit = Callable[[Values, str, bool], str]
"""The condition on a column of words: for an index, or (true) for looking at each name, which is faster then."""


class Level(NamedTuple):
    """Names that fit equally well. A name belongs to the first level that it fits."""

    rank: int
    fits: Fit


class Source(NamedTuple):
    """Where names are looked for."""

    kind: Kind
    table: str
    words: str
    key: str
    id: str
    own: Callable[[Values, Asked], str]
    """What a row says itself of whether it counts."""
    counts: Callable[[Values, Asked, str], str]
    """What other tables say, of an id."""
    more: Callable[[Values, Asked], str]
    """What else is told of a hit `h`."""


async def members(conn: Conn, asked: Asked) -> list[Found]:
    """People on a team on the day, by rank, then in the order of lists of people."""
    rows = await _found(conn, _PEOPLE, asked, _ranked)
    return [Found(rank, Kind.MEMBER, key, its_id, mark) for rank, key, its_id, mark in rows]


async def teams(conn: Conn, asked: Asked) -> list[Found]:
    """Teams that there are on the day and that bear such a name, or bore one."""

    async def both(conn: Conn, source: Source, levels: Sequence[Level], asked: Asked) -> list[Any]:
        rows = await _ranked(conn, source, levels, asked)
        settled = [Found(rank, Kind.TEAM, key, its_id, stamp(key), name) for rank, key, its_id, name in rows]
        return sorted(settled + await _renamed(conn, levels, asked), key=lambda hit: hit.place)[: asked.limit]

    return await _found(conn, _TEAMS, asked, both)


# -- how well names fit -----------------------------------------------------------------------------------------------


async def _found(conn: Conn, source: Source, asked: Asked, look: Callable[..., Any]) -> list[Any]:
    if not asked.alike and not asked.shortened:
        return list(await look(conn, source, _as_typed(asked.query), asked))
    readings = await vocabulary.readings(conn, source.kind, slips.typed_words(asked.query.words))
    corrected = _levels(slips.corrected(readings))
    if asked.alike:
        return list(await look(conn, source, corrected, asked))
    if asked.behind.rank > WORDS and await look(conn, source, corrected, asked._replace(behind=_START, limit=1)):
        return []  # they were on a page before
    return list(await look(conn, source, _levels(slips.shortened(readings)), asked))


def _as_typed(query: Query) -> list[Level]:
    def exact(values: Values, words: str, _: bool) -> str:
        return f"{words} = {values(query.words)}"

    def prefix(values: Values, words: str, _: bool) -> str:
        return f"{words} like {values(query.words + '%')}"

    def begun(values: Values, words: str, _: bool) -> str:
        return every(values, words, query.patterns)

    return [Level(EXACT, exact), Level(PREFIX, prefix), Level(WORDS, begun)]


def _levels(tiers: Sequence[Tier]) -> list[Level]:
    return [Level(WORDS + tier.cost, _of_tier(tier)) for tier in tiers]


def _of_tier(tier: Tier) -> Fit:
    def fits(values: Values, words: str, each: bool) -> str:
        ways = (" and ".join(_part(values, words, part, each) for part in way) for way in tier.ways)
        return "(" + " or ".join(f"({way})" for way in ways) + ")"

    return fits


def _part(values: Values, words: str, part: Part, each: bool) -> str:
    found = [f"{words} like {values(f'% {part.begins}%')}"] if part.begins else []
    if part.among and each:
        found.append(f"{words} || ' ' like any({values([f'% {word} %' for word in part.among])}::text[])")
    elif part.among:
        found.append(f"{words} ~ {values(f' ({chr(124).join(part.among)})( |$)')}")
    return "(" + " or ".join(found) + ")"


# -- few or many ------------------------------------------------------------------------------------------------------


async def _ranked(conn: Conn, source: Source, levels: Sequence[Level], asked: Asked) -> list[Any]:
    """Rank, key, id and more of each hit behind the floor, as many as asked."""
    best = next((n for n, level in enumerate(levels) if level.rank >= asked.behind.rank), None)
    narrow = asked.only is not None or (asked.among is not None and len(asked.among) <= BROAD)
    if best is not None and levels[best].rank > WORDS and not narrow:
        found = await _in_order(conn, source, levels, best, asked, among_first=GLANCE)
        if len(found) == asked.limit:
            return found
    few = await _few(conn, source, levels, range(len(levels)), asked)
    if few is not None:
        return few
    rows: list[Any] = []
    for n, level in enumerate(levels):
        more = asked._replace(limit=asked.limit - len(rows))
        if level.rank >= asked.behind.rank and more.limit > 0:
            some = await _few(conn, source, levels, range(n, n + 1), more) if len(levels) > 1 else None
            rows += await _in_order(conn, source, levels, n, more) if some is None else some
    return rows


async def _few(conn: Conn, source: Source, levels: Sequence[Level], some: range, asked: Asked) -> list[Any] | None:
    """The hits of some levels, where there are few; else None."""
    if not levels:
        return []
    values = Values()
    rank = " ".join(f"when {_only(values, source.words, levels, n)} then {levels[n].rank}" for n in some)
    wanted = " or ".join(levels[n].fits(values, source.words, False) for n in some)
    rows = await conn.fetch(
        f"with few as materialized (select {source.key} as sort_key, {source.id} as id, case {rank} end as rank"
        f" from {source.table} where ({wanted}) and {source.own(values, asked)} limit {FEW + 1})"
        f" select h.rank, h.sort_key, h.id, {source.more(values, asked)}, c.n"
        " from (select count(*) as n from few) c left join lateral (select * from few"
        f" where c.n <= {FEW} and {behind(values, asked)} and {source.counts(values, asked, 'few.id')}"
        f" order by rank, sort_key, id limit {values(asked.limit)}) h on true order by h.rank, h.sort_key, h.id",
        *values,
    )
    if rows[0]["n"] > FEW:
        return None
    return [tuple(row)[:4] for row in rows if row["id"] is not None]


async def _in_order(
    conn: Conn, source: Source, levels: Sequence[Level], n: int, asked: Asked, among_first: int | None = None
) -> list[Any]:
    """The hits of one level, read in the order of the answer; perhaps only those among so many first names."""
    values = Values()
    first = asked.behind.rank < levels[n].rank
    key, its_id = (b"", "") if first else asked.behind[1:]
    await let_plans_use(conn, *_GATHERING, may=False)
    rows = await conn.fetch(
        f"select {levels[n].rank} as rank, h.sort_key, h.id, {source.more(values, asked)} from ("
        f"select {source.key} as sort_key, {source.id} as id from ("
        f"select {source.words}, {source.key}, {source.id} from {source.table} where {source.own(values, asked)}"
        f" and ({source.key}, {source.id}) > ({values(key)}, {values(its_id)})"
        f" order by {source.key}, {source.id} limit {values(among_first)}) {source.table.split()[1]}"
        f" where {_only(values, source.words, levels, n)} and {source.counts(values, asked, source.id)}"
        f" order by {source.key}, {source.id} limit {values(asked.limit)}) h order by h.sort_key, h.id",
        *values,
    )
    await let_plans_use(conn, *_GATHERING, may=True)
    return [tuple(row) for row in rows]


def _only(values: Values, words: str, levels: Sequence[Level], n: int) -> str:
    """Fits this level, and none before."""
    better = (f" and not {level.fits(values, words, True)}" for level in levels[:n])
    return levels[n].fits(values, words, True) + "".join(better)


# -- people -----------------------------------------------------------------------------------------------------------


def _readable(values: Values, asked: Asked) -> str:
    own = "p.withdrawn_at is null" + ("" if asked.only is None else f" and p.member_id = {values(asked.only)}")
    return (
        own if asked.among is None or len(asked.among) > BROAD else f"{own} and {_held(values, asked, 'p.member_id')}"
    )


def _held(values: Values, asked: Asked, its_id: str) -> str:
    day = values(asked.day)
    team = "m.team_id" if len(asked.among or ()) <= BROAD else "m.team_id || ''"  # not by the index of teams
    among = "" if asked.among is None else f" and {team} = any({values(list(asked.among))}::text[])"
    return (
        f"{its_id} in (select m.member_id from membership m where m.joined_on <= {day}"
        f" and (m.left_on is null or m.left_on >= {day}){among})"
    )


def _stamp(_: Values, __: Asked) -> str:
    return "(select v.xmin::text from vault_person v where v.member_id = h.id) as stamp"


_PEOPLE = Source(Kind.MEMBER, "vault_person p", "p.words", "p.sort_key", "p.member_id", _readable, _held, _stamp)


# -- teams ------------------------------------------------------------------------------------------------------------

_KNOWN = "{n}.known_to is null and {n}.valid_from <= {day}"
_THERE = "t.formed_on <= {day} and (t.disbanded_on is null or t.disbanded_on >= {day})"


def _known(values: Values, asked: Asked) -> str:
    return f"{_KNOWN.format(n='n', day=values(asked.day))} and {among_ids(values, 'n.team_id', asked)}"


def _settled(values: Values, asked: Asked, its_id: str) -> str:
    """Teams that there are, and that have had one name by the day."""
    day = values(asked.day)
    return (
        f"(select count(*) from team_name o where o.team_id = {its_id} and {_KNOWN.format(n='o', day=day)}) = 1"
        f" and exists (select from team t where t.team_id = {its_id} and {_THERE.format(day=day)})"
    )


def _name(values: Values, asked: Asked) -> str:
    known = _KNOWN.format(n="n", day=values(asked.day))
    return f"(select n.name from team_name n where n.team_id = h.id and {known}) as name"


_TEAMS = Source(Kind.TEAM, "team_name n", "n.words", "n.sort_key", "n.team_id", _known, _settled, _name)


async def _renamed(conn: Conn, levels: Sequence[Level], asked: Asked) -> list[Found]:
    """The same of teams that have had several names by the day."""
    if not levels:
        return []
    values = Values()
    day = values(asked.day)
    wanted = " or ".join(level.fits(values, "n.words", False) for level in levels)
    rank = " ".join(f"when {level.fits(values, 'n.words', True)} then {level.rank}" for level in levels)
    rows = await conn.fetch(
        f"with several as materialized (select distinct n.team_id from team_name n where n.again"
        f" and {_KNOWN.format(n='n', day=day)} and {among_ids(values, 'n.team_id', asked)} and (select count(*)"
        f" from team_name o where o.team_id = n.team_id and {_KNOWN.format(n='o', day=day)}) > 1),"
        f" fit as (select distinct on (n.team_id) case {rank} end as rank, now.sort_key, n.team_id as id, now.name,"
        " n.name as formerly, n.team_id as formerly_id,"
        " case when now.valid_from > n.valid_from then (select min(l.valid_from) from team_name l"
        f" where l.team_id = n.team_id and l.known_to is null and l.valid_from > n.valid_from) end as until"
        " from several join team_name n using (team_id) join team t using (team_id)"
        " join lateral (select name, sort_key, valid_from from team_name l where l.team_id = n.team_id"
        f" and {_KNOWN.format(n='l', day=day)} order by valid_from desc limit 1) as now on true"
        f" where {_KNOWN.format(n='n', day=day)} and {_THERE.format(day=day)} and ({wanted})"
        " order by n.team_id, rank, now.valid_from <> n.valid_from, n.valid_from desc)"
        f" {page(values, asked)}",
        *values,
    )
    return public(Kind.TEAM, rows)
