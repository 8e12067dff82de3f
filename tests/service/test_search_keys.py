"""The keys that registry's database makes are those of shared.vietnamese, on any server, for whoever owns it."""

from __future__ import annotations

import random
import unicodedata
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import asyncpg
import pytest

from services.registry.app import SPEC as REGISTRY
from shared import db
from shared.db import Conn
from shared.vietnamese import bare_key, person_sort_key, search_key, sort_key
from tests.support.servers import Postgres

ORDER = Path(__file__).parents[1] / "unit" / "vietnamese_order.txt"
ODD = [*"abcdđĐ eăâôơưỹÝẹ yquQU'’‘`.-–~\t\n\u00a0\u200b\u0301\u0323\u031b\u0302čŏƀɃßΩ中№ﬁİ1‑“*\\{|}"]


@pytest.fixture
async def conn(database: Callable[..., Awaitable[str]]) -> AsyncIterator[Conn]:
    opened = await asyncpg.connect(await database(*REGISTRY.folders))
    yield opened
    await opened.close()


def texts() -> list[str]:
    """Names, the same taken apart, and nonsense."""
    rng = random.Random(17)
    names = ORDER.read_text().splitlines()
    nonsense = ["".join(rng.choices(ODD, k=rng.randrange(12))) for _ in range(5000)]
    return [*names, *(unicodedata.normalize("NFD", n) for n in names), *nonsense]


async def test_the_database_makes_the_same_keys(conn: Conn) -> None:
    rows = await conn.fetch(
        "select n, search_key(n), search_words(n), bare_words(n), sort_key(n), person_sort_key(n)"
        " from unnest($1::text[]) n",
        texts(),
    )
    assert len(rows) > 9000
    for name, key, words, bare, order, person in rows:
        expected = search_key(name)
        assert (key, words, bare) == (expected, f" {expected}", f" {bare_key(expected)}"), ascii(name)
        assert (order, person) == (sort_key(name), person_sort_key(name)), ascii(name)


async def test_names_sort_in_the_database_as_icu_sorts_them(conn: Conn) -> None:
    expected = [line for line in ORDER.read_text().splitlines() if not line.startswith("#")]
    rows = await conn.fetch("select n from unnest($1::text[]) n order by sort_key(n)", sorted(expected))
    assert [r["n"] for r in rows] == expected


async def test_nobody_who_writes_a_name_can_forget_its_keys(conn: Conn) -> None:
    await conn.execute("insert into vault_person (member_id, full_name) values ('p', 'Đỗ Thị Lý')")
    await conn.execute("update vault_person set full_name = 'Đỗ Thị Lí' where member_id = 'p'")
    row = await conn.fetchrow("select words, sort_key from vault_person")
    assert row is not None
    assert tuple(row) == (" do thi li", person_sort_key("Đỗ Thị Lí"))


async def test_the_owner_of_the_database_needs_no_more_rights_to_migrate(postgres: Postgres) -> None:
    """As in production, where a service owns its database and nothing else."""
    admin = await asyncpg.connect(postgres.dsn("postgres"))
    try:
        await admin.execute("create role keys_owner login nosuperuser")
        await admin.execute("create database keys_owned owner keys_owner")
        applied = await db.migrate(postgres.dsn("keys_owned", user="keys_owner"), REGISTRY.folders)
        assert "registry/0007_search" in applied
    finally:
        await admin.execute("drop database if exists keys_owned with (force)")
        await admin.execute("drop role if exists keys_owner")
        await admin.close()
