"""SQL of administrative units. Days are days of validity; `known` asks what was known at a moment, None what is now."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

from services.registry.unit import Unit
from shared.contracts.reform import Level
from shared.db import Conn
from shared.rows import unnest

_COLUMNS = (
    "unit_id", "code", "name", "kind", "level", "parent_id", "district_id", "commune_id", "edition", "valid_from",
    "valid_to", "reform_id", "level_id",
)  # fmt: skip
_TYPES = (*["text"] * 9, "date", "date", "text", "text")
UNIT = ", ".join(_COLUMNS)
"""The columns of a unit."""
_OF_V = ", ".join(f"v.{c}" for c in _COLUMNS)
_KEPT = {"unit_id", "valid_from", "valid_to", "reform_id"}
_BEFORE = (  # what reform $1 found, with the corrections made since
    "select "
    + ", ".join(
        f"w.{c}" if c in _KEPT else f"case when c.unit_id is null then w.{c} else c.{c} end as {c}" for c in _COLUMNS
    )
    + " from unit_version w left join unit_version c on c.unit_id = w.unit_id and c.valid_from = w.valid_from"
    " and c.known_to is null and c.reform_id is distinct from $1"
    " where w.closed_by = $1"
)


class Known(NamedTuple):
    """A state, and from when until when it was what is known."""

    unit: Unit
    known_from: datetime
    known_to: datetime | None
    reason: str | None = None  # of a correction


class Choice(NamedTuple):
    """Which units of a day's map: those of the tree of `root`, or only what is below `within`, at any depth."""

    day: date
    known: datetime | None = None
    root: str = "51"
    level: str | None = None  # one of the four, with all that counts as it, or one of the province's own
    within: str | None = None
    name_key: str | None = None
    """The beginning of any words of the name, as a search key."""
    by_name: bool = False
    """In the order of names, as Vietnamese sorts, instead of ids."""

    @property
    def asked(self) -> tuple[object, ...]:
        """What a statement is given, $1 to $5."""
        return (self.day, self.within or self.root, self.within, self.level, self.name_key)


async def unit(conn: Conn, unit_id: str) -> Unit | None:
    """A unit's last known state; of one that was abolished, the state that it ended with."""
    row = await conn.fetchrow(
        f"select {UNIT} from unit_version where unit_id = $1 and known_to is null order by valid_from desc limit 1",
        unit_id,
    )
    return unit_of(row) if row else None


async def on_day(conn: Conn, unit_id: str, day: date, *, known: datetime | None = None) -> Unit | None:
    """A unit as it was on a day; None where it was not in force."""
    return (await many_on_day(conn, [unit_id], day, known=known)).get(unit_id)


async def many_on_day(
    conn: Conn, unit_ids: Iterable[str], day: date, *, known: datetime | None = None
) -> dict[str, Unit]:
    """Those of these units that were in force on a day, by id."""
    rows = await conn.fetch(
        f"select {UNIT} from unit_version v where unit_id = any($2::text[]) and {_in_force(known, 3)}",
        day,
        list(unit_ids),
        *_said(known),
    )
    return {r["unit_id"]: unit_of(r) for r in rows}


async def map_of_day(conn: Conn, day: date, *, root: str = "51", known: datetime | None = None) -> list[Unit]:
    """A unit and everything below it on a day, at any depth; parents before children, then by id."""
    listed = f"{_below(known, 3)} select {UNIT} from below order by depth, unit_id"
    return [unit_of(r) for r in await conn.fetch(listed, day, root, *_said(known))]


async def list_on_day(
    conn: Conn, day: date, *, level: str | None, within: str | None, after: str, limit: int
) -> list[Unit]:
    """Units on a day by id: the province, or what is below `within` at any depth; of a level where one is given."""
    return await choose(conn, Choice(day, level=level, within=within), after=after, limit=limit)


async def choose(conn: Conn, choice: Choice, *, after: str, limit: int) -> list[Unit]:
    """Units on a day by id or by name, page by page."""
    chosen = f"{_below(choice.known, 8)} select {UNIT} from below where {_CHOSEN}"
    listed = f"{chosen} and unit_id > $6 order by unit_id limit $7"
    if choice.by_name:
        key = "case when $6 = '' then '' else (select sort_key from below where unit_id = $6) end"
        listed = f"{chosen} and (sort_key, unit_id) > ({key}, $6) order by sort_key, unit_id limit $7"
    return [unit_of(r) for r in await conn.fetch(listed, *choice.asked, after, limit, *_said(choice.known))]


