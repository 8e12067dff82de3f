"""Thousands of commands by concurrent phones while servers and services are killed: nothing lost, nothing twice."""

from __future__ import annotations

import asyncio
import random
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from services.courses.on_registry import PROJECTION as KNOWN_TO_COURSES
from services.outreach.on_registry import roster
from services.reporting.projections import PROJECTIONS as REPORTED
from shared import bus, db, event_log
from shared.auth import Role
from shared.cloudevents import decode
from shared.contracts import Event, parse
from shared.contracts.courses import QuizFailed, QuizPassed
from shared.contracts.outreach import CitizenGuided, GuidanceWithdrawn
from shared.contracts.registry import MemberJoined
from shared.follow import Follower
from shared.ids import new_id
from shared.projection.builds import Workshop
from shared.wire import StreamClient
from tests.support.processes import Processes
from tests.support.servers import Nats, Postgres
from tests.support.stack import PASSWORDS, nats_config

COMMANDS = 3000
PHONES, OFFICERS, LEARNERS = 14, 2, 3
MEMBERS = 24
SERVICES = ("registry", "outreach", "courses", "reporting")
PROJECTIONS = {"outreach": (roster,), "courses": (KNOWN_TO_COURSES,), "reporting": REPORTED}


@pytest.fixture
async def system(
    tmp_path: Path,
    fresh_postgres: Callable[..., Awaitable[Postgres]],
    fresh_nats: Callable[..., Awaitable[Nats]],
) -> AsyncIterator[Processes]:
    found = Processes([*SERVICES], await fresh_postgres(), await fresh_nats(nats_config()), tmp_path)
    try:
        await found.start()
        yield found
    finally:
        found.stop()


class Ledger:
    """What people sent and what they were told, by kind of event and id."""

    def __init__(self) -> None:
        self.sent: defaultdict[str, set[str]] = defaultdict(set)
        self.acknowledged: defaultdict[str, set[str]] = defaultdict(set)
        self.answers: Counter[int] = Counter()
        self.interrupted = 0
        self.commands = 0


class People:
    """Whoever sends commands until enough were sent and nothing breaks any more."""

    def __init__(self, system: Processes, team_id: str, members: list[str]) -> None:
        self.system, self.team_id, self.members = system, team_id, members
        self.ledger, self.faults_over = Ledger(), asyncio.Event()
        self.ledger.sent["member_joined"].update(members)

    def at_work(self) -> bool:
        """Whether more is to be sent."""
        return self.ledger.commands < COMMANDS or not self.faults_over.is_set()

    async def phone(self, seed: int) -> None:
        """Sends batches, each again and again until it is answered; sometimes gives one up, sometimes withdraws."""
        dice = random.Random(seed)
        async with self.system.client(Role.PROVINCE_OFFICER, units=["51"]) as client:
            while self.at_work():
                items = [_item(dice, self.members) for _ in range(dice.randint(1, 3))]
                ids = [i["guidance_id"] for i in items]
                batch = {"campaign_id": "c", "items": items}
                tries = dice.choice((2, 60, 60, 60))
                taken = await self._send(client, "citizen_guided", ids, "/outreach/guidances", batch, tries)
                if taken and dice.random() < 0.15:
                    path = f"/outreach/guidances/{ids[0]}/withdraw"
                    await self._send(client, "guidance_withdrawn", ids[:1], path, {"reason": "duplicate"}, 60)

    async def officer(self, seed: int) -> None:
        """Has people join the team, one every now and then."""
        dice = random.Random(100 + seed)
        async with self.system.client(Role.PROVINCE_OFFICER, units=["51"]) as client:
            while self.at_work():
                path, person = f"/registry/teams/{self.team_id}/members", _person()
                await self._send(client, "member_joined", [person["member_id"]], path, person, dice.choice((2, 60)))
                await asyncio.sleep(0.02)

    async def learner(self, seed: int) -> None:
        """Takes the course again and again, with right and with wrong answers."""
        dice = random.Random(200 + seed)
        async with self.system.client(Role.LEARNER, subject=f"learner-{seed}") as client:
            await _ok(client.post(self.system.url("/courses/courses/dvc/enrolments"), json={}))
            while self.at_work():
                attempt, path = new_id(), "/courses/courses/dvc/attempts"
                sheet = {"attempt_id": attempt, "answers": {"q": [dice.choice("ab")]}}
                await self._send(client, "quiz", [attempt], path, sheet, dice.choice((2, 60)))
                await asyncio.sleep(0.02)

    async def _send(
        self, client: httpx.AsyncClient, what: str, ids: list[str], path: str, body: dict[str, Any], tries: int
    ) -> bool:
        """Sends until it is answered; says whether it was."""
        ledger = self.ledger
        ledger.sent[what].update(ids)
        for _ in range(tries):
            ledger.commands += 1
            try:
                answer = await client.post(self.system.url(path), json=body, timeout=5)
            except httpx.HTTPError:
                ledger.interrupted += 1
                await asyncio.sleep(0.2)
                continue
            ledger.answers[answer.status_code] += 1
            if answer.status_code in {200, 201}:
                receipts = answer.json().get("receipts", [])
                assert {r["result"] for r in receipts} <= {"accepted", "already_had"}, receipts
                ledger.acknowledged[what].update(ids)
                return True
            assert answer.status_code == 503, answer.text
            await asyncio.sleep(0.2)
        return False


