"""The shapes that migrations make from nothing are the shapes that the row types say."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg
import pytest

from services.courses.app import SPEC as COURSES
from services.outreach.app import SPEC as OUTREACH
from services.reporting.app import SPEC as REPORTING
from shared.projection import Shape
from shared.service import Spec

FOLLOWERS = (OUTREACH, COURSES, REPORTING)


@pytest.mark.parametrize("spec", FOLLOWERS, ids=lambda s: s.name)
async def test_each_row_type_equals_its_table(spec: Spec, database: Callable[..., Awaitable[str]]) -> None:
    conn = await asyncpg.connect(await database(*spec.folders))
    try:
        tables: list[Shape[Any]] = [t for p in spec.projections for t in p.tables]
        assert {t.name for t in tables} == await _table_names(conn)
        for table in tables:
            said = [(c.name, c.sql_type, "YES" if c.nullable else "NO") for c in table.columns]
            assert said == await _columns(conn, table.name), table.name
            assert [c.name for c in table.key_columns] == await _primary_key(conn, table.name), table.name
    finally:
        await conn.close()


@pytest.mark.parametrize("spec", FOLLOWERS, ids=lambda s: s.name)
async def test_no_read_model_has_a_unique_key_besides_its_primary_one(
    spec: Spec, database: Callable[..., Awaitable[str]]
) -> None:
    """A row whose key is taken makes the engine begin again (decision 20): it reads rows by the primary key,
    so it would never see what took another one, and would begin again for ever."""
    conn = await asyncpg.connect(await database(*spec.folders))
    try:
        assert await _other_unique_keys(conn) == []
    finally:
        await conn.close()


async def _table_names(conn: asyncpg.Connection[asyncpg.Record]) -> set[str]:
    rows = await conn.fetch("select tablename from pg_tables where schemaname = 'model'")
    return {r["tablename"] for r in rows}


async def _columns(conn: asyncpg.Connection[asyncpg.Record], table: str) -> list[tuple[str, str, str]]:
    rows = await conn.fetch(
        "select column_name, data_type, is_nullable from information_schema.columns"
        " where table_schema = 'model' and table_name = $1 order by ordinal_position",
        table,
    )
    return [tuple(r.values()) for r in rows]


async def _primary_key(conn: asyncpg.Connection[asyncpg.Record], table: str) -> list[str]:
    rows = await conn.fetch(
        "select a.attname from pg_index i join pg_class c on c.oid = i.indrelid"
        " join pg_namespace n on n.oid = c.relnamespace and n.nspname = 'model'"
        " join unnest(i.indkey) with ordinality k(attnum, place) on true"
        " join pg_attribute a on a.attrelid = c.oid and a.attnum = k.attnum"
        " where c.relname = $1 and i.indisprimary order by k.place",
        table,
    )
    return [r["attname"] for r in rows]


async def _other_unique_keys(conn: asyncpg.Connection[asyncpg.Record]) -> list[str]:
    rows = await conn.fetch(
        "select x.relname from pg_index i join pg_class c on c.oid = i.indrelid"
        " join pg_namespace n on n.oid = c.relnamespace and n.nspname = 'model'"
        " join pg_class x on x.oid = i.indexrelid where i.indisunique and not i.indisprimary order by 1"
    )
    return [r["relname"] for r in rows]


@pytest.mark.parametrize("spec", FOLLOWERS, ids=lambda s: s.name)
async def test_a_view_of_each_table_is_there_from_the_first_migration_on(
    spec: Spec, database: Callable[..., Awaitable[str]]
) -> None:
    conn = await asyncpg.connect(await database(*spec.folders))
    try:
        rows = await conn.fetch("select viewname from pg_views where schemaname = 'public'")
    finally:
        await conn.close()
    assert {t.name for p in spec.projections for t in p.tables} <= {r["viewname"] for r in rows}
