"""SQL of uploads that wait to be committed, and of what they are checked against. Their rows are the vault's."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

from services.registry.imports import codec
from services.registry.imports.line import Line, Verdict
from services.registry.imports.sheet import Found
from services.registry.store import units
from services.registry.unit import Unit
from shared.db import Conn

_IMPORT = (
    "i.import_id, kind, state, file_name, size, digest, subject, roles, units, created_at, i.touched_at, sheet,"
    " letters, rows_total, i.rows_done, summary, problem, committed_at, purged_at, p.rows_done as written,"
    " p.touched_at as writing_at from vault_import i left join vault_import_progress p using (import_id)"
)


class Import(NamedTuple):
    """A row of `vault_import`."""

    import_id: str
    kind: str
    state: str
    file_name: str | None
    size: int
    digest: str
    subject: str
    roles: Sequence[str]
    units: Sequence[str]
    created_at: datetime
    touched_at: datetime
    sheet: str | None = None
    letters: Mapping[str, str] = {}
    rows_total: int | None = None
    rows_done: int = 0
    summary: Mapping[str, int] = {}
    problem: Mapping[str, Any] | None = None
    committed_at: datetime | None = None
    purged_at: datetime | None = None
    written: int | None = None
    """How far a commit was when it was last heard of."""
    writing_at: datetime | None = None


class Row(NamedTuple):
    """A line and what was said of it."""

    line: Line
    verdict: Verdict | None


async def secret(conn: Conn) -> bytes:
    """The key of people's ids."""
    key: bytes = await conn.fetchval("select key from vault_import_key")
    return key


async def save_import(conn: Conn, new: Import) -> bool:
    """Inserts an upload; answers False when the id is taken."""
    status = await conn.execute(
        "insert into vault_import (import_id, kind, state, file_name, size, digest, subject, roles, units, created_at,"
        " touched_at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) on conflict do nothing",
        *new[:11],
    )
    return status.endswith(" 1")


async def find(conn: Conn, import_id: str) -> Import | None:
    """One upload."""
    row = await conn.fetchrow(f"select {_IMPORT} where import_id = $1", import_id)
    return _import(row) if row else None


async def uploads_of(conn: Conn, subject: str, *, limit: int) -> list[Import]:
    """Somebody's uploads, the newest first."""
    rows = await conn.fetch(f"select {_IMPORT} where subject = $1 order by import_id desc limit $2", subject, limit)
    return [_import(r) for r in rows]


async def note_alive(conn: Conn, import_ids: Sequence[str], now: datetime) -> None:
    """Somebody works on these."""
    await conn.execute(
        "update vault_import set touched_at = $2 where import_id = any($1::text[])", list(import_ids), now
    )


async def note_progress(conn: Conn, import_id: str, state: str, done: int, now: datetime) -> None:
    """How far the checking has come."""
    await conn.execute(
        "update vault_import set state = $2, rows_done = $3, touched_at = $4"
        " where import_id = $1 and purged_at is null",
        import_id,
        state,
        done,
        now,
    )


async def note_commit(conn: Conn, import_id: str, done: int, now: datetime) -> None:
    """How far a commit has come; on another connection than the commit's own."""
    await conn.execute(
        "insert into vault_import_progress (import_id, rows_done, touched_at) values ($1, $2, $3)"
        " on conflict (import_id) do update set rows_done = excluded.rows_done, touched_at = excluded.touched_at",
        import_id,
        done,
        now,
    )


async def end_commit(conn: Conn, import_id: str) -> None:
    """A commit has ended, one way or the other."""
    await conn.execute("delete from vault_import_progress where import_id = $1", import_id)


async def note_failure(conn: Conn, import_id: str, problem: Mapping[str, Any], now: datetime) -> None:
    """Why nothing came of it; its lines go."""
    await conn.execute("delete from vault_import_row where import_id = $1", import_id)
    await conn.execute(
        "update vault_import set state = 'failed', problem = $2, file_name = null, purged_at = $3"
        " where import_id = $1 and purged_at is null",
        import_id,
        json.dumps(problem, ensure_ascii=False),
        now,
    )


async def save_lines(conn: Conn, import_id: str, found: Found) -> None:
    """What was read of the file; nothing where it was given up meanwhile."""
    status = await conn.execute(
        "update vault_import set state = 'checking', sheet = $2, letters = $3, rows_total = $4"
        " where import_id = $1 and purged_at is null",
        import_id,
        found.sheet,
        json.dumps(found.letters),
        len(found.lines),
    )
    if status.endswith(" 0"):
        return
    await conn.execute(
        "insert into vault_import_row (import_id, number, cells, given)"
        " select $1, n, c::jsonb, g::jsonb from unnest($2::int[], $3::text[], $4::text[]) as l(n, c, g)",
        import_id,
        [line.number for line in found.lines],
        [codec.dump_cells(line) for line in found.lines],
        [codec.dump_remarks(line.remarks) for line in found.lines],
    )


async def lines(conn: Conn, import_id: str) -> list[Line]:
    """All lines of an upload."""
    rows = await conn.fetch(
        "select number, cells, given from vault_import_row where import_id = $1 order by number", import_id
    )
    return [codec.load_line(*r.values()) for r in rows]