async def _set_up(system: Processes) -> People:
    """One team and its members, one campaign, one course."""
    people = [_person() for _ in range(MEMBERS)]
    async with system.client(Role.PROVINCE_OFFICER, units=["51"]) as officer:
        await _ok(officer.post(system.url("/registry/editions/2023")))
        team = {"team_id": new_id(), "name": "Tổ", "level": "commune", "unit_id": "21400", "decision_number": "1"}
        days = {"decision_date": "2023-07-01", "formed_on": "2023-07-01"}
        await _ok(officer.post(system.url("/registry/teams"), json={**team, **days}))
        pos = ""
        for person in people:
            path = f"/registry/teams/{team['team_id']}/members"
            pos = (await _ok(officer.post(system.url(path), json=person)))["pos"]
        campaign = {
            "campaign_id": "c", "name": "C", "launched_on": "2023-07-28", "report_due_on": "2023-08-15",
            "topics": [{"code": "t", "name_vi": "T", "name_en": "T"}], "reporting_unit_ids": ["533"],
        }  # fmt: skip
        await _ok(officer.post(system.url("/outreach/campaigns"), json=campaign, params={"min_pos": pos}))
        question = {"question_id": "q", "text": "?", "right": ["a"], "options": _options("a", "b")}
        course = {"course_id": "dvc", "title": "D", "pass_mark": 1, "opens_on": "2023-07-28", "questions": [question]}
        await _ok(officer.post(system.url("/courses/courses"), json=course))
    return People(system, team["team_id"], [p["member_id"] for p in people])


def _options(*ids: str) -> list[dict[str, str]]:
    return [{"option_id": i, "text": i} for i in ids]


def _person() -> dict[str, str]:
    return {"member_id": new_id(), "full_name": "A", "joined_on": "2023-07-02"}


async def _ok(answer: Awaitable[httpx.Response]) -> dict[str, Any]:
    response = await answer
    assert response.status_code in {200, 201}, response.text
    body: dict[str, Any] = response.json()
    return body


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
    for fault in ("nats", "outreach", "postgres", "reporting", "registry", "nats", "courses", "postgres", "outreach"):
        await asyncio.sleep(1.5)
        if fault in {"nats", "postgres"}:
            server = system.nats if fault == "nats" else system.postgres
            server.kill()
            await asyncio.sleep(0.5)
            await server.start()
        else:
            service = system.services[fault]
            service.kill()
            await asyncio.sleep(0.3)
            service.start()
            await service.ready()
    done.set()


@pytest.mark.slow
@pytest.mark.timeout(240)
async def test_every_acknowledged_command_counts_exactly_once_whatever_is_killed(system: Processes) -> None:
    people = await _set_up(system)
    ledger = people.ledger

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(_break_everything(system, people.faults_over))
        for work, count in ((people.phone, PHONES), (people.officer, OFFICERS), (people.learner, LEARNERS)):
            for seed in range(count):
                tasks.create_task(work(seed))

    assert ledger.commands >= COMMANDS
    assert ledger.interrupted > 0, "nobody noticed anything: the faults did not happen"
    assert set(ledger.answers) <= {200, 201, 503}
    events = await _logged(system)
    for what, ids in events.items():
        times = Counter(ids)
        assert ids, f"no {what}: nothing was proved"
        assert not [i for i, n in times.items() if n > 1], f"a {what} is in the log twice"
        assert ledger.acknowledged[what] <= set(times), f"an acknowledged {what} is lost"
        assert set(times) <= ledger.sent[what], f"the log holds a {what} that nobody sent"
    for service in SERVICES[:3]:
        await _stream_equals_log(system, service)
    await _read_models_are_exact(system, events)


