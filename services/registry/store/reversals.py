"""SQL of villages that were established after the day of a reform that is made, or taken back."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, datetime

from services.registry.store import units
from services.registry.unit import Unit
from shared.db import Conn


async def villages_since(conn: Conn, unit_ids: Collection[str], day: date) -> list[Unit]:
    """Villages below these units, at any depth, that somebody established on a day or later, and that are as they were
    then; parents before children."""
    own = ", ".join(f"v.{column}" for column in units.UNIT.split(", "))
    as_then = (
        "v.level = 'village' and v.known_to is null and v.valid_from >= $2 and v.valid_to is null and"
        " v.reform_id is null and not exists (select from unit_version w where w.unit_id = v.unit_id"
        " and w.known_to is null and w.valid_from < v.valid_from)"
    )
    rows = await conn.fetch(
        f"with recursive since as (select {own}, 0 as depth from unit_version v"
        f" where v.parent_id = any($1::text[]) and {as_then} union all"
        f" select {own}, since.depth + 1 from unit_version v join since on v.parent_id = since.unit_id"
        f" where {as_then}) select {units.UNIT} from since order by depth, unit_id",
        list(unit_ids),
        day,
    )
    return [units.unit_of(r) for r in rows]


async def former_parents(conn: Conn, village_ids: Collection[str]) -> dict[str, set[str]]:
    """The units below which these villages were once thought to be."""
    rows = await conn.fetch(
        "select unit_id, array_agg(parent_id) as parents from unit_version where unit_id = any($1::text[])"
        " and known_to is not null group by unit_id",
        list(village_ids),
    )
    return {r["unit_id"]: set(r["parents"]) for r in rows}


async def below(conn: Conn, unit_ids: Collection[str], day: date) -> list[Unit]:
    """What was right below these units on a day."""
    rows = await conn.fetch(
        f"select {units.UNIT} from unit_version where parent_id = any($1::text[]) and known_to is null"
        " and valid_from <= $2 and (valid_to is null or valid_to > $2) order by unit_id",
        list(unit_ids),
        day,
    )
    return [units.unit_of(r) for r in rows]


async def save_villages(conn: Conn, states: Sequence[Unit], *, known_from: datetime, reason: str) -> None:
    """Says where these villages have been since they were established, and why that is known only now."""
    await conn.execute(
        "update unit_version v set known_to = $3 from unnest($1::text[], $2::date[]) as s(unit_id, valid_from)"
        " where v.unit_id = s.unit_id and v.valid_from = s.valid_from and v.known_to is null",
        [s.unit_id for s in states],
        [s.valid_from for s in states],
        known_from,
    )
    await units.save_states(conn, states, known_from=known_from, reason=reason)
