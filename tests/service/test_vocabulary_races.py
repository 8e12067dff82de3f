"""Writing names at once: whatever words they have in common, and in whichever order they come, nobody loses."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from itertools import permutations
from typing import Any

import asyncpg
import httpx
import pytest

from services.registry import import_write
from services.registry.app import SPEC as REGISTRY
from shared.db import Conn
from tests.support.sheets import TEAM, commit, filled, upload
from tests.support.stack import Stack
from tests.support.world import TOWN, a_member, a_team, ok

NOW = datetime(2023, 7, 28, 1, tzinfo=UTC)
_WAITS = (
    "select exists (select from pg_stat_activity where datname = current_database()"
    " and cardinality(pg_blocking_pids(pid)) > 0)"
)
Step = tuple[int, str]
"""Which of the writers says which statement."""


@pytest.fixture
async def dsn(database: Callable[..., Awaitable[str]]) -> str:
    return await database(*REGISTRY.folders)


@asynccontextmanager
async def connected(dsn: str, count: int) -> AsyncIterator[list[Conn]]:
    async with AsyncExitStack() as stack:
        conns: list[Conn] = []
        for _ in range(count):
            conns.append(await asyncpg.connect(dsn))
            stack.push_async_callback(conns[-1].close)
        yield conns


async def waits_or_is_done(watch: Conn, task: asyncio.Task[object]) -> None:
    while not task.done() and not await watch.fetchval(_WAITS):
        await asyncio.sleep(0.01)


async def interleaved(dsn: str, steps: Sequence[Step]) -> None:
    """Each writer says its statements in one transaction, as soon as the step before is done or has to wait.

    What is put off to the end is done by each before the first commits.
    """
    count = 1 + max(number for number, _ in steps)
    async with connected(dsn, 1 + count) as (watch, *writers):
        said: list[list[asyncio.Task[object]]] = [[] for _ in writers]
        for writer in writers:
            await writer.execute("begin")

        async def say(number: int, statement: str, before: Sequence[asyncio.Task[object]]) -> object:
            await asyncio.gather(*before)
            return await writers[number].execute(statement, timeout=20)

        ends = [(number, end) for end in ("set constraints all immediate", "commit") for number in range(count)]
        for number, statement in [*steps, *ends]:
            task = asyncio.create_task(say(number, statement, said[number][:]))
            said[number].append(task)
            await waits_or_is_done(watch, task)
        await asyncio.gather(*(task for tasks in said for task in tasks))


def born(*names: str) -> str:
    rows = ", ".join(f"(gen_random_uuid()::text, '{name}')" for name in names)
    return f"insert into vault_person (member_id, full_name) values {rows}"


def gone(name: str) -> str:
    return f"delete from vault_person where full_name = '{name}'"


def corrected(name: str, right: str) -> str:
    return f"update vault_person set full_name = '{right}' where full_name = '{name}'"


def named(team_id: str, name: str) -> str:
    values = f"'{team_id}', '2023-07-01', '{name}', now()"
    return f"insert into team_name (team_id, valid_from, name, known_from) values ({values})"


async def words(dsn: str, table: str = "vault_word") -> set[str]:
    async with connected(dsn, 1) as [conn]:
        rows = [row["word"] for row in await conn.fetch(f"select word from {table}")]
    assert len(rows) == len(set(rows))
    return set(rows)


WORDS = ("Alo", "Bre", "Cru", "Dri")


async def test_two_bring_the_same_new_words_in_another_order(dsn: str) -> None:
    await interleaved(dsn, [(0, born("Alo")), (1, born("Bre")), (0, born("Bre")), (1, born("Alo"))])
    assert await words(dsn) == {"alo", "bre"}


async def test_two_bring_the_same_new_words_of_teams_in_another_order(dsn: str) -> None:
    async with connected(dsn, 1) as [conn]:
        await conn.execute(
            "insert into unit (unit_id) values ('u'); insert into team (team_id, name, level, unit_id,"
            " decision_number, decision_date, formed_on) select 't' || n, 'T', 'commune', 'u', '1', '2023-07-01',"
            " '2023-07-01' from generate_series(1, 4) n"
        )
    steps = [(0, named("t1", "Alo")), (1, named("t2", "Bre")), (0, named("t3", "Bre")), (1, named("t4", "Alo"))]
    await interleaved(dsn, steps)
    assert await words(dsn, "team_word") == {"alo", "bre"}


async def test_one_brings_the_words_that_another_takes_away(dsn: str) -> None:
    await interleaved(dsn, [(0, born("Alo", "Bre"))])
    await interleaved(dsn, [(0, born("Le Bre")), (1, gone("Alo")), (0, born("Le Alo")), (1, gone("Bre"))])
    assert await words(dsn) == {"le", "alo", "bre"}


async def test_two_take_the_last_two_with_a_word_away(dsn: str) -> None:
    await interleaved(dsn, [(0, born("Alo Bre", "Bre Alo"))])
    await interleaved(dsn, [(0, gone("Alo Bre")), (1, gone("Bre Alo"))])
    assert await words(dsn) == set()


async def test_two_take_away_what_the_other_has_locked(dsn: str) -> None:
    """A command locks its people before it writes them; an import does so part by part."""
    await interleaved(dsn, [(0, born("Alo", "Bre"))])
    lock = "select from vault_person where full_name = 'Bre' for update"
    await interleaved(dsn, [(0, corrected("Alo", "Le")), (1, lock), (0, lock), (1, corrected("Bre", "Le"))])
    assert await words(dsn) == {"le"}


@pytest.mark.parametrize("seed", range(12))
async def test_whatever_three_do_the_words_are_those_of_the_people_that_there_are(dsn: str, seed: int) -> None:
    rng = random.Random(seed)
    await interleaved(dsn, [(0, born(*(f"{number} {word}" for number in range(3) for word in WORDS)))])
    steps = []
    for _ in range(15):
        number = rng.randrange(3)  # each with people of the own, as each command locks its people
        one, other = (f"{number} {' '.join(rng.sample(WORDS, rng.randint(1, 2)))}" for _ in "12")
        steps.append((number, rng.choice([born(one, other), gone(one), gone(one), corrected(one, other)])))
    await interleaved(dsn, steps)
    async with connected(dsn, 1) as [conn]:
        names = [row["full_name"] for row in await conn.fetch("select full_name from vault_person")]
    assert await words(dsn) == {word.lower() for name in names for word in name.split()[1:]}


async def test_what_is_rolled_back_brings_no_word_and_what_comes_after_it_does(dsn: str) -> None:
    back = [(0, "savepoint s"), (0, born("Alo")), (0, "rollback to s"), (0, born("Bre"))]
    await interleaved(dsn, [*back, (0, "savepoint s"), (0, born("Cru")), (0, "rollback to s"), (0, "savepoint s")])
    assert await words(dsn) == {"bre"}


# -- commands ---------------------------------------------------------------------------------------------------------


@asynccontextmanager
async def held_up(running: Stack, table: str) -> AsyncIterator[Callable[[int], Awaitable[None]]]:
    """Whoever writes to a table waits until the end of the block; the function waits until so many wait."""
    async with running.services["registry"].pool.acquire() as conn, conn.transaction():
        await conn.execute(f"lock table {table} in share mode")

        async def until(waiting: int) -> None:
            asked = "select count(*) from pg_stat_activity where datname = current_database()"
            for _ in range(1000):
                await conn.execute("select pg_stat_clear_snapshot()")
                if await conn.fetchval(f"{asked} and wait_event_type = 'Lock'") >= waiting:
                    return
                await asyncio.sleep(0.01)
            raise TimeoutError(f"fewer than {waiting} wait")

        yield until


async def uploaded(officer: httpx.AsyncClient, *lines: tuple[str, str]) -> Callable[[], asyncio.Task[dict[str, Any]]]:
    """New teams, each with a person; calling the answer has them written."""
    rows = [{**TEAM, "team_name": team, "full_name": person} for team, person in lines]
    checked = await upload(officer, filled(rows))
    assert checked["summary"]["new"] == len(lines), checked
    return lambda: asyncio.create_task(commit(officer, checked["import_id"]))


@pytest.fixture
async def team_id(officer: httpx.AsyncClient) -> str:
    return str((await ok(officer.post("/registry/teams", json=a_team(TOWN)), 201))["team_id"])


def joining(officer: httpx.AsyncClient, team_id: str, name: str) -> asyncio.Task[dict[str, Any]]:
    path = f"/registry/teams/{team_id}/members"
    return asyncio.create_task(ok(officer.post(path, json=a_member(full_name=name)), 201))


def forming(officer: httpx.AsyncClient, name: str) -> asyncio.Task[dict[str, Any]]:
    return asyncio.create_task(ok(officer.post("/registry/teams", json=a_team(TOWN, name=name)), 201))


async def test_somebody_joins_with_the_words_of_an_import_while_that_is_being_written(
    running: Stack, officer: httpx.AsyncClient, team_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_write, "AT_ONCE", 1)
    write = await uploaded(officer, ("Tổ Một", "Lê Eko"), ("Tổ Hai", "Lê Dri"), ("Tổ Ba", "Lê Eko"))
    async with held_up(running, "vault_access") as until:
        written = write()
        await until(1)
        joined = joining(officer, team_id, "Eko Dri")
        await until(2)
    await asyncio.gather(written, joined)


async def test_a_team_is_formed_with_the_words_of_an_import_while_that_is_being_written(
    running: Stack, officer: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_write, "AT_ONCE", 1)
    write = await uploaded(officer, ("Tổ Eko", "Lê Sáu"), ("Tổ Dri", "Lê Bảy"), ("Tổ Eko Eko", "Lê Tám"))
    async with held_up(running, "team_place") as until:
        written = write()
        await until(1)
        formed = forming(officer, "Eko Dri")
        await until(2)
    await asyncio.gather(written, formed)


async def test_nobody_waits_for_a_long_import_that_brings_new_words(
    running: Stack, officer: httpx.AsyncClient, team_id: str
) -> None:
    write = await uploaded(officer, ("Tổ Ghi", "Lê Phri"))
    async with held_up(running, "vault_import_row") as until:
        written = write()
        await until(1)
        async with asyncio.timeout(10):
            await asyncio.gather(joining(officer, team_id, "Lê Phri"), forming(officer, "Tổ Ghi"))
        assert not written.done()
    await written


async def test_many_join_at_once_with_the_same_new_words(officer: httpx.AsyncClient, team_id: str) -> None:
    names = [" ".join(order) for order in permutations(("Xoe", "Yoe", "Zoe", "Woe"))]
    await asyncio.gather(*(joining(officer, team_id, name) for name in names))