KINDS: dict[type[Event], tuple[str, str]] = {
    MemberJoined: ("member_joined", "member_id"),
    CitizenGuided: ("citizen_guided", "guidance_id"),
    GuidanceWithdrawn: ("guidance_withdrawn", "guidance_id"),
    QuizPassed: ("quiz", "attempt_id"),
    QuizFailed: ("quiz", "attempt_id"),
}
"""What people sent, by the event that it became, and the id that they gave it."""
STATE = {
    "member_joined": ("registry", "select member_id from membership"),
    "citizen_guided": ("outreach", "select guidance_id from guidance"),
    "guidance_withdrawn": ("outreach", "select guidance_id from guidance where withdrawn_at is not null"),
    "quiz": ("courses", "select attempt_id from attempt"),
}


async def _logged(system: Processes) -> dict[str, list[str]]:
    """The ids in the logs by kind; the state of the services says the same."""
    found: dict[str, list[str]] = {what: [] for what in STATE}
    for service in SERVICES[:3]:
        async with _connected(system, service) as conn:
            for row in await event_log.read(conn, after=0, limit=1_000_000):
                event = parse(row.type, row.payload)
                if kind := KINDS.get(type(event)):
                    found[kind[0]].append(getattr(event, kind[1]))
    for what, (service, statement) in STATE.items():
        async with _connected(system, service) as conn:
            stored = [row[0] for row in await conn.fetch(statement)]
        assert sorted(stored) == sorted(found[what]), f"state and events of {what} disagree"
    return found


@asynccontextmanager
async def _connected(system: Processes, service: str) -> AsyncIterator[db.Conn]:
    conn = await asyncpg.connect(system.postgres.dsn(service))
    try:
        yield conn
    finally:
        await conn.close()


async def _stream_equals_log(system: Processes, service: str) -> None:
    """Waits for the relay, then compares row for row."""
    client = await bus.connect(system.nats.url, user=bus.OPS, password=PASSWORDS[bus.OPS])
    try:
        async with _connected(system, service) as conn:
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


async def _read_models_are_exact(system: Processes, events: dict[str, list[str]]) -> None:
    overview = await _overview(system)
    live = set(events["citizen_guided"]) - set(events["guidance_withdrawn"])
    assert (overview["sessions"], overview["withdrawn"]) == (len(live), len(events["guidance_withdrawn"]))
    async with _connected(system, "outreach") as conn:
        rows = await conn.fetch("select distinct citizen_ref from guidance where withdrawn_at is null")
    assert overview["citizens"] == len(rows)
    assert overview["members"]["total"] == len(events["member_joined"])
    assert (overview["courses"]["enrolled"], overview["courses"]["attempts"]) == (LEARNERS, len(events["quiz"]))
    for service, projections in PROJECTIONS.items():
        pool = await db.open_pool(system.postgres.dsn(service), size=4)
        client = await bus.connect(system.nats.url, user=service, password=PASSWORDS[service])
        try:
            for projection in projections:
                comparison = await Workshop(pool, client, service, "51").verify(projection)
                assert comparison.total == 0, comparison.differences
        finally:
            await client.close()
            await pool.close()


async def _overview(system: Processes) -> dict[str, Any]:
    """The province's numbers, once they count all that is in the logs."""
    ends = []
    for service in SERVICES[:3]:
        async with _connected(system, service) as conn:
            ends.append(f"{service}:{await event_log.last_pos(conn)}")
    async with system.client() as anyone, asyncio.timeout(60):
        while True:
            answer = await anyone.get(system.url("/reporting/overview"), params={"min_pos": ",".join(ends)})
            if answer.status_code == 200:
                found: dict[str, Any] = answer.json()
                return found
            assert answer.status_code == 503, answer.text
            await asyncio.sleep(0.2)
