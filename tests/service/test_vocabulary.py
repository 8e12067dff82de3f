"""The words of names: kept right by the database whoever writes a name, and gone with the last person who bears one."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable

import asyncpg
import pytest

from services.registry.app import SPEC as REGISTRY
from services.registry.slips import keys
from shared.db import Conn


@pytest.fixture
async def dsn(database: Callable[..., Awaitable[str]]) -> str:
    return await database(*REGISTRY.folders)


@pytest.fixture
async def conn(dsn: str) -> AsyncIterator[Conn]:
    opened = await asyncpg.connect(dsn)
    yield opened
    await opened.close()


async def born(conn: Conn, *names: str) -> None:
    for name in names:
        await conn.execute("insert into vault_person (member_id, full_name) values ($1, $1)", name)


async def gone(conn: Conn, name: str) -> None:
    await conn.execute("delete from vault_person where member_id = $1", name)


async def vocabulary(conn: Conn) -> set[str]:
    return {row["word"] for row in await conn.fetch("select word from vault_word")}


async def test_the_database_makes_the_same_keys(conn: Conn) -> None:
    rng = random.Random(3)
    words = ["a", "an", *("".join(rng.choices("abcdefgh", k=rng.randrange(1, 18))) for _ in range(500))]
    rows = await conn.fetch("select w, slip_keys(w) as k from unnest($1::text[]) w", words)
    assert [(w, set(k)) for w, k in rows] == [(w, keys(w, 2)) for w in words]


async def test_each_word_of_a_name_is_in_it_once(conn: Conn) -> None:
    await born(conn, "Nguyễn Văn Lý", "Nguyễn Thị Lí", "Đỗ Nguyễn")
    assert await vocabulary(conn) == {"nguyen", "van", "li", "thi", "do"}


async def test_a_number_is_no_word(conn: Conn) -> None:
    await born(conn, "Tổ 77 A2")
    assert await vocabulary(conn) == {"to"}


async def test_a_word_goes_with_the_last_one_who_bears_it(conn: Conn) -> None:
    await born(conn, "Nguyễn Văn Kiệt", "Võ Văn Kiệt")
    await gone(conn, "Nguyễn Văn Kiệt")
    assert await vocabulary(conn) == {"vo", "van", "kiet"}
    await gone(conn, "Võ Văn Kiệt")
    assert await vocabulary(conn) == set()


async def test_a_longer_word_does_not_keep_a_shorter_one(conn: Conn) -> None:
    await born(conn, "Lê An", "Lê Anh", "An Lê Hân")
    await gone(conn, "Lê An")
    assert await vocabulary(conn) == {"le", "anh", "an", "han"}
    await gone(conn, "An Lê Hân")
    assert await vocabulary(conn) == {"le", "anh"}


async def test_a_corrected_name_brings_its_words_and_takes_the_old_ones(conn: Conn) -> None:
    await born(conn, "Lê Thị Hao", "Lê Nam")
    await conn.execute("update vault_person set full_name = 'Lê Thị Hoa' where member_id = 'Lê Thị Hao'")
    assert await vocabulary(conn) == {"le", "thi", "hoa", "nam"}


async def test_words_are_not_touched_where_only_a_phone_changes(conn: Conn) -> None:
    await born(conn, "Lê Hoa")
    before = await conn.fetch("select xmin, ctid from vault_word order by 2")
    await conn.execute("update vault_person set phone = '0100000001'")
    assert await conn.fetch("select xmin, ctid from vault_word order by 2") == before


async def test_a_name_that_may_not_be_read_gives_no_word(conn: Conn) -> None:
    await born(conn, "Lê Hoa", "Lê Nam")
    await conn.execute("update vault_person set withdrawn_at = now() where member_id = 'Lê Hoa'")
    assert await vocabulary(conn) == {"le", "nam"}
    await conn.execute("update vault_person set withdrawn_at = null where member_id = 'Lê Hoa'")
    assert await vocabulary(conn) == {"le", "nam", "hoa"}


async def test_a_thousand_names_at_once(conn: Conn) -> None:
    await conn.execute(
        "insert into vault_person (member_id, full_name)"
        " select n, 'Lê ' || chr(97 + n % 20) || chr(97 + n / 20 % 20) || 'x' from generate_series(0, 999) n"
    )
    assert len(await vocabulary(conn)) == 401
    await conn.execute("delete from vault_person where member_id <> '7'")
    assert await vocabulary(conn) == {"le", "hax"}


@pytest.mark.parametrize("ended", ["commit", "rollback"])
async def test_a_name_that_is_being_written_keeps_its_words(conn: Conn, dsn: str, ended: str) -> None:
    """Somebody with the word is erased while another one with it is not committed yet."""
    await born(conn, "Võ Văn Kiệt")
    other = await asyncpg.connect(dsn)
    try:
        writing = other.transaction()
        await writing.start()
        await born(other, "Lê Kiệt")
        erased = asyncio.create_task(gone(conn, "Võ Văn Kiệt"))
        await _waits_or_is_done(other, erased)
        await getattr(writing, ended)()
        await erased
        assert await vocabulary(conn) == ({"le", "kiet"} if ended == "commit" else set())
    finally:
        await other.close()


async def test_a_name_that_comes_during_an_erasure_brings_its_word_back(conn: Conn, dsn: str) -> None:
    await born(conn, "Võ Văn Kiệt")
    other = await asyncpg.connect(dsn)
    try:
        erasing = other.transaction()
        await erasing.start()
        await gone(other, "Võ Văn Kiệt")
        written = asyncio.create_task(born(conn, "Lê Kiệt"))
        await _waits_or_is_done(other, written)
        await erasing.commit()
        await written
        assert await vocabulary(conn) == {"le", "kiet"}
    finally:
        await other.close()


async def test_two_who_are_erased_at_once_leave_no_word(conn: Conn, dsn: str) -> None:
    await born(conn, "Võ Kiệt", "Lê Kiệt")
    other = await asyncpg.connect(dsn)
    try:
        erasing = other.transaction()
        await erasing.start()
        await gone(other, "Võ Kiệt")
        second = asyncio.create_task(gone(conn, "Lê Kiệt"))
        await _waits_or_is_done(other, second)
        await erasing.commit()
        await second
        assert await vocabulary(conn) == set()
    finally:
        await other.close()


async def _waits_or_is_done(conn: Conn, task: asyncio.Task[None]) -> None:
    """Until the other session waits for this one, or needs not to."""
    waits = "select exists (select from pg_locks where not granted and database = (select oid from pg_database"
    waits += " where datname = current_database())) or exists (select from pg_locks where not granted"
    waits += " and locktype = 'transactionid')"
    while not task.done() and not await conn.fetchval(waits):
        await asyncio.sleep(0.01)


async def test_words_of_teams_are_kept_past_ones_too(conn: Conn) -> None:
    await conn.execute("insert into unit (unit_id) values ('u')")
    await conn.execute(
        "insert into team (team_id, name, level, unit_id, decision_number, decision_date, formed_on)"
        " values ('t', 'T', 'commune', 'u', '1', '2023-07-01', '2023-07-01')"
    )
    for day, name in (("2023-07-01", "Tổ công nghệ số 7"), ("2024-01-01", "Tổ số Đức Lân")):
        await conn.execute(
            "insert into team_name (team_id, valid_from, name, known_from) values ('t', $1::text::date, $2, now())",
            day,
            name,
        )
    words = {row["word"] for row in await conn.fetch("select word from team_word")}
    assert words == {"to", "cong", "nghe", "so", "duc", "lan"}


async def test_no_index_that_a_search_reads_keeps_a_long_list_of_what_was_written_last(conn: Conn) -> None:
    """Each search would read all of it, 4 MB by default."""
    rows = await conn.fetch(
        "select c.relname, c.reloptions from pg_class c join pg_am a on a.oid = c.relam where a.amname = 'gin'"
    )
    short = ("fastupdate=off", "gin_pending_list_limit=128")
    assert {r["relname"] for r in rows} >= {"vault_person_words", "vault_word_near", "team_name_words"}
    assert [r["relname"] for r in rows if not set(short) & set(r["reloptions"] or ())] == []
