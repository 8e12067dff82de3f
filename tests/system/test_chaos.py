"""Thousands of commands by concurrent phones while servers and services are killed: nothing lost, nothing twice."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from services.reporting.projections import PROJECTIONS
from shared import bus, db, event_log
from shared.auth import Role
from shared.cloudevents import decode
from shared.contracts import parse
from shared.contracts.outreach import CitizenGuided
from shared.follow import Follower
from shared.ids import new_id
from shared.projection.builds import Workshop
from shared.wire import StreamClient
from tests.support.processes import Processes
from tests.support.servers import Nats, Postgres
from tests.support.stack import PASSWORDS, nats_config

COMMANDS = 3000
PHONES = 16
MEMBERS = 24


@pytest.fixture
async def system(
    tmp_path: Path,
    fresh_postgres: Callable[..., Awaitable[Postgres]],
    fresh_nats: Callable[..., Awaitable[Nats]],
) -> AsyncIterator[Processes]:
    found = Processes(
        ["registry", "outreach", "reporting"], await fresh_postgres(), await fresh_nats(nats_config()), tmp_path
    )
    try:
        await found.start()
        yield found
    finally:
        found.stop()


class Ledger:
    """What the phones sent and what they were told."""

    def __init__(self) -> None:
        self.sent: set[str] = set()
        self.acknowledged: set[str] = set()
        self.answers: Counter[int] = Counter()
        self.interrupted = 0
        self.commands = 0


async def _set_up(system: Processes) -> list[str]:
    """One team and its members, one campaign; answers with the members' ids."""
    members = [new_id() for _ in range(MEMBERS)]
    async with system.client(Role.PROVINCE_OFFICER, units=["51"]) as officer:
        await _ok(officer.post(system.url("/registry/editions/2023")))
        team = {"team_id": new_id(), "name": "Tổ", "level": "commune", "unit_id": "21400", "decision_number": "1"}
        days = {"decision_date": "2023-07-01", "formed_on": "2023-07-01"}
        await _ok(officer.post(system.url("/registry/teams"), json={**team, **days}))
        pos = ""
        for member in members:
            person = {"member_id": member, "full_name": "A", "joined_on": "2023-07-02"}
            path = f"/registry/teams/{team['team_id']}/members"
            pos = (await _ok(officer.post(system.url(path), json=person)))["pos"]
        campaign = {
            "campaign_id": "c", "name": "C", "launched_on": "2023-07-28", "report_due_on": "2023-08-15",
            "topics": [{"code": "t", "name_vi": "T", "name_en": "T"}], "reporting_unit_ids": ["533"],
        }  # fmt: skip
        await _ok(officer.post(system.url("/outreach/campaigns"), json=campaign, params={"min_pos": pos}))
    return members


async def _ok(answer: Awaitable[httpx.Response]) -> dict[str, Any]:
    response = await answer
    assert response.status_code in {200, 201}, response.text
    body: dict[str, Any] = response.json()
    return body


async def _phone(system: Processes, ledger: Ledger, members: list[str], seed: int, faults_over: asyncio.Event) -> None:
    """Sends batches, each again and again until it is answered; sometimes gives one up, as people do."""
    dice = random.Random(seed)
    async with system.client(Role.PROVINCE_OFFICER, units=["51"]) as client:
        while ledger.commands < COMMANDS or not faults_over.is_set():
            items = [_item(dice, members) for _ in range(dice.randint(1, 3))]
            ledger.sent.update(i["guidance_id"] for i in items)
            await _send(system, client, ledger, items, tries=dice.choice((2, 60, 60, 60)))


async def _send(
    system: Processes, client: httpx.AsyncClient, ledger: Ledger, items: list[dict[str, Any]], tries: int
) -> None:
    for _ in range(tries):
        ledger.commands += 1
        try:
            answer = await client.post(
                system.url("/outreach/guidances"), json={"campaign_id": "c", "items": items}, timeout=5
            )
        except httpx.HTTPError:
            ledger.interrupted += 1
            await asyncio.sleep(0.2)
            continue
        ledger.answers[answer.status_code] += 1
        if answer.status_code == 200:
            receipts = answer.json()["receipts"]
            assert {r["result"] for r in receipts} <= {"accepted", "already_had"}, receipts
            ledger.acknowledged.update(r["guidance_id"] for r in receipts)
            return
        assert answer.status_code == 503, answer.text
        await asyncio.sleep(0.2)


def _item(dice: random.Random, members: list[str]) -> dict[str, Any]:
    return {
        "guidance_id": new_id(),
        "member_id": dice.choice(members),
        "occurred_at": f"2023-07-{dice.randint(28, 31)}T12:00:00+07:00",
        "citizen": {"phone": f"0100{dice.randint(0, 999):06}"},
        "topics": ["t"],
    }


