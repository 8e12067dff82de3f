"""States of units in Postgres: valid in time, known in time, never overwritten; and how older databases get them."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import asyncpg
import pytest

from services.registry import editions
from services.registry.app import SPEC as REGISTRY
from services.registry.store import units
from services.registry.unit import Unit
from shared import db
from shared.contracts.reform import Level
from shared.db import Conn

Database = Callable[..., Awaitable[str]]
T0 = datetime(2023, 7, 1, tzinfo=UTC)
T1, T2 = T0 + timedelta(days=1), T0 + timedelta(days=2)
START, TURN = date(2020, 2, 1), date(2025, 1, 1)


def a_unit(unit_id: str, name: str = "Xã Một", parent_id: str | None = "51", since: date = START) -> Unit:
    return Unit(unit_id, unit_id, name, "commune", Level.COMMUNE, parent_id, None, unit_id, "2023", since)


PROVINCE = Unit("51", "51", "Tỉnh Quảng Ngãi", "province", Level.PROVINCE, None, None, None, "2023", START)


@pytest.fixture
async def conn(database: Database) -> AsyncIterator[Conn]:
    """A registry with a province and a commune, known since T0."""
    opened = await asyncpg.connect(await database(*REGISTRY.folders))
    await units.save_states(opened, [PROVINCE, a_unit("1")], known_from=T0)
    yield opened
    await opened.close()


async def told(conn: Conn, unit_id: str = "1") -> list[tuple[str, date, date | None]]:
    return [(s.name, s.valid_from, s.valid_to) for s in await units.states(conn, unit_id)]


async def test_a_state_that_ends_holds_until_the_day_before(conn: Conn) -> None:
    await units.end_states(conn, ["1"], on=TURN, known_from=T1, reform_id="r")
    assert await told(conn) == [("Xã Một", START, TURN)]
    assert await units.on_day(conn, "1", TURN - timedelta(days=1)) is not None
    assert await units.on_day(conn, "1", TURN) is None
    assert await units.on_day(conn, "1", TURN, known=T1 - timedelta(seconds=1)) is not None
    assert await units.on_day(conn, "1", TURN, known=T1) is None
    assert await units.on_day(conn, "1", START, known=T0 - timedelta(seconds=1)) is None


async def test_what_would_begin_only_then_is_dropped(conn: Conn) -> None:
    await units.end_states(conn, ["1"], on=START, known_from=T1, reform_id="r")
    assert await told(conn) == []
    assert [k.known_to for k in await units.history(conn, "1")] == [T1]


async def test_a_reform_that_is_taken_back_leaves_all_as_it_was_and_both_on_record(conn: Conn) -> None:
    await units.end_states(conn, ["1"], on=TURN, known_from=T1, reform_id="r")
    renamed = a_unit("1", "Xã Hai", since=TURN)._replace(reform_id="r", edition="")
    await units.save_states(conn, [renamed, a_unit("2", since=TURN)._replace(reform_id="r")], known_from=T1)
    assert [n for n, *_ in await told(conn)] == ["Xã Một", "Xã Hai"]
    await units.restore_states(conn, "r", known_from=T2)
    assert await told(conn) == [("Xã Một", START, None)]
    assert await told(conn, "2") == []
    assert await units.unit(conn, "2") is None
    found = await units.on_day(conn, "1", TURN, known=T1)
    assert found is not None
    assert found.name == "Xã Hai"
    assert len(await units.history(conn, "1")) == 4


async def test_a_reform_on_the_first_day_of_a_state_is_taken_back_too(conn: Conn) -> None:
    await units.end_states(conn, ["1"], on=START, known_from=T1, reform_id="r")
    await units.save_states(conn, [a_unit("1", "Xã Hai")._replace(reform_id="r")], known_from=T1)
    await units.restore_states(conn, "r", known_from=T2)
    assert await told(conn) == [("Xã Một", START, None)]


async def test_a_correction_of_the_ended_state_survives_the_reversal(conn: Conn) -> None:
    await units.end_states(conn, ["1"], on=TURN, known_from=T1, reform_id="r")
    [ended] = await units.states(conn, "1")
    await units.replace_state(conn, ended._replace(name="Xã Đúng"), known_from=T1 + timedelta(hours=1), reason="x")
    await units.restore_states(conn, "r", known_from=T2)
    assert await told(conn) == [("Xã Đúng", START, None)]


async def test_a_second_reform_is_taken_back_without_the_first(conn: Conn) -> None:
    later = date(2025, 7, 1)
    for reform, name, day, at in (("r1", "Xã Hai", TURN, T1), ("r2", "Xã Ba", later, T2)):
        await units.end_states(conn, ["1"], on=day, known_from=at, reform_id=reform)
        await units.save_states(conn, [a_unit("1", name, since=day)._replace(reform_id=reform)], known_from=at)
    await units.restore_states(conn, "r2", known_from=T2 + timedelta(days=1))
    assert await told(conn) == [("Xã Một", START, TURN), ("Xã Hai", TURN, None)]
    await units.restore_states(conn, "r1", known_from=T2 + timedelta(days=2))
    assert await told(conn) == [("Xã Một", START, None)]


async def test_two_states_of_a_unit_never_hold_on_one_day(conn: Conn) -> None:
    with pytest.raises(asyncpg.UniqueViolationError):
        await units.save_states(conn, [a_unit("1", since=TURN)], known_from=T1)


@pytest.mark.parametrize(
    "statement",
    [
        "update unit_version set name = 'Xã Khác'",
        "update unit_version set known_to = now(), code = '9'",
        "update unit_version set valid_to = '2030-01-01'",
        "delete from unit_version",
    ],
)
async def test_the_database_refuses_to_overwrite_a_state(conn: Conn, statement: str) -> None:
    with pytest.raises(asyncpg.RaiseError, match="closed, never changed"):
        await conn.execute(statement)


async def test_a_closed_state_is_closed_for_good(conn: Conn) -> None:
    await units.end_states(conn, ["1"], on=TURN, known_from=T1)
    with pytest.raises(asyncpg.RaiseError):
        await conn.execute("update unit_version set known_to = now() where known_to is not null")


async def test_the_topmost_unit_is_found_at_any_depth(conn: Conn) -> None:
    village = Unit("v", "", "Thôn 1", "hamlet", Level.VILLAGE, "1", None, "1", "", START)
    await units.save_states(conn, [village, a_unit("x", parent_id=None)], known_from=T0)
    assert await units.roots(conn, ["v", "1", "x", "nowhere"], TURN) == {"v": "51", "1": "51", "x": "x"}
    assert [u.unit_id for u in await units.map_of_day(conn, TURN)] == ["51", "1", "v"]
    assert [u.unit_id for u in await units.map_of_day(conn, TURN, root="1")] == ["1", "v"]
    await units.end_states(conn, ["v"], on=TURN, known_from=T1)
    assert [u.unit_id for u in await units.map_of_day(conn, TURN, root="1")] == ["1"]


async def test_an_older_database_keeps_its_units_and_when_they_were_told(database: Database, tmp_path: Path) -> None:
    old = tmp_path / "registry" / "migrations"
    old.mkdir(parents=True)
    shutil.copy(REGISTRY.migrations / "0001_registry.sql", old)
    dsn = await database(db.PRODUCER, db.COMMANDS, old)
    conn = await asyncpg.connect(dsn)
    try:
        rows = [tuple(u)[:10] for u in editions.units("2023")]
        await conn.executemany("insert into unit values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)", rows)
        log = "vn.cds.registry.unit_established.v1", "s", "21400", T0, T0, "", "{}", T0
        await conn.execute("insert into log values (1, 1, 'e', $1, $2, $3, $4, $5, $6, $7, $8)", *log)
        await db.migrate(dsn, REGISTRY.folders)
        assert await units.map_of_day(conn, date(2023, 7, 28)) == _sorted(editions.units("2023"))
        assert {k.known_from for k in await units.history(conn, "21400")} == {T0}
        assert [u.unit_id for u in await units.resolve(conn, None, "mo duc", date(2023, 7, 28))] == ["21400", "533"]
    finally:
        await conn.close()


def _sorted(of: list[Unit]) -> list[Unit]:
    depth = {Level.PROVINCE: 0, Level.DISTRICT: 1, Level.COMMUNE: 2}
    return sorted(of, key=lambda u: (depth[u.level], u.unit_id))
