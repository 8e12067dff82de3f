"""A reform and something else at the same moment, each first: no team is left on an abolished unit, none is lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import httpx
import pytest

from shared.ids import new_id
from tests.service.reforms import AFTER, TRA_BUI, World, villages_merge, world
from tests.support.servers import Nats, Postgres
from tests.support.sheets import TEAM, filled, upload
from tests.support.world import a_member, a_team, ok, refused


@pytest.fixture(scope="module")
async def here(postgres: Postgres, guarded_nats: Nats) -> AsyncIterator[World]:
    async with world(postgres, guarded_nats) as made:
        yield made


class Villages(NamedTuple):
    """Two villages of Trà Bùi, and the one that they become on 1/3/2025."""

    first: str
    second: str
    merged: str
    name: str

    @property
    def plan(self) -> dict[str, Any]:
        """The decision."""
        body = villages_merge(f"r-{new_id()}")
        unit = {**body["successors"][0]["unit"], "unit_id": self.merged, "name": f"{self.name} chung"}
        old = [{"unit_id": self.first}, {"unit_id": self.second}]
        return {"plan": {**body, "successors": [{"unit": unit, "predecessors": old}]}}


@pytest.fixture
async def villages(here: World) -> Villages:
    mark = new_id()
    made = Villages(f"a-{mark}", f"b-{mark}", f"c-{mark}", f"Thôn {mark}")
    for village_id, name in ((made.first, made.name), (made.second, f"{made.name} hai")):
        body = {"village_id": village_id, "name": name, "kind": "hamlet", "parent_id": TRA_BUI}
        await ok(here.officer.post("/registry/villages", json={**body, "valid_from": "2023-07-03"}), 201)
    return made


@asynccontextmanager
async def stopped_at(here: World, table: str) -> AsyncIterator[Callable[[int], Awaitable[None]]]:
    """Whoever writes to a table waits until the end of the block; the function waits until so many wait for a lock."""
    service = here.running.services["registry"]
    async with service.pool.acquire() as conn, conn.transaction():
        await conn.execute(f"lock table {table} in share mode")

        async def until(waiting: int) -> None:
            for _ in range(500):
                # Who waits for this block, or for one who does: others wait for moments, as for turns to notify.
                await conn.execute("select pg_stat_clear_snapshot()")  # else whoever connects later stays unseen
                asked = "with recursive held as (select pg_backend_pid() as pid union select a.pid"
                asked += " from pg_stat_activity a join held h on h.pid = any(pg_blocking_pids(a.pid))"
                asked += " where a.datname = current_database() and a.backend_type = 'client backend')"
                if await conn.fetchval(asked + " select count(*) - 1 from held") >= waiting:
                    return
                await asyncio.sleep(0.01)
            raise TimeoutError(f"fewer than {waiting} wait")

        yield until


Answer = Coroutine[Any, Any, httpx.Response]
Command = Callable[[World, Villages], Awaitable[tuple[str, str, Callable[[], Answer]]]]
"""Prepares; answers with the team, the table that the command writes to, and the command."""


async def forming(here: World, villages: Villages) -> tuple[str, str, Callable[[], Answer]]:
    body = a_team(TRA_BUI, "village", village=villages.name, village_id=villages.first)
    return body["team_id"], "team", lambda: here.officer.post("/registry/teams", json=body)


async def moving(here: World, villages: Villages) -> tuple[str, str, Callable[[], Answer]]:
    body = a_team(TRA_BUI)
    await ok(here.officer.post("/registry/teams", json=body), 201)
    move = {"unit_id": TRA_BUI, "level": "village", "village": villages.name, "village_id": villages.first}
    path, move = f"/registry/teams/{body['team_id']}/move", {**move, "effective_on": "2024-05-01"}
    return body["team_id"], "team_place", lambda: here.officer.post(path, json=move)


async def joining(here: World, villages: Villages) -> tuple[str, str, Callable[[], Answer]]:
    team_id, _, form = await forming(here, villages)
    await ok(form(), 201)
    path = f"/registry/teams/{team_id}/members"
    return team_id, "membership", lambda: here.officer.post(path, json=a_member(joined_on="2025-04-01"))


async def importing(here: World, villages: Villages) -> tuple[str, str, Callable[[], Answer]]:
    line = {**TEAM, "team_name": f"Tổ {villages.name}", "level": "Cấp thôn", "unit": "Xã Trà Bùi",
            "village": villages.name, "full_name": "Nguyễn Văn Bình"}  # fmt: skip
    checked = await upload(here.officer, filled([line]))
    assert checked["summary"]["new"] == 1, checked
    path = f"/registry/imports/{checked['import_id']}/commit"
    return "", "team", lambda: here.officer.post(path, json={"mode": "all_or_nothing"})


async def follows(here: World, team_id: str, villages: Villages) -> None:
    """The team is at the merged village today, at its own village the day before, and nowhere twice."""
    async with here.running.services["registry"].pool.acquire() as conn:
        found = await conn.fetch(
            "select p.village_id, p.valid_from::text, p.valid_to::text, t.village_id as now from team_place p"
            " join team t using (team_id) where p.known_to is null and (p.team_id = $1 or ($1 = '' and t.name = $2))"
            " and p.village_id is not null order by p.valid_from",
            team_id,
            f"Tổ {villages.name}",
        )
    assert [r["village_id"] for r in found] == [villages.first, villages.merged]
    assert [r["valid_to"] for r in found] == ["2025-03-01", None]
    assert {r["now"] for r in found} == {villages.merged}


COMMANDS = pytest.mark.parametrize("command", [forming, moving, joining, importing])


@COMMANDS
async def test_what_comes_while_a_reform_is_under_way_waits_and_follows_it(
    here: World, villages: Villages, command: Command
) -> None:
    team_id, _, send = await command(here, villages)
    async with stopped_at(here, "reform") as until:
        reform = asyncio.create_task(here.officer.post("/registry/reforms", json=villages.plan))
        await until(1)
        other = asyncio.create_task(send())
        await until(2)
        assert not other.done(), "it does not pass a reform that has changed everything and has not ended"
    assert (await reform).status_code == 201
    assert (await other).is_success, (await other).text
    await follows(here, team_id, villages)


@COMMANDS
async def test_a_reform_waits_for_what_is_under_way_and_takes_it_along(
    here: World, villages: Villages, command: Command
) -> None:
    team_id, table, send = await command(here, villages)
    async with stopped_at(here, table) as until:
        other = asyncio.create_task(send())
        await until(1)
        reform = asyncio.create_task(here.officer.post("/registry/reforms", json=villages.plan))
        await until(2)
        assert not reform.done()
    assert (await other).is_success, (await other).text
    assert (await reform).status_code == 201, (await reform).text
    await follows(here, team_id, villages)


async def test_a_joining_is_told_with_the_unit_of_its_day_whoever_was_first(here: World, villages: Villages) -> None:
    team_id, _, send = await joining(here, villages)
    async with stopped_at(here, "reform") as until:
        reform = asyncio.create_task(here.officer.post("/registry/reforms", json=villages.plan))
        await until(1)
        other = asyncio.create_task(send())
        await until(2)
    assert ((await reform).status_code, (await other).status_code) == (201, 201)
    [row] = await here.ask(f"select count(*) from membership where team_id = '{team_id}'")
    assert row == (1,)


async def test_a_team_that_would_begin_at_an_abolished_village_is_refused_whoever_was_first(
    here: World, villages: Villages
) -> None:
    body = a_team(TRA_BUI, "village", village=villages.name, village_id=villages.first)
    body |= {"decision_date": "2025-03-02", "formed_on": "2025-03-02"}
    async with stopped_at(here, "reform") as until:
        reform = asyncio.create_task(here.officer.post("/registry/reforms", json=villages.plan))
        await until(1)
        other = asyncio.create_task(here.officer.post("/registry/teams", json=body))
        await until(2)
    assert (await reform).status_code == 201
    assert (await other).status_code == 422
    [row] = await here.ask(f"select count(*) from team where team_id = '{body['team_id']}'")
    assert row == (0,)


async def test_of_two_reforms_of_the_same_units_one_wins_and_the_other_changes_nothing(
    here: World, villages: Villages
) -> None:
    other = villages._replace(merged=f"d-{new_id()}")
    async with stopped_at(here, "reform") as until:
        sent = [
            asyncio.create_task(here.officer.post("/registry/reforms", json=plan))
            for plan in (villages.plan, other.plan)
        ]
        await until(2)
    answers = [await task for task in sent]
    assert sorted(a.status_code for a in answers) == [201, 422]
    [lost] = [a for a in answers if a.status_code == 422]
    refused(lost, 422, "newer_state", "plan.effective_on")
    made = [u.unit_id for u in await here.map(AFTER.date()) if u.unit_id in (villages.merged, other.merged)]
    assert len(made) == 1


async def test_the_same_reform_twice_at_once_happens_once(here: World, villages: Villages) -> None:
    plan = villages.plan
    async with stopped_at(here, "reform") as until:
        sent = [asyncio.create_task(here.officer.post("/registry/reforms", json=plan)) for _ in range(3)]
        await until(3)
    answers = [await task for task in sent]
    assert {(a.status_code, a.text) for a in answers} == {(201, answers[0].text)}