async def count_chosen(conn: Conn, choice: Choice) -> int:
    """How many units `choose` lists in all."""
    counted = f"{_below(choice.known, 6)} select count(*) from below where {_CHOSEN}"
    return int(await conn.fetchval(counted, *choice.asked, *_said(choice.known)))


async def children(conn: Conn, unit_id: str, day: date, *, known: datetime | None = None) -> list[Unit]:
    """The units directly below a unit on a day, by id."""
    rows = await conn.fetch(
        f"select {UNIT} from unit_version v where parent_id = $2 and {_in_force(known, 3)} order by unit_id",
        day,
        unit_id,
        *_said(known),
    )
    return [unit_of(r) for r in rows]


async def ever_below(conn: Conn, unit_id: str, day: date) -> list[Unit]:
    """States of units directly below a unit on a day or later, by id."""
    rows = await conn.fetch(
        f"select {UNIT} from unit_version where parent_id = $1 and known_to is null"
        " and (valid_to is null or valid_to > $2) order by unit_id, valid_from",
        unit_id,
        day,
    )
    return [unit_of(r) for r in rows]


async def roots(conn: Conn, unit_ids: Iterable[str], day: date) -> dict[str, str]:
    """The topmost unit above each of these on a day, by id."""
    holds = _in_force(None, 0)
    rows = await conn.fetch(
        f"with recursive up as (select v.unit_id as below, v.unit_id, v.parent_id from unit_version v"
        f" where v.unit_id = any($2::text[]) and {holds} union"
        f" select up.below, v.unit_id, v.parent_id from unit_version v join up on v.unit_id = up.parent_id"
        f" where {holds}) select below, unit_id from up where parent_id is null",
        day,
        list(unit_ids),
    )
    return {r["below"]: r["unit_id"] for r in rows}


async def has_communes(conn: Conn, unit_id: str, day: date | None = None) -> bool:
    """Whether there are communes directly below a unit on a day, or at last."""
    found: bool = await conn.fetchval(
        "select exists (select from unit_version where parent_id = $1 and level = 'commune' and known_to is null"
        " and coalesce(valid_from <= $2 and (valid_to is null or valid_to > $2), valid_to is null))",
        unit_id,
        day,
    )
    return found


async def states(conn: Conn, unit_id: str) -> list[Unit]:
    """A unit's states over time as they are known now."""
    rows = await conn.fetch(
        f"select {UNIT} from unit_version where unit_id = $1 and known_to is null order by valid_from", unit_id
    )
    return [unit_of(r) for r in rows]


async def history(conn: Conn, unit_id: str) -> list[Known]:
    """Everything that was ever said of a unit, in the order in which it became known."""
    rows = await conn.fetch(
        f"select {UNIT}, known_from, known_to, reason from unit_version where unit_id = $1"
        " order by known_from, valid_from",
        unit_id,
    )
    return [Known(unit_of(r), r["known_from"], r["known_to"], r["reason"]) for r in rows]


async def resolve(conn: Conn, code: str | None, name_key: str | None, day: date) -> list[Unit]:
    """The units that bore a code and a name on a day, by id; the name as a search key, with or without its kind."""
    return [u for u in await held(conn, code, name_key) if u.holds_on(day)]


async def held(conn: Conn, code: str | None, name_key: str | None) -> list[Unit]:
    """Every state known now that bears a code and a name (a search key, with or without its kind), by day and id."""
    rows = await conn.fetch(
        f"select {UNIT} from unit_version where known_to is null and ($1::text is null or code = $1)"
        " and ($2::text is null or words = ' ' || $2 or bare = ' ' || $2) order by valid_from, unit_id",
        code,
        name_key,
    )
    return [unit_of(r) for r in rows]


async def editions(conn: Conn) -> set[str]:
    """Editions that are loaded."""
    rows = await conn.fetch("select distinct edition from unit_version where edition <> '' and known_to is null")
    return {r["edition"] for r in rows}