async def save_verdicts(
    conn: Conn, import_id: str, verdicts: Sequence[Verdict], summary: Mapping[str, int], now: datetime
) -> None:
    """What the lines would do."""
    await _save_verdicts(conn, import_id, verdicts)
    await conn.execute(
        "update vault_import set state = 'checked', rows_done = rows_total, summary = $2, touched_at = $3"
        " where import_id = $1 and purged_at is null",
        import_id,
        json.dumps(summary),
        now,
    )


async def _save_verdicts(conn: Conn, import_id: str, verdicts: Sequence[Verdict]) -> None:
    await conn.execute(
        "update vault_import_row r set outcome = v.outcome, remarks = v.remarks::jsonb"
        " from unnest($2::int[], $3::text[], $4::text[]) as v(number, outcome, remarks)"
        " where r.import_id = $1 and r.number = v.number",
        import_id,
        [v.number for v in verdicts],
        [v.outcome.value for v in verdicts],
        [codec.dump_remarks(v.remarks) for v in verdicts],
    )


async def rows(conn: Conn, import_id: str, *, outcome: str | None, after: int, limit: int) -> list[Row]:
    """Lines with what was said of them, by number."""
    found = await conn.fetch(
        "select number, cells, given, outcome, remarks from vault_import_row where import_id = $1"
        " and ($2::text is null or outcome = $2) and number > $3 order by number limit $4",
        import_id,
        outcome,
        after,
        limit,
    )
    return [_row(r) for r in found]


async def count_rows(conn: Conn, import_id: str, *, outcome: str | None) -> int:
    """How many lines `rows` lists in all."""
    value = await conn.fetchval(
        "select count(*) from vault_import_row where import_id = $1 and ($2::text is null or outcome = $2)",
        import_id,
        outcome,
    )
    return int(value)


async def lock_imports(conn: Conn) -> None:
    """One commit of an upload at a time: two that hold the same new person meet one after the other."""
    await conn.execute("select pg_advisory_xact_lock(hashtext('registry.imports'))")


async def lock_upload(conn: Conn, import_id: str) -> None:
    """Somebody decides what becomes of an upload; others wait."""
    await conn.execute("select from vault_import where import_id = $1 for update", import_id)


async def save_commit(
    conn: Conn, import_id: str, refused: Sequence[Verdict], summary: Mapping[str, int], now: datetime
) -> None:
    """The upload is written: its lines go, but for those that were refused and wait to be corrected."""
    await conn.execute(
        "delete from vault_import_row where import_id = $1 and number <> all($2::int[])",
        import_id,
        [v.number for v in refused],
    )
    await _save_verdicts(conn, import_id, refused)
    await conn.execute(
        "update vault_import set state = 'committed', committed_at = $2::timestamptz, summary = $3, purged_at ="
        " case when $4 then $2::timestamptz end where import_id = $1",
        import_id,
        now,
        json.dumps(summary),
        not refused,
    )


async def save_discard(conn: Conn, import_id: str, now: datetime) -> None:
    """Nothing is to come of an upload: its lines and the name of its file go."""
    await conn.execute("delete from vault_import_row where import_id = $1", import_id)
    await conn.execute(
        "update vault_import set state = 'discarded', file_name = null, problem = null, purged_at = $2"
        " where import_id = $1",
        import_id,
        now,
    )


async def purge(conn: Conn, before: datetime, now: datetime) -> list[str]:
    """Deletes the lines and file names of uploads from before a moment; answers with their ids."""
    found = await conn.fetch(
        "update vault_import set state = case when state = 'committed' then state else 'purged' end, file_name = null,"
        " purged_at = $2 where created_at < $1 and purged_at is null returning import_id",
        before,
        now,
    )
    ids = [r["import_id"] for r in found]
    await conn.execute("delete from vault_import_row where import_id = any($1::text[])", ids)
    return ids


# -- what lines are checked against -----------------------------------------------------------------------------------


async def all_states(conn: Conn) -> list[Unit]:
    """Every state of every unit, as it is known now."""
    return await units.held(conn, None, None)


async def team_ids(conn: Conn) -> list[str]:
    """Every team there is or was."""
    return [r["team_id"] for r in await conn.fetch("select team_id from team order by team_id")]


async def headcounts(conn: Conn) -> dict[str, list[tuple[date, int]]]:
    """The headcounts of every organisation, by day."""
    found: dict[str, list[tuple[date, int]]] = {}
    for r in await conn.fetch("select organisation_id, valid_from, headcount from headcount order by valid_from"):
        found.setdefault(r["organisation_id"], []).append((r["valid_from"], r["headcount"]))
    return found


def _row(row: Any) -> Row:
    verdict = codec.load_verdict(row["number"], row["outcome"], row["remarks"]) if row["outcome"] else None
    return Row(codec.load_line(row["number"], row["cells"], row["given"]), verdict)


def _import(row: Any) -> Import:
    found = dict(row)
    for name in ("letters", "summary", "problem"):
        found[name] = json.loads(found[name]) if found[name] else found[name]
    return Import(**found)
