"""A producer with its log, a reader with its read model, and what must be true of them after every calamity."""

from __future__ import annotations

import asyncio
import random
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, date, datetime
from typing import Any

import nats

from shared import bus, db, event_log
from shared.contracts import Recorded, parse
from shared.contracts.reform import Level
from shared.contracts.registry import TeamFormed
from shared.db import Conn, Pool
from shared.ids import new_id
from shared.projection import Projection, fold_all
from shared.projection.worker import Projector
from shared.relay import Relay, Source
from shared.wire import StreamClient
from tests.support import tally

PROVINCE = "51"
SOURCE = Source("registry", PROVINCE)
STREAM = "REGISTRY_51"
PRODUCER_FOLDERS = (db.PRODUCER,)
READER_FOLDERS = (db.FOLLOWER, tally.MIGRATIONS)
NOW = datetime(2023, 7, 28, 1, 0, tzinfo=UTC)


def formed(team_id: str, number: int, *, unit_id: str = "533") -> TeamFormed:
    """The `number`-th event of a team."""
    return TeamFormed(
        occurred_at=NOW, team_id=team_id, name="Tổ", level=Level.DISTRICT, unit_id=unit_id, district_id=unit_id,
        decision_number=str(number), decision_date=date(2023, 7, 28), formed_on=date(2023, 7, 28),
    )  # fmt: skip


async def append(conn: Conn, *events: TeamFormed) -> None:
    """Stages events as a use case does."""
    await event_log.append(conn, events, province=PROVINCE, recorded_at=datetime.now(UTC), new_id=new_id)


async def write(pool: Pool, count: int, *, team: str = "t", start: int = 1) -> None:
    """`count` events of one team in one committed transaction."""
    async with pool.acquire() as conn, conn.transaction():
        await append(conn, *(formed(team, start + n) for n in range(count)))


