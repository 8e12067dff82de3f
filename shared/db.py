"""Postgres: a pool for a service's own database, and its migrations. Nothing here knows a table of a service."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import asyncpg

if TYPE_CHECKING:
    from asyncpg.pool import PoolConnectionProxy

    Conn: TypeAlias = asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]
    Pool: TypeAlias = asyncpg.Pool[asyncpg.Record]
else:
    Conn: TypeAlias = asyncpg.Connection
    Pool: TypeAlias = asyncpg.Pool

SHARED_MIGRATIONS = Path(__file__).parent / "migrations"
PRODUCER = SHARED_MIGRATIONS / "producer"
FOLLOWER = SHARED_MIGRATIONS / "follower"
COMMANDS = SHARED_MIGRATIONS / "commands"

_MIGRATION_LOCK = 0x70687472  # any constant; one migration at a time in a database

INFRASTRUCTURE_ERRORS = (
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # what asyncpg may say when the session ends in the middle of a statement
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.TransactionRollbackError,
    asyncpg.InternalServerError,
)
"""What a retry may heal: the server is away, restarting, full, or chose this transaction as a deadlock's victim."""


class MigrationChanged(RuntimeError):
    """A migration that was already applied has another content now. Restore the file, and write a new one instead."""


class Migration(NamedTuple):
    """A numbered SQL file."""

    name: str
    sql: str
    sha256: str


async def open_pool(dsn: str, *, size: int = 10) -> Pool:
    """A pool of `size` connections, commits durable (invariant 1), names of ids ordered by bytes."""
    return await asyncpg.create_pool(
        dsn,
        min_size=0,  # a pool that keeps one open reports each failure to reopen it while Postgres restarts
        max_size=size,
        command_timeout=60,
        max_inactive_connection_lifetime=300,
        reset=_leave_as_it_is,
        server_settings={"synchronous_commit": "on", "timezone": "UTC", "application_name": "phongtrao"},
    )


async def _leave_as_it_is(_: object) -> None:
    """Resetting a session costs a round trip each time that it goes back to the pool, as much as many a command's
    statement. Nothing here changes one but `shared.leader`, which tidies up after itself; settings for a statement are
    local to its transaction. A transaction that was left open is rolled back all the same."""


async def let_plans_use(conn: Conn, *methods: str, may: bool) -> None:
    """Whether plans may use these ways (`hashjoin`, `sort` …) until the transaction ends, or it is said otherwise."""
    settings = ", ".join(f"set_config('enable_{method}', $1, true)" for method in methods)
    await conn.execute(f"select {settings}", "on" if may else "off")


def read_migrations(folders: Sequence[Path]) -> list[Migration]:
    """All migrations: folders in the order given, files by name; named `folder/file`, so names never clash."""
    found = []
    for folder in folders:
        owner = folder.parent.name if folder.name == "migrations" else folder.name
        for file in sorted(folder.glob("*.sql")):
            sql = file.read_text(encoding="utf-8")
            found.append(Migration(f"{owner}/{file.stem}", sql, hashlib.sha256(sql.encode()).hexdigest()))
    return found


async def migrate(dsn: str, folders: Sequence[Path]) -> list[str]:
    """Applies what is missing, each file in its own transaction; answers with the names applied now.

    Safe to call from several processes at once. Raises MigrationChanged when an applied file was edited.
    """
    conn = await asyncpg.connect(dsn)
    try:
        await conn.execute("select pg_advisory_lock($1)", _MIGRATION_LOCK)
        await conn.execute(
            "create table if not exists schema_migrations"
            " (name text primary key, sha256 text not null, applied_at timestamptz not null default now())"
        )
        applied = {r["name"]: r["sha256"] for r in await conn.fetch("select name, sha256 from schema_migrations")}
        return [m.name for m in read_migrations(folders) if await _apply(conn, m, applied.get(m.name))]
    finally:
        await conn.close()


async def _apply(conn: Conn, migration: Migration, applied_sha: str | None) -> bool:
    if applied_sha == migration.sha256:
        return False
    if applied_sha is not None:
        raise MigrationChanged(f"{migration.name}: applied with another content; add a new file instead of editing it")
    async with conn.transaction():
        await conn.execute(migration.sql)
        await conn.execute(
            "insert into schema_migrations (name, sha256) values ($1, $2)", migration.name, migration.sha256
        )
    return True
