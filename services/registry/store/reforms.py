"""SQL of reforms: what was decided, who follows whom, and what stands on it since."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

from services.registry.reform import Newer
from services.registry.reform_teams import Move
from services.registry.team import TeamPlace
from shared.contracts.reform import Heir, LegalBasis, Level, Transition, UnitChange
from shared.db import Conn

_REFORM = "reform_id, effective_on, edition, edition_before, legal_basis, changes, heirs, recorded_at, reversed_at"


class Reform(NamedTuple):
    """A reform that was executed."""

    reform_id: str
    effective_on: date
    edition: str | None
    edition_before: str | None
    """The edition that is in force again after a reversal."""
    legal_basis: LegalBasis
    changes: tuple[UnitChange, ...]
    heirs: tuple[Heir, ...]
    recorded_at: datetime
    reversed_at: datetime | None = None


class Summary(NamedTuple):
    """What a list says of a reform: its decision, and how many units it did what with."""

    reform_id: str
    legal_basis: LegalBasis
    effective_on: date
    edition: str | None
    recorded_at: datetime
    reversed_at: datetime | None
    established: int
    changed: int
    abolished: int


SUMMARY = ", ".join(Summary._fields)


async def reform(conn: Conn, reform_id: str) -> Reform | None:
    """One reform."""
    row = await conn.fetchrow(f"select {_REFORM} from reform where reform_id = $1", reform_id)
    return _reform(row) if row else None


async def reforms(conn: Conn, *, after: str, limit: int) -> list[Summary]:
    """Reforms by id, the reversed ones too; of each only what a list says."""
    rows = await conn.fetch(
        f"select {SUMMARY} from reform where reform_id > $1 order by reform_id limit $2",
        after,
        limit,
    )
    return [summary_of(r) for r in rows]


async def count_reforms(conn: Conn) -> int:
    """All reforms."""
    return int(await conn.fetchval("select count(*) from reform"))


async def last_edition(conn: Conn) -> str | None:
    """The edition that the last reform with one brought; None where there was none yet."""
    found: str | None = await conn.fetchval(
        "select edition from reform where edition is not null and reversed_at is null"
        " order by effective_on desc, reform_id desc limit 1"
    )
    return found


async def transitions(conn: Conn, reform_id: str) -> list[Transition]:
    """The lineage of a reform, by successor."""
    rows = await conn.fetch(
        "select predecessor_id, successor_id, part, how from lineage where reform_id = $1"
        " order by successor_id, predecessor_id",
        reform_id,
    )
    return [Transition(**r) for r in rows]


async def heirs_of(conn: Conn, unit_id: str, day: date) -> list[str]:
    """Who took over what was open at a unit that a reform of this day abolished."""
    rows = await conn.fetch(
        "select h ->> 'successor_id' as heir from reform, jsonb_array_elements(heirs) h"
        " where effective_on = $2 and reversed_at is null and h ->> 'unit_id' = $1",
        unit_id,
        day,
    )
    return [r["heir"] for r in rows]


async def moves(conn: Conn, reform_id: str) -> list[Move]:
    """The places of teams that a reform changed, in the order of its events."""
    rows = await conn.fetch("select before, after from reform_move where reform_id = $1 order by number", reform_id)
    return [Move(_place(r["before"]), _place(r["after"])) for r in rows]


async def save_reform(conn: Conn, done: Reform, lines: Iterable[Transition], moved: Iterable[Move]) -> None:
    """Writes a reform with its lineage and the moves of its teams."""
    await conn.execute(
        f"insert into reform ({_REFORM}) values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        *done[:4],
        done.legal_basis.model_dump_json(),
        _json(done.changes),
        _json(done.heirs),
        *done[7:],
    )
    await conn.executemany(
        "insert into lineage (reform_id, predecessor_id, successor_id, part, how, effective_on)"
        " values ($1, $2, $3, $4, $5, $6)",
        [(done.reform_id, i.predecessor_id, i.successor_id, i.part, i.how, done.effective_on) for i in lines],
    )
    await conn.executemany(
        "insert into reform_move (reform_id, number, team_id, before, after) values ($1, $2, $3, $4, $5)",
        [
            (done.reform_id, n, m.after.team_id, *(json.dumps(p._asdict(), default=str) for p in m))
            for n, m in enumerate(moved)
        ],
    )


async def mark_reversed(conn: Conn, reform_id: str, at: datetime) -> None:
    """Notes that a reform was taken back."""
    await conn.execute("update reform set reversed_at = $2 where reform_id = $1", reform_id, at)
    await conn.execute("update lineage set reversed_at = $2 where reform_id = $1", reform_id, at)


async def known_units(conn: Conn, unit_ids: Collection[str]) -> set[str]:
    """Those of these ids that are known for any day."""
    rows = await conn.fetch(
        "select distinct unit_id from unit_version where unit_id = any($1::text[]) and known_to is null", list(unit_ids)
    )
    return {r["unit_id"] for r in rows}


async def newer_units(
    conn: Conn, unit_ids: Collection[str], day: date, *, besides: str = "", but: Collection[str] = ()
) -> list[Newer]:
    """States from a day on, of these units or right below them, that another reform than `besides` or none brought,
    and what `besides` brought but something ended since; not those of `but`; at most 20."""
    rows = await conn.fetch(
        "select unit_id, name, case when reform_id = $3 then valid_to else valid_from end as since from unit_version"
        " where known_to is null and valid_from >= $1 and (unit_id = any($2::text[]) or parent_id = any($2::text[])"
        " or district_id = any($2::text[]) or commune_id = any($2::text[]))"
        " and (reform_id is distinct from $3 or valid_to is not null) and unit_id <> all($4::text[])"
        " order by since, unit_id limit 20",
        day,
        list(unit_ids),
        besides,
        list(but),
    )
    return [Newer(*r.values()) for r in rows]


async def teams_since(conn: Conn, unit_ids: Collection[str], day: date) -> list[str]:
    """Teams with a place at or below these units that begins on a day or later, by id."""
    rows = await conn.fetch(
        "select distinct team_id from team_place where known_to is null and valid_from >= $1"
        " and (unit_id = any($2::text[]) or village_id = any($2::text[]) or district_id = any($2::text[])"
        " or commune_id = any($2::text[])) order by team_id",
        day,
        list(unit_ids),
    )
    return [r["team_id"] for r in rows]


async def team_names(conn: Conn, team_ids: Collection[str]) -> dict[str, str]:
    """What these teams are called."""
    rows = await conn.fetch("select team_id, name from team where team_id = any($1::text[])", list(team_ids))
    return {r["team_id"]: r["name"] for r in rows}


async def count_members(conn: Conn, team_ids: Collection[str], day: date) -> dict[str, int]:
    """How many people are on each of these teams on a day or join it later."""
    rows = await conn.fetch(
        "select team_id, count(distinct member_id) as people from membership where team_id = any($1::text[])"
        " and (left_on is null or left_on >= $2) group by team_id",
        list(team_ids),
        day,
    )
    return {r["team_id"]: r["people"] for r in rows}


def _json(items: Sequence[UnitChange] | Sequence[Heir]) -> str:
    return "[" + ",".join(i.model_dump_json() for i in items) + "]"


def summary_of(row: Any) -> Summary:
    """A row with the columns of a summary."""
    return Summary(**{**row, "legal_basis": LegalBasis.model_validate_json(row["legal_basis"])})


def _reform(row: Any) -> Reform:
    return Reform(
        row["reform_id"],
        row["effective_on"],
        row["edition"],
        row["edition_before"],
        LegalBasis.model_validate_json(row["legal_basis"]),
        tuple(UnitChange.model_validate(c) for c in json.loads(row["changes"])),
        tuple(Heir.model_validate(h) for h in json.loads(row["heirs"])),
        row["recorded_at"],
        row["reversed_at"],
    )


def _place(text: str) -> TeamPlace:
    told = json.loads(text)
    days = {name: date.fromisoformat(told[name]) for name in ("valid_from", "valid_to") if told[name]}
    return TeamPlace(**{**told, **days, "level": Level(told["level"])})
