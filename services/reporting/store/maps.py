"""SQL of the map of a day: units in force, teams that have no place on it, lineage, and who is at which unit."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from services.reporting.maps import Line
from shared.contracts.history import UnitVersion
from shared.db import Conn


async def state(conn: Conn, stream: str) -> str:
    """Equal for as long as nothing that was folded from a stream has changed."""
    value = await conn.fetchval(
        "select string_agg(concat_ws(':', p.name, p.build, c.pos, c.epoch), ' ' order by p.name)"
        " from projection p join checkpoint c on c.projection = p.name and c.build = p.build where c.stream = $1",
        stream,
    )
    return str(value)


async def units_on(conn: Conn, day: date) -> list[UnitVersion]:
    """All units in force on a day."""
    rows = await conn.fetch(
        "select unit_id, valid_from, valid_to, void, code, name, kind, level, parent_id, district_id, commune_id"
        " from unit_version where valid_from <= $1 and (valid_to is null or valid_to > $1) and not void",
        day,
    )
    return [UnitVersion(*r.values()) for r in rows]


async def versions(conn: Conn) -> list[UnitVersion]:
    """All states of units above the villages, of any day."""
    rows = await conn.fetch(
        "select unit_id, valid_from, valid_to, void, code, name, kind, level, parent_id, district_id, commune_id"
        " from unit_version where level <> 'village' and not void"
    )
    return [UnitVersion(*r.values()) for r in rows]


async def editions(conn: Conn) -> dict[date, str]:
    """Names of editions by a day from which something of them is in force; of reforms that were not taken back."""
    rows = await conn.fetch(
        "select valid_from, edition from edition union all select r.effective_on, r.edition from reform r"
        " where r.edition is not null and exists (select from lineage l where l.reform_id = r.reform_id"
        " and l.told_at > r.reversed_at)"
    )
    return {r[0]: r[1] for r in rows}


async def lineage(conn: Conn) -> list[Line]:
    """What became of units, by reforms that were not taken back."""
    rows = await conn.fetch(
        "select l.predecessor_id, l.successor_id, l.effective_on from lineage l join reform r using (reform_id)"
        " where l.told_at > r.reversed_at"
    )
    return [Line(*r.values()) for r in rows]


async def strays(conn: Conn, day: date, unit_ids: Sequence[str]) -> list[tuple[str, str, date]]:
    """Teams that on a day are at none of these units or are not yet formed: where they were last, or will be first."""
    rows = await conn.fetch(
        "select team_id, unit_id, valid_from from (select distinct on (team_id) team_id, unit_id, valid_from"
        " from team_place order by team_id, valid_from > $1, abs(valid_from - $1)) nearest"
        " where valid_from > $1 or unit_id <> all($2::text[])",
        day,
        list(unit_ids),
    )
    return [tuple(r.values()) for r in rows]


async def teams_at(conn: Conn, day: date, unit_ids: Sequence[str]) -> list[str]:
    """Teams that belong to one of these units on a day."""
    rows = await conn.fetch(
        "select team_id from team_place where unit_id = any($2::text[]) and valid_from <= $1"
        " and (valid_to is null or valid_to > $1)",
        day,
        list(unit_ids),
    )
    return [r["team_id"] for r in rows]


async def unit_name(conn: Conn, unit_id: str) -> str | None:
    """A unit's last name."""
    name: str | None = await conn.fetchval(
        "select name from unit_version where unit_id = $1 and not void order by valid_from desc limit 1", unit_id
    )
    return name


async def is_team(conn: Conn, team_id: str) -> bool:
    """Whether a team was formed under this id."""
    return bool(await conn.fetchval("select exists (select from team where team_id = $1)", team_id))