async def save_states(conn: Conn, states: Sequence[Unit], *, known_from: datetime, reason: str | None = None) -> None:
    """Writes states that are known from a moment on; units that are new get their identity."""
    await conn.execute(
        "insert into unit (unit_id) select unnest($1::text[]) on conflict do nothing", [s.unit_id for s in states]
    )
    rows, columns = unnest(_TYPES, states, after=2)
    inserting = f"insert into unit_version (known_from, reason, {UNIT}) select $1, $2, * from {rows}"
    await conn.execute(inserting, known_from, reason, *columns)


async def end_states(
    conn: Conn, unit_ids: Sequence[str], *, on: date, known_from: datetime, reform_id: str | None = None
) -> None:
    """Ends what these units are on a day and after: it holds until the day before. What would begin only then is
    dropped. What was known until now stays on record; `restore_states` brings it back."""
    kept = UNIT.replace("valid_to", "$2")
    await conn.execute(
        "with closed as (update unit_version set known_to = $3, closed_by = $4 where unit_id = any($1::text[])"
        " and known_to is null and (valid_to is null or valid_to > $2) returning *)"
        f" insert into unit_version ({UNIT}, known_from)"
        f" select {kept}, $3 from closed where valid_from < $2",
        list(unit_ids),
        on,
        known_from,
        reform_id,
    )


async def restore_states(conn: Conn, reform_id: str, *, known_from: datetime) -> None:
    """Takes back what a reform did with the units: what it brought is known no longer, what it ended holds as before.
    A correction of an ended state that was made since is kept."""
    rows = await conn.fetch(_BEFORE, reform_id)
    await conn.execute(
        "update unit_version v set known_to = $2 where known_to is null and (reform_id = $1 or exists ("
        "select from unit_version w where w.closed_by = $1 and w.unit_id = v.unit_id and w.valid_from = v.valid_from))",
        reform_id,
        known_from,
    )
    await save_states(conn, [unit_of(r) for r in rows], known_from=known_from)


async def replace_state(conn: Conn, state: Unit, *, known_from: datetime, reason: str) -> None:
    """What was known of a unit from `valid_from` on was wrong: this is known from now on, and why."""
    await conn.execute(
        "update unit_version set known_to = $3 where unit_id = $1 and valid_from = $2 and known_to is null",
        state.unit_id,
        state.valid_from,
        known_from,
    )
    await save_states(conn, [state], known_from=known_from, reason=reason)


async def lock_map(conn: Conn) -> None:
    """One change of the map at a time: an edition, a reform, a village, a correction."""
    await conn.execute("select pg_advisory_xact_lock(hashtext('registry.map'))")


async def hold_map(conn: Conn) -> None:
    """Keeps the map as it is until the transaction ends; any number may, while nobody has `lock_map`."""
    await conn.execute("select pg_advisory_xact_lock_shared(hashtext('registry.map'))")


def unit_of(row: Any) -> Unit:
    """The unit in a row that has all its columns."""
    values = [row[c] for c in _COLUMNS]
    values[4] = Level(values[4])
    return Unit(*values)


_CHOSEN = (
    "($3::text is null or unit_id <> $3) and ($4::text is null or $4 in (level, level_id))"
    " and ($5::text is null or strpos(words, ' ' || $5) > 0)"
)


def _in_force(known: datetime | None, place: int) -> str:
    """A state `v` that holds on day $1, as far as was known at ${place} (not asked for when None)."""
    when = f"v.known_from <= ${place} and (v.known_to is null or v.known_to > ${place})"
    known_then = when if known else "v.known_to is null"
    return f"v.valid_from <= $1 and (v.valid_to is null or v.valid_to > $1) and {known_then}"


def _said(known: datetime | None) -> list[datetime]:
    return [known] if known else []


def _below(known: datetime | None, place: int) -> str:
    """The unit $2 and what is below it on day $1, with its depth."""
    holds = _in_force(known, place)
    return (
        f"with recursive below as (select {_OF_V}, v.words, v.sort_key, 0 as depth from unit_version v"
        f" where v.unit_id = $2 and {holds} union all"
        f" select {_OF_V}, v.words, v.sort_key, below.depth + 1 from unit_version v"
        f" join below on v.parent_id = below.unit_id where {holds})"
    )
