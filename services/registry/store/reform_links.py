"""SQL of how reforms stand to each other: what came later, what stands in the way, what was carried out again."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from services.registry.reform import Newer
from services.registry.store.reforms import SUMMARY, Reform, Summary, summary_of
from shared.db import Conn

_CHANGED = "exists (select from jsonb_array_elements(r.changes) c where c -> 'unit' ->> 'unit_id' = {unit})"
_UNITS = (
    "array[c -> 'unit' ->> 'unit_id', c -> 'unit' ->> 'parent_id', c -> 'unit' ->> 'district_id',"
    " c -> 'unit' ->> 'commune_id']"
)


async def behind(conn: Conn, found: Iterable[Newer]) -> dict[tuple[str, object], str]:
    """The reforms in force that changed these units on these days, by unit and day; what no reform did is left out."""
    asked = list({(n.subject_id, n.since) for n in found})
    rows = await conn.fetch(
        "select n.unit_id, n.since, r.reform_id from unnest($1::text[], $2::date[]) as n(unit_id, since)"
        f" join reform r on r.effective_on = n.since and r.reversed_at is null and {_CHANGED.format(unit='n.unit_id')}"
        " order by r.recorded_at",
        [unit_id for unit_id, _ in asked],
        [since for _, since in asked],
    )
    return {(r["unit_id"], r["since"]): r["reform_id"] for r in rows}


async def some(conn: Conn, reform_ids: Collection[str]) -> list[Summary]:
    """Those of these reforms that there are, the last one first."""
    rows = await conn.fetch(
        f"select {SUMMARY} from reform where reform_id = any($1::text[]) order by effective_on desc, recorded_at desc",
        list(reform_ids),
    )
    return [summary_of(r) for r in rows]


async def later(conn: Conn, reform: Reform) -> list[Summary]:
    """Later reforms in force that changed units of this one, or units in them: the last one first."""
    rows = await conn.fetch(
        f"select {SUMMARY} from reform r where reversed_at is null and (effective_on, recorded_at) > ($1, $2)"
        f" and exists (select from jsonb_array_elements(r.changes) c where {_UNITS} && $3::text[])"
        " order by effective_on desc, recorded_at desc",
        reform.effective_on,
        reform.recorded_at,
        [c.unit.unit_id for c in reform.changes],
    )
    return [summary_of(r) for r in rows]


async def again(conn: Conn, reform: Reform) -> list[Summary]:
    """The same decision carried out at other times, the last one first: of the same edition, or of the same number and
    about a unit in common."""
    rows = await conn.fetch(
        f"select {SUMMARY} from reform r where reform_id <> $1 and (edition = $2 or (legal_basis ->> 'number' = $3"
        f" and {_CHANGED.format(unit='any($4::text[])')})) order by recorded_at desc",
        reform.reform_id,
        reform.edition,
        reform.legal_basis.number,
        [c.unit.unit_id for c in reform.changes],
    )
    return [summary_of(r) for r in rows]