async def _break_everything(system: Processes, done: asyncio.Event) -> None:
    """Kills each part at least once, some twice, without warning; starts it again a moment later."""
    outreach, reporting = system.services["outreach"], system.services["reporting"]
    for fault in ("nats", "outreach", "postgres", "reporting", "nats", "postgres", "outreach"):
        await asyncio.sleep(1.5)
        if fault in {"nats", "postgres"}:
            server = system.nats if fault == "nats" else system.postgres
            server.kill()
            await asyncio.sleep(0.5)
            await server.start()
        else:
            service = outreach if fault == "outreach" else reporting
            service.kill()
            await asyncio.sleep(0.3)
            service.start()
            await service.ready()
    done.set()


@pytest.mark.slow
@pytest.mark.timeout(240)
async def test_every_acknowledged_command_counts_exactly_once_whatever_is_killed(system: Processes) -> None:
    ledger, done = Ledger(), asyncio.Event()
    members = await _set_up(system)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(_break_everything(system, done))
        for seed in range(PHONES):
            tasks.create_task(_phone(system, ledger, members, seed, done))

    assert ledger.commands >= COMMANDS
    assert ledger.interrupted > 0, "no phone noticed anything: the faults did not happen"
    assert set(ledger.answers) <= {200, 503}
    guided = await _guided(system)
    times = Counter(e.guidance_id for e in guided)
    assert not [i for i, n in times.items() if n > 1], "an event is in the log twice"
    assert ledger.acknowledged <= set(times), "an acknowledged guidance is lost"
    assert set(times) <= ledger.sent, "the log holds what nobody sent"
    await _stream_equals_log(system, "outreach")
    await _stream_equals_log(system, "registry")
    await _read_models_are_exact(system, guided)


async def _guided(system: Processes) -> list[CitizenGuided]:
    conn = await asyncpg.connect(system.postgres.dsn("outreach"))
    try:
        rows = await event_log.read(conn, after=0, limit=1_000_000)
        stored = await conn.fetchval("select count(*) from guidance")
    finally:
        await conn.close()
    events = [parse(r.type, r.payload) for r in rows]
    guided = [e for e in events if isinstance(e, CitizenGuided)]
    assert stored == len(guided), "state and events disagree"
    return guided


async def _stream_equals_log(system: Processes, service: str) -> None:
    """Waits for the relay, then compares row for row."""
    client = await bus.connect(system.nats.url, user=bus.OPS, password=PASSWORDS[bus.OPS])
    conn = await asyncpg.connect(system.postgres.dsn(service))
    try:
        last = await event_log.last_pos(conn)
        async with asyncio.timeout(30):
            while True:
                state = await bus.stream_state(client, service, "51")
                if state and state["last_seq"] == last:
                    break
                await asyncio.sleep(0.1)
        rows = await event_log.read(conn, after=0, limit=1_000_000)
        assert await _ids_on_stream(client, service, last) == [row.event_id for row in rows]
    finally:
        await conn.close()
        await client.close()


async def _ids_on_stream(client: StreamClient, service: str, last: int) -> list[str]:
    """`ce-id` of every message, in the order of their sequences, which the follower proves to have no gap."""
    found: list[str] = []
    async with aclosing(Follower(client, service, "51").batches(0)) as batches:
        async for batch in batches:
            found += [decode(service, message).id for message in batch.messages]
            if batch.last >= last:
                return found
    return found


async def _read_models_are_exact(system: Processes, guided: list[CitizenGuided]) -> None:
    async with system.client() as anyone:
        pos = await _last_pos(system, "outreach")
        wanted = {"min_pos": f"outreach:{pos}"}
        async with asyncio.timeout(60):
            while (answer := await anyone.get(system.url("/reporting/overview"), params=wanted)).status_code == 503:
                await asyncio.sleep(0.2)
    overview = answer.json()
    assert overview["sessions"] == len(guided)
    assert overview["citizens"] == len({e.citizen_ref for e in guided})
    pool = await db.open_pool(system.postgres.dsn("reporting"), size=4)
    client = await bus.connect(system.nats.url, user="reporting", password=PASSWORDS["reporting"])
    try:
        workshop = Workshop(pool, client, "reporting", "51")
        for projection in PROJECTIONS:
            if "courses" in projection.follows:
                continue  # that service does not run here
            comparison = await workshop.verify(projection)
            assert comparison.total == 0, comparison.differences
    finally:
        await client.close()
        await pool.close()


async def _last_pos(system: Processes, service: str) -> int:
    conn = await asyncpg.connect(system.postgres.dsn(service))
    try:
        return await event_log.last_pos(conn)
    finally:
        await conn.close()
