"""The event log of a producer: append in the caller's transaction, then give out positions 1, 2, 3 … without a gap.

Why two tables (design: messaging, 6a): ids are drawn before commit, so an id order read too early misses late commits.
The sequencer keeps no watermark. It moves whatever is committed, so a late commit just gets a later position.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NamedTuple

from shared import columns, telemetry
from shared.columns import Column
from shared.contracts import Event
from shared.db import Conn

SEQUENCED = "sequenced"
"""NOTIFY channel: the sequencer gave out positions."""
STAGED = "staged"
"""NOTIFY channel: a command committed events."""

MAX_EVENT = 256 * 1024
"""Characters of an event's JSON. A larger one could never be relayed, and would hold up everything behind it."""

AT_MOST = 5000
"""Events that get their position in one look."""

_SUBJECT = re.compile(r"[^\s.*>\x00-\x1f\x7f]+(\.[^\s.*>\x00-\x1f\x7f]+){5}")
_STAGED = (
    Column("event_id"), Column("type"), Column("subject"), Column("key"),
    Column("occurred_at", "timestamp with time zone"), Column("trace"), Column("payload"),
)  # fmt: skip
_MAX_NOTICE = 7000  # NOTIFY carries less than 8,000 bytes


class LogRow(NamedTuple):
    """A row of the log, complete: what the relay publishes and what the feed serves."""

    pos: int
    event_id: str
    type: str
    subject: str
    key: str
    occurred_at: datetime
    recorded_at: datetime
    trace: str
    payload: str


async def append(
    conn: Conn,
    events: Sequence[Event],
    *,
    province: str,
    recorded_at: datetime,
    new_id: Callable[[], str],
    traces: Sequence[str] = (),
) -> list[int]:
    """Stages events in the caller's transaction and answers with their stage ids, in order.

    Call it last in the transaction, after the aggregate's row is locked: then the order of events of an aggregate is
    the order of its commits. `shared.commands` does so for every use case. `traces` is the `traceparent` of each event;
    without, all have the current request's. Raises ValueError for an event that no
    stream could carry: in the log, which is kept for ever, it would stop everything behind it.
    """
    payloads = [e.model_dump_json() for e in events]
    subjects = [e.subject(province) for e in events]
    for event, subject, payload in zip(events, subjects, payloads, strict=True):
        _must_be_relayable(event, subject, payload)
    of = traces or [telemetry.current_traceparent()] * len(events)
    staged = [
        (new_id(), e.type_name(), subject, e.key(), e.occurred_at, trace, payload)
        for e, subject, trace, payload in zip(events, subjects, of, payloads, strict=True)
    ]
    rows = await conn.fetch(
        "insert into stage (event_id, type, subject, key, occurred_at, recorded_at, trace, payload)"
        " select event_id, type, subject, key, occurred_at, $1, trace, payload"
        f" from unnest({columns.sql(_STAGED, 2)})"
        " as e(event_id, type, subject, key, occurred_at, trace, payload) returning id",
        recorded_at,
        *columns.of_rows(_STAGED, staged),
    )
    return [r["id"] for r in rows]


def _must_be_relayable(event: Event, subject: str, payload: str) -> None:
    if not _SUBJECT.fullmatch(subject):
        raise ValueError(f"{event.type_name()}: {subject!r} is no subject; an id of a unit has a space or a sign in it")
    if len(payload) > MAX_EVENT:
        raise ValueError(f"{event.type_name()}: {len(payload)} characters, an event may have {MAX_EVENT}")


async def ready_to_sequence(conn: Conn) -> None:
    """Prepares a connection for `sequence`, until it goes back to its pool.

    `stage` is empty most of the time. A plan made at such a moment reads the whole table, and is kept while rows come
    and go: a minute of campaign later it reads tens of thousands of dead ones for each handful that lives.
    """
    await conn.execute("set enable_seqscan = off")


async def sequence(conn: Conn, *, limit: int = AT_MOST) -> int:
    """Moves up to `limit` committed rows from `stage` to `log`, in order of id, and tells SEQUENCED; answers how many.

    One statement, so one snapshot: if a transaction saw another's event, that one is in the same snapshot or an earlier
    one. Two sequencers at once cannot both win: the second meets the primary key. It is its own transaction too: each
    round trip here is one that every waiting command waits for. Rows are taken by their place (`ctid`): a plan that
    joins by id compares each with each whenever statistics say that `stage` is empty, as after every vacuum.

    The notice: `[[first stage id, first pos, count], …]`, runs of consecutive ids; empty where it would be too long.
    """
    moved = await conn.fetchval(
        "with taken as (delete from stage where ctid = any (array(select ctid from stage order by id limit $1))"
        " returning *),"
        " base as (select coalesce(max(pos), 0) as pos from log),"
        " put as (insert into log (pos, stage_id, event_id, type, subject, key, occurred_at, recorded_at, trace,"
        " payload, staged_at)"
        " select base.pos + row_number() over (order by taken.id), taken.id, event_id, type, subject, key,"
        " occurred_at, recorded_at, trace, payload, staged_at from taken, base returning pos, stage_id),"
        " run as (select min(stage_id) as id, min(pos) as pos, count(*) as size from put group by stage_id - pos),"
        " told as (select sum(size)::bigint as moved,"
        " '[' || string_agg(format('[%s,%s,%s]', id, pos, size), ',') || ']' as notice from run)"
        " select moved from told,"
        " lateral pg_notify($2, case when length(notice) <= $3 then notice else '[]' end) where moved > 0",
        limit,
        SEQUENCED,
        _MAX_NOTICE,
    )
    return moved or 0


async def tidy(conn: Conn) -> None:
    """Clears away what `sequence` has moved. Not within a transaction. Nobody waits for it, nor it for anybody."""
    await conn.execute("vacuum (skip_locked, truncate false) stage")


async def read(conn: Conn, *, after: int, limit: int) -> list[LogRow]:
    """Up to `limit` rows after a position, in order."""
    rows = await conn.fetch(
        "select pos, event_id, type, subject, key, occurred_at, recorded_at, trace, payload"
        " from log where pos > $1 order by pos limit $2",
        after,
        limit,
    )
    return [LogRow(*r.values()) for r in rows]


async def last_pos(conn: Conn) -> int:
    """The newest position, 0 for an empty log."""
    return int(await conn.fetchval("select coalesce(max(pos), 0) from log"))


async def oldest_staged_age(conn: Conn) -> float:
    """Seconds since the oldest event without a position was staged; 0 when all have one."""
    return float(
        await conn.fetchval(
            "select coalesce((select extract(epoch from now() - staged_at) from stage order by id limit 1), 0)"
        )
    )


async def age_of(conn: Conn, pos: int) -> float:
    """Seconds since the event at a position was staged; 0 when there is none."""
    return float(
        await conn.fetchval(
            "select coalesce((select extract(epoch from now() - staged_at) from log where pos = $1), 0)", pos
        )
    )


async def positions(conn: Conn, stage_ids: Sequence[int]) -> dict[int, int]:
    """Position by stage id, of those that have one already."""
    rows = await conn.fetch("select stage_id, pos from log where stage_id = any($1::bigint[])", list(stage_ids))
    return {r["stage_id"]: r["pos"] for r in rows}
