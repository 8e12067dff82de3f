"""All SQL of outreach, a function for each statement."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

from services.outreach.campaign import Campaign
from services.outreach.guidance import Guidance, Placed
from services.outreach.on_registry import RosterHeir
from shared import columns
from shared.columns import Column
from shared.contracts.outreach import DayOneRule, Place
from shared.db import Conn

_CAMPAIGN = (
    "campaign_id, name, launched_on, day_one_rule, window_days, first_day, last_day, quota, topics, report_due_on,"
    " reporting_unit_ids"
)
_GUIDANCE = (
    "guidance_id, digest, campaign_id, member_id, team_id, citizen_ref, topics, place, unit_id, district_id,"
    " commune_id, occurred_at, recorded_at"
)
_MOMENT = "timestamp with time zone"
_SAVED = [
    Column(name, _MOMENT if name.endswith("_at") else "text", nullable=name in ("district_id", "commune_id"))
    for name in _GUIDANCE.split(", ")
]


# -- campaigns --------------------------------------------------------------------------------------------------------


async def campaigns(conn: Conn) -> list[Campaign]:
    """All campaigns, the latest first. A province has a handful in a decade."""
    rows = await conn.fetch(f"select {_CAMPAIGN} from campaign order by launched_on desc, campaign_id")
    return [_campaign(dict(r)) for r in rows]


async def campaign(conn: Conn, campaign_id: str) -> Campaign | None:
    """One campaign."""
    row = await conn.fetchrow(f"select {_CAMPAIGN} from campaign where campaign_id = $1", campaign_id)
    return _campaign(dict(row)) if row else None


def _campaign(row: dict[str, object]) -> Campaign:
    changed = {
        "day_one_rule": DayOneRule(str(row["day_one_rule"])),
        "topics": tuple(row["topics"]),  # type: ignore[arg-type]
        "reporting_unit_ids": tuple(row["reporting_unit_ids"]),  # type: ignore[arg-type]
    }
    return Campaign(**{**row, **changed})  # type: ignore[arg-type]


async def save_campaign(conn: Conn, row: Campaign) -> bool:
    """Inserts; answers False when the id is taken."""
    status = await conn.execute(
        f"insert into campaign ({_CAMPAIGN}) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"
        " on conflict do nothing",
        *row,
    )
    return status.endswith(" 1")


# -- what is followed -------------------------------------------------------------------------------------------------


async def units_on(conn: Conn, wanted: Sequence[str], day: date) -> set[str]:
    """Those of the ids that are units in force on a day."""
    rows = await conn.fetch(
        "select unit_id from roster_unit where unit_id = any($1::text[]) and valid_from <= $2"
        " and (valid_to is null or valid_to > $2) and not void",
        list(wanted),
        day,
    )
    return {r["unit_id"] for r in rows}


async def members(conn: Conn, wanted: Sequence[str]) -> dict[str, list[Placed]]:
    """By member, of those that are known: the days on each team, cut where the team's unit or what is above it changed;
    by day."""
    rows = await conn.fetch(
        "select s.member_id, s.team_id, u.unit_id, u.district_id, u.commune_id,"
        " greatest(s.joined_on, p.valid_from, u.valid_from) as first_day,"
        " least(s.left_on, p.valid_to - 1, u.valid_to - 1) as last_day"
        " from roster_spell s join roster_team_place p using (team_id) join roster_unit u using (unit_id)"
        " where s.member_id = any($1::text[]) and not u.void and greatest(s.joined_on, p.valid_from, u.valid_from)"
        " <= coalesce(least(s.left_on, p.valid_to - 1, u.valid_to - 1), 'infinity')"
        " order by first_day, s.team_id",
        list(wanted),
    )
    found: dict[str, list[Placed]] = {}
    for row in rows:
        found.setdefault(row["member_id"], []).append(Placed(*row.values()))
    return found


async def team_path(conn: Conn, team_id: str) -> tuple[str, ...]:
    """The units that a team belongs to by the last that is known of it."""
    row = await conn.fetchrow(
        "select u.unit_id, u.district_id, u.commune_id from roster_team_place p join roster_unit u using (unit_id)"
        " where p.team_id = $1 and not u.void order by p.valid_from desc, u.valid_from desc limit 1",
        team_id,
    )
    return tuple(i for i in row.values() if i) if row else ()


async def heirs(conn: Conn) -> list[RosterHeir]:
    """Who took over from which abolished unit on which day, by day. A reform in a decade brings some hundred."""
    rows = await conn.fetch(
        "select unit_id, effective_on, successor_id, void from roster_heir where not void"
        " order by effective_on, unit_id"
    )
    return [RosterHeir(*r.values()) for r in rows]


# -- guidances --------------------------------------------------------------------------------------------------------


async def save_guidances(conn: Conn, rows: Sequence[Guidance]) -> set[str]:
    """Inserts those whose id is new; answers with the ids inserted now. Give them sorted by id: then twins cannot
    deadlock."""
    saved = await conn.fetch(
        f"insert into guidance ({_GUIDANCE}) select guidance_id, digest, campaign_id, member_id, team_id, citizen_ref,"
        " string_to_array(topics, ','), place, unit_id, district_id, commune_id, occurred_at, recorded_at"
        f" from unnest({columns.sql(_SAVED, 1)}) as g({_GUIDANCE})"
        " on conflict (guidance_id) do nothing returning guidance_id",
        *columns.of_rows(_SAVED, [(*r[:6], ",".join(r.topics), *r[7:13]) for r in rows]),
    )
    return {r["guidance_id"] for r in saved}


async def digests(conn: Conn, wanted: Sequence[str]) -> dict[str, str]:
    """Digest by id, of those guidances that exist."""
    rows = await conn.fetch(
        "select guidance_id, digest from guidance where guidance_id = any($1::text[])", list(wanted)
    )
    return {r["guidance_id"]: r["digest"] for r in rows}


async def lock_guidance(conn: Conn, guidance_id: str) -> Guidance | None:
    """One guidance, locked until the transaction ends."""
    row = await conn.fetchrow(
        f"select {_GUIDANCE}, withdrawn_at, withdraw_reason from guidance where guidance_id = $1 for update",
        guidance_id,
    )
    return _guidance(dict(row)) if row else None


async def mark_withdrawn(conn: Conn, guidance_id: str, at: datetime, reason: str, note: str | None) -> None:
    """Notes that a guidance no longer counts. The row stays."""
    await conn.execute(
        "update guidance set withdrawn_at = $2, withdraw_reason = $3, withdraw_note = $4 where guidance_id = $1",
        guidance_id,
        at,
        reason,
        note,
    )


async def guidances_of(conn: Conn, member_id: str, *, after: tuple[datetime, str], limit: int) -> list[Guidance]:
    """A member's guidances, the latest first, those of one moment by id; `after` is the last of the page before."""
    rows = await conn.fetch(
        f"select {_GUIDANCE}, withdrawn_at, withdraw_reason from guidance where member_id = $1 and occurred_at <= $2"
        " and (occurred_at < $2 or guidance_id > $3) order by occurred_at desc, guidance_id limit $4",
        member_id,
        *after,
        limit,
    )
    return [_guidance(dict(r)) for r in rows]


async def count_guidances_of(conn: Conn, member_id: str) -> int:
    """How many guidances `guidances_of` lists in all."""
    return int(await conn.fetchval("select count(*) from guidance where member_id = $1", member_id))


def _guidance(row: dict[str, object]) -> Guidance:
    changed = {"topics": tuple(row["topics"]), "place": Place(str(row["place"]))}  # type: ignore[arg-type]
    return Guidance(**{**row, **changed})  # type: ignore[arg-type]