class Writers:
    """Concurrent commands on a few aggregates: row lock, late commits, 2 % rollbacks. Remembers what was committed."""

    def __init__(self, pool: Pool, *, teams: int = 8, seed: int = 1) -> None:
        self._pool, self._random = pool, random.Random(seed)
        self._teams = [f"team-{n}" for n in range(teams)]
        self.committed: dict[str, int] = {}

    async def prepare(self) -> None:
        """The aggregates' own table."""
        async with self._pool.acquire() as conn:
            await conn.execute("create table aggregate (id text primary key, version int not null)")
            await conn.executemany("insert into aggregate values ($1, 0)", [(t,) for t in self._teams])

    async def run(self, count: int, *, tasks: int = 6, pause: float = 0.0) -> None:
        """`count` commands, from several tasks; what an absent database refused counts too."""
        async with asyncio.TaskGroup() as group:
            for _ in range(tasks):
                group.create_task(self._some(iter(range(count // tasks)), pause))

    async def until(self, stop: asyncio.Event, *, tasks: int = 6, pause: float = 0.0) -> None:
        """Commands until the event is set."""
        async with asyncio.TaskGroup() as group:
            for _ in range(tasks):
                group.create_task(self._some(iter(lambda: int(stop.is_set()), 1), pause))

    async def _some(self, commands: Iterator[int], pause: float) -> None:
        for _ in commands:
            team, version = self._random.choice(self._teams), 0
            try:
                version = await self._command(team)
            except _Refused:
                continue
            except db.INFRASTRUCTURE_ERRORS:
                await asyncio.sleep(0.05)  # the answer was lost: committed or not, only the database knows
                continue
            self.committed[team] = max(version, self.committed.get(team, 0))
            if pause:
                await asyncio.sleep(pause * self._random.random())

    async def _command(self, team: str) -> int:
        async with self._pool.acquire() as conn, conn.transaction():
            version = await conn.fetchval(
                "update aggregate set version = version + 1 where id = $1 returning version", team
            )
            await append(conn, formed(team, version))
            dice = self._random.random()
            if dice < 0.02:
                raise _Refused
            if dice < 0.10:
                await asyncio.sleep(0.02 * self._random.random())  # others stage later and commit earlier
            return int(version)


class _Refused(Exception):
    """Rolls a command back."""


@asynccontextmanager
async def running(*works: Awaitable[None]) -> AsyncIterator[list[asyncio.Task[None]]]:
    """Background work for the time of a block; it must end when it is cancelled, and must not die before."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        yield tasks
        for task in tasks:
            assert not task.done(), f"background work died: {task}"
    finally:
        for task in tasks:
            task.cancel()
        async with asyncio.timeout(10):
            await asyncio.gather(*tasks, return_exceptions=True)


def relay(pool: Pool, client: StreamClient, *, ack_timeout: float = 2.0) -> Relay:
    """A relay of the producer, quick to doubt."""
    return Relay(pool, client, SOURCE, poll=0.05, ack_timeout=ack_timeout)


def projector(pool: Pool, client: StreamClient, *projections: Projection, max_batch: int = 200) -> Projector:
    """A projector of the reader."""
    return Projector(pool, client, "reporting", PROVINCE, projections or (tally.TALLY,), max_batch=max_batch)


async def eventually(condition: Callable[[], Awaitable[bool]], seconds: float = 15.0, what: str = "condition") -> None:
    """Waits until it holds; infrastructure may be away meanwhile."""
    deadline = time.monotonic() + seconds
    while True:
        with suppress(*db.INFRASTRUCTURE_ERRORS, *bus.NATS_ERRORS):
            async with asyncio.timeout(3):
                if await condition():
                    return
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        await asyncio.sleep(0.02)


async def relayed(pool: Pool, client: StreamClient, seconds: float = 15.0) -> int:
    """Waits until everything committed is on the stream; answers with how much that is."""

    async def level() -> bool:
        state = await bus.stream_state(client, "registry", PROVINCE)
        async with pool.acquire() as conn:
            waiting = await conn.fetchval("select count(*) from stage")
            return not waiting and state is not None and state["last_seq"] == await event_log.last_pos(conn)

    await eventually(level, seconds, "stream level with log")
    async with pool.acquire() as conn:
        return await event_log.last_pos(conn)


async def folded(reader: Pool, pos: int, seconds: float = 15.0) -> None:
    """Waits until the read model has reached a position."""

    async def level() -> bool:
        async with reader.acquire() as conn:
            found = await conn.fetchval("select min(pos) from checkpoint where stream = 'registry'")
            return bool(found == pos)

    await eventually(level, seconds, f"read model at {pos}")


async def stream_rows(url: str) -> list[tuple[int, str, str, str, str, str]]:
    """The whole stream as nats-py's own ordered consumer reads it: sequence, pos, id, type, subject, payload."""
    client = await nats.connect(url)
    try:
        context = client.jetstream()
        last = (await context.stream_info(STREAM)).state.last_seq
        rows: list[tuple[int, str, str, str, str, str]] = []
        if last:
            subscription = await context.subscribe("", stream=STREAM, ordered_consumer=True)
            while not rows or rows[-1][0] < last:
                m = await subscription.next_msg(timeout=5)
                h, sequence = m.headers or {}, m.metadata.sequence.stream
                rows.append((sequence, h["ce-pos"], h["ce-id"], h["ce-type"], m.subject, m.data.decode()))
        return rows
    finally:
        await client.close()


async def log_rows(pool: Pool) -> list[tuple[int, str, str, str, str, str]]:
    """The whole log in the shape of `stream_rows`."""
    async with pool.acquire() as conn:
        rows = await conn.fetch("select pos, event_id, type, subject, payload from log order by pos")
    return [(r["pos"], str(r["pos"]), r["event_id"], r["type"], r["subject"], r["payload"]) for r in rows]


async def assert_stream_is_log(pool: Pool, url: str) -> list[tuple[int, str, str, str, str, str]]:
    """Row for row, positions 1, 2, 3 … without a gap, no event twice; answers with the rows."""
    log, stream = await log_rows(pool), await stream_rows(url)
    assert len(stream) == len(log)
    assert [pair for pair in zip(stream, log, strict=True) if pair[0] != pair[1]] == []
    assert [row[0] for row in log] == list(range(1, len(log) + 1))
    assert len({row[2] for row in log}) == len(log)
    return log


async def assert_order(pool: Pool, writers: Writers | None = None) -> None:
    """Each aggregate's events are in the log as 1, 2, 3 …; with `writers`, exactly what the aggregates' table says."""
    versions: dict[str, int] = {}
    for row in await log_rows(pool):
        event = parse(row[3], row[5])
        assert isinstance(event, TeamFormed)
        assert int(event.decision_number) == versions.get(event.team_id, 0) + 1, f"{event.team_id} at {row[0]}"
        versions[event.team_id] = int(event.decision_number)
    if writers is None:
        return
    async with pool.acquire() as conn:
        state = {r["id"]: r["version"] for r in await conn.fetch("select * from aggregate where version > 0")}
    assert versions == state
    assert all(versions[team] >= version for team, version in writers.committed.items())


async def recorded(pool: Pool) -> list[Recorded]:
    """The log as a reader gets it."""
    async with pool.acquire() as conn:
        rows = await event_log.read(conn, after=0, limit=1_000_000)
    return [Recorded("registry", r.pos, r.event_id, r.recorded_at, parse(r.type, r.payload)) for r in rows]


async def read_model(
    reader: Pool, projection: Projection = tally.TALLY
) -> dict[str, dict[tuple[object, ...], tuple[Any, ...]]]:
    """What the views show, in the shape of `fold_all`."""
    found: dict[str, dict[tuple[object, ...], tuple[Any, ...]]] = {}
    async with reader.acquire() as conn:
        for table in projection.tables:
            names = ", ".join(c.name for c in table.columns)
            rows = [table.row._make(r) for r in await conn.fetch(f"select {names} from public.{table.name}")]
            found[table.name] = {table.key_of(r): r for r in rows}
    return found


async def assert_read_model(reader: Pool, producer: Pool) -> None:
    """Equal to folding the log in memory, at the log's last position, nothing parked, nothing out of order."""
    events = await recorded(producer)
    await folded(reader, len(events))
    assert await read_model(reader) == fold_all(tally.TALLY, events)
    async with reader.acquire() as conn:
        assert await conn.fetchval("select count(*) from parked") == 0
        assert await conn.fetchval("select sum(out_of_order) from team_tally") == 0


async def crash(
    role: str, dsn: str, url: str, points: tuple[str, ...], *, meanwhile: Callable[[], Awaitable[None]]
) -> None:
    """A relay or projector for each point, as processes; each takes over from the one before and is killed there."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.support.runner", role, dsn, url, *points, stdout=asyncio.subprocess.PIPE
    )
    try:
        ended = asyncio.ensure_future(process.communicate())
        while not ended.done():
            await meanwhile()
        said = (await ended)[0].decode().splitlines()[-1].split()
        assert said == [str(int(signal.SIGKILL))] * len(points), f"ended by {said}"
    finally:
        if process.returncode is None:
            process.kill()


async def connect(url: str) -> StreamClient:
    """A client of the operators: may do everything."""
    return await bus.connect(url, user=bus.OPS)
