"""The vault's door on a real database: what comes out is on record, what is erased stays erased."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import pytest

import services.registry
from services.registry import vault
from services.registry.person import LegalBasis, Person, Why
from shared import db
from shared.auth import Caller, Role
from shared.db import Conn
from shared.errors import Problem

NOW = datetime(2023, 7, 30, 13, tzinfo=UTC)
OFFICER = Caller("officer-7", frozenset([Role.DISTRICT_OFFICER, Role.COMMUNE_OFFICER]), ("533",))
AN = Person("p1", "Nguyễn Thị An", "0100 777 001")
PROVINCE = Caller("boss", frozenset([Role.PROVINCE_OFFICER]), ("51",))
BINH = Person("p2", "Lê Bình", None, "Chánh Văn phòng", LegalBasis.CONSENT)
FOLDERS = (db.PRODUCER, db.COMMANDS, Path(services.registry.__file__).parent / "migrations")


@pytest.fixture
async def dsn(database: Callable[..., Awaitable[str]]) -> str:
    return await database(*FOLDERS)


@pytest.fixture
async def conn(dsn: str) -> AsyncIterator[Conn]:
    opened = await asyncpg.connect(dsn)
    yield opened
    await opened.close()


@pytest.fixture
async def other(dsn: str) -> AsyncIterator[Conn]:
    """Somebody else's connection."""
    opened = await asyncpg.connect(dsn)
    yield opened
    await opened.close()


async def on_record(conn: Conn) -> list[tuple[str, ...]]:
    """What the record says: who, action, of whom, which fields, why."""
    rows = await conn.fetch("select * from vault_access order by access_id")
    return [(r["subject"], r["action"], r["member_id"], "+".join(r["fields"]), r["why"]) for r in rows]


async def test_what_is_written_is_read_and_each_reading_is_on_record(conn: Conn) -> None:
    await vault.write_people(conn, OFFICER, [AN, BINH], Why.IMPORT, NOW)
    found = await vault.read_people(conn, OFFICER, ["p2", "nobody", "p1"], Why.TEAM_LIST, NOW)

    assert found == {"p1": AN, "p2": BINH}
    assert sorted(await on_record(conn)) == [
        ("officer-7", "read", "p1", "full_name+phone", "team_list"),
        ("officer-7", "read", "p2", "full_name+title", "team_list"),
        ("officer-7", "written", "p1", "full_name+phone+legal_basis", "import"),
        ("officer-7", "written", "p2", "full_name+title+legal_basis", "import"),
    ]
    roles = await conn.fetchval("select roles from vault_access where member_id = 'p1' and action = 'read'")
    assert roles == ["commune_officer", "district_officer"]
    assert await vault.read_people(conn, OFFICER, [], Why.TEAM_LIST, NOW) == {}


async def test_the_same_again_leaves_no_trace_and_a_change_names_its_fields(conn: Conn) -> None:
    await vault.write_person(conn, OFFICER, AN, Why.JOINING, NOW)
    await vault.write_person(conn, OFFICER, AN, Why.JOINING, NOW)
    assert len(await on_record(conn)) == 1

    await vault.write_person(conn, OFFICER, AN._replace(phone="0100 777 002"), Why.CORRECTION, NOW)
    assert (await on_record(conn))[1:] == [("officer-7", "corrected", "p1", "phone", "correction")]
    assert (await vault.read_people(conn, OFFICER, ["p1"], Why.CALL, NOW))["p1"].phone == "0100 777 002"


async def test_a_reading_that_is_rolled_back_takes_its_record_along_and_no_other(conn: Conn) -> None:
    await vault.write_person(conn, OFFICER, AN, Why.JOINING, NOW)
    undone = conn.transaction()
    await undone.start()
    await vault.read_people(conn, OFFICER, ["p1"], Why.EXPORT, NOW)
    await undone.rollback()
    assert [r[1] for r in await on_record(conn)] == ["written"]


