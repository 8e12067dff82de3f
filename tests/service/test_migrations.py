"""Migrations and pools on a real Postgres: once each, never edited, one at a time; commits wait for the disk."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import asyncpg
import pytest

from shared import db


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two migrations of a service."""
    made = tmp_path / "sky" / "migrations"
    made.mkdir(parents=True)
    (made / "0001_star.sql").write_text("create table star (name text primary key)")
    (made / "0002_moon.sql").write_text("create table moon (name text primary key)")
    return made


async def test_what_is_missing_is_applied_once_whoever_asks(
    database: Callable[..., Awaitable[str]], folder: Path
) -> None:
    dsn = await database()
    both = ["sky/0001_star", "sky/0002_moon"]
    assert sorted(await asyncio.gather(*(db.migrate(dsn, [folder]) for _ in range(5)))) == [[], [], [], [], both]
    (folder / "0003_sun.sql").write_text("create table sun (name text primary key)")
    assert await db.migrate(dsn, [folder]) == ["sky/0003_sun"]


async def test_an_edited_one_is_refused_and_a_wrong_one_leaves_nothing(
    database: Callable[..., Awaitable[str]], folder: Path
) -> None:
    dsn = await database()
    (folder / "0003_sun.sql").write_text("create table sun (name text); select nonsense")
    with pytest.raises(asyncpg.PostgresError, match="nonsense"):
        await db.migrate(dsn, [folder])
    (folder / "0003_sun.sql").write_text("create table sun (name text)")
    assert await db.migrate(dsn, [folder]) == ["sky/0003_sun"]
    (folder / "0002_moon.sql").write_text("create table moon (name text)")
    with pytest.raises(db.MigrationChanged, match=r"sky/0002_moon: .* add a new file"):
        await db.migrate(dsn, [folder])


async def test_commits_wait_for_the_disk_whatever_the_server_says(database: Callable[..., Awaitable[str]]) -> None:
    """Invariant 1: a 2xx means committed, also where somebody made the server careless."""
    dsn = await database()
    conn = await asyncpg.connect(dsn)
    name = await conn.fetchval("select current_database()")
    await conn.execute(f'alter database "{name}" set synchronous_commit = off')
    await conn.close()
    pool = await db.open_pool(dsn, size=1)
    async with pool.acquire() as inside:
        assert await inside.fetchval("show synchronous_commit") == "on"
    await pool.close()