async def test_withdrawn_is_read_for_a_legal_duty_only_until_there_is_a_new_basis(conn: Conn) -> None:
    await vault.write_person(conn, OFFICER, AN, Why.JOINING, NOW)
    for _ in range(2):
        await vault.withdraw(conn, OFFICER, "p1", Why.WITHDRAWAL, NOW)
    assert await vault.read_people(conn, OFFICER, ["p1"], Why.TEAM_LIST, NOW) == {}
    assert await vault.read_people(conn, PROVINCE, ["p1"], Why.LEGAL_DUTY, NOW) == {"p1": AN}
    for slug, refused_call in (
        ("not_for_your_role", vault.read_people(conn, OFFICER, ["p1"], Why.LEGAL_DUTY, NOW)),
        ("basis_withdrawn", vault.write_person(conn, OFFICER, AN, Why.IMPORT, NOW)),
    ):
        with pytest.raises(Problem) as refused:
            await refused_call
        assert refused.value.slug == slug

    again = AN._replace(legal_basis=LegalBasis.CONSENT)
    await vault.write_person(conn, OFFICER, again, Why.CORRECTION, NOW, renewed=True)
    assert await vault.read_people(conn, OFFICER, ["p1"], Why.TEAM_LIST, NOW) == {"p1": again}
    assert [r[1] for r in await on_record(conn)] == ["written", "withdrawn", "read", "corrected", "read"]


async def test_erased_is_gone_for_good(conn: Conn) -> None:
    await vault.write_person(conn, OFFICER, AN, Why.JOINING, NOW)
    assert await vault.erase(conn, OFFICER, "p1", Why.ERASURE, NOW)
    assert await vault.read_people(conn, PROVINCE, ["p1"], Why.LEGAL_DUTY, NOW) == {}
    assert await conn.fetchval("select count(*) from vault_person") == 0
    assert not await vault.erase(conn, OFFICER, "p1", Why.ERASURE, NOW)
    for again in (
        vault.write_person(conn, OFFICER, AN, Why.IMPORT, NOW, renewed=True),
        vault.withdraw(conn, OFFICER, "p1", Why.WITHDRAWAL, NOW),
        vault.must_not_be_erased(conn, "p1"),
    ):
        with pytest.raises(Problem) as refused:
            await again
        assert refused.value.slug == "person_erased"
    assert [r[1] for r in await on_record(conn)] == ["written", "erased"]


async def test_one_of_whom_nothing_was_ever_held_is_erased_too_and_gets_no_name_later(conn: Conn) -> None:
    assert await vault.erase(conn, OFFICER, "p1", Why.ERASURE, NOW)
    with pytest.raises(Problem):
        await vault.write_person(conn, OFFICER, AN, Why.JOINING, NOW)


async def test_who_writes_while_somebody_erases_comes_too_late(conn: Conn, other: Conn) -> None:
    await vault.write_person(conn, OFFICER, AN, Why.JOINING, NOW)
    erasing = conn.transaction()
    await erasing.start()
    assert await vault.erase(conn, OFFICER, "p1", Why.ERASURE, NOW)
    async with asyncio.TaskGroup() as tasks:
        writing = tasks.create_task(_slug_of(other, AN._replace(phone="0100 777 009")))
        await asyncio.sleep(0.2)
        assert not writing.done(), "it waits for what becomes of the person"
        await erasing.commit()
    assert writing.result() == "person_erased"
    assert await conn.fetchval("select count(*) from vault_person") == 0


async def _slug_of(conn: Conn, person: Person) -> str | None:
    """Why a correction is refused, if it is."""
    async with conn.transaction():
        try:
            await vault.write_person(conn, OFFICER, person, Why.CORRECTION, NOW)
        except Problem as refused:
            return refused.slug
    return None


async def test_nobody_joins_under_the_id_of_somebody_else(conn: Conn) -> None:
    await vault.write_person(conn, OFFICER, AN, Why.JOINING, NOW)
    with pytest.raises(Problem) as refused:
        await vault.write_person(conn, OFFICER, BINH._replace(member_id="p1"), Why.JOINING, NOW)
    assert refused.value.slug == "id_taken"


@pytest.mark.parametrize("change", ["update vault_access set why = 'x'", "delete from vault_access",
                                    "truncate vault_access"])  # fmt: skip
async def test_the_record_is_only_added_to(conn: Conn, change: str) -> None:
    await vault.write_person(conn, OFFICER, AN, Why.JOINING, NOW)
    with pytest.raises(asyncpg.RaiseError, match="only added to"):
        await conn.execute(change)
    assert len(await on_record(conn)) == 1
