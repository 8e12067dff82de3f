"""A relay that is told to end does end, whatever else happens at that moment."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from functools import partial
from urllib.parse import parse_qs, urlsplit

import nats.errors
import pytest
from nats.aio.msg import Msg

from shared import bus, db
from shared.cancellation import heed_cancellation
from shared.db import Pool
from shared.leader import TIDY_WITHIN
from shared.relay import LEADER_LOCK, Relay
from shared.wire import StreamClient
from tests.support import delivery
from tests.support.delivery import running, write
from tests.support.servers import Nats

SOON = 2.0


async def ends(task: asyncio.Task[None], within: float = SOON) -> bool:
    """Whether it does by itself; one that does not is ended for good."""
    done, _ = await asyncio.wait([task], timeout=within)
    for _ in range(100):
        task.cancel()
        if task in (await asyncio.wait([task], timeout=0.2))[0]:
            break
    return bool(done) and task.cancelled()


async def leads(relay: Relay) -> bool:
    return relay.wake()


async def end_the_leaders_session(producer: Pool) -> None:
    async with producer.acquire() as conn:
        await conn.execute(
            "select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and objid = $1 and granted"
            " and database = (select oid from pg_database where datname = current_database())",
            LEADER_LOCK,
        )


class Reluctant(StreamClient):
    """A connection whose publish needs a while to be broken off, as one does whose statement is being cancelled."""

    def __init__(self) -> None:
        super().__init__()
        self.busy, self.breaking_off, self.go = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def publish_prepared(self, commands: bytes) -> None:
        """Never comes back; leaves when `go` is set."""
        self.busy.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.breaking_off.set()
            await self.go.wait()


async def test_told_to_end_while_its_ended_session_is_being_cleared_away(producer: Pool, server: Nats) -> None:
    """Python's task group forgets a cancellation that comes while it breaks off because of an error of its own."""
    client = Reluctant()
    await client.connect(server.url)
    task = asyncio.ensure_future(delivery.relay(producer, client, ack_timeout=20).run())
    await write(producer, 1)
    await asyncio.wait_for(client.busy.wait(), 5)
    await end_the_leaders_session(producer)
    await asyncio.wait_for(client.breaking_off.wait(), 5)
    task.cancel()
    await asyncio.sleep(0)
    client.go.set()
    assert await ends(task)
    await client.close()


class Line:
    """What lies between a service and Postgres: it may fall silent, and it may break."""

    def __init__(self, dsn: str) -> None:
        self._there = urlsplit(dsn)
        self._folder = parse_qs(self._there.query).get("host", [""])[0]  # where the embedded server's socket is
        self._open = asyncio.Event()
        self._open.set()
        self._writers: list[asyncio.StreamWriter] = []
        self._pumps: set[asyncio.Task[None]] = set()

    async def start(self) -> str:
        """The address to use instead."""
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        return f"postgresql://postgres@127.0.0.1:{port}{self._there.path}"

    def fall_silent(self) -> None:
        """Nothing goes through any more, and nobody is told."""
        self._open.clear()

    def cut(self) -> None:
        """Every connection ends."""
        for writer in self._writers:
            writer.transport.abort()

    async def stop(self) -> None:
        self._server.close()
        self.cut()
        for pump in self._pumps:
            pump.cancel()
        await asyncio.gather(*self._pumps, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        there, back = await self._connect()
        self._writers.append(back)
        self._pumps |= {
            asyncio.ensure_future(self._pump(reader, back)),
            asyncio.ensure_future(self._pump(there, writer)),
        }

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._folder:
            return await asyncio.open_unix_connection(f"{self._folder}/.s.PGSQL.5432")
        return await asyncio.open_connection(self._there.hostname, self._there.port)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65536):
                await self._open.wait()
                writer.write(data)
        await self._open.wait()
        writer.close()


@pytest.fixture
async def line(producer_dsn: str) -> AsyncIterator[Line]:
    """A line to the producer's database."""
    made = Line(producer_dsn)
    yield made
    await made.stop()


async def test_a_leader_whose_session_has_fallen_silent_ends_in_time(line: Line, client: StreamClient) -> None:
    pool = await db.open_pool(await line.start(), size=5)
    relay = Relay(pool, client, delivery.SOURCE, poll=60)
    task = asyncio.ensure_future(relay.run())
    await delivery.eventually(partial(leads, relay), what="it leads")
    await asyncio.sleep(0.1)  # its first look is over
    line.fall_silent()
    task.cancel()
    assert await ends(task, TIDY_WITHIN + SOON)
    pool.terminate()


@pytest.mark.expects_errors  # asyncpg tells of a connection that could not be given back by then
async def test_told_to_end_while_the_database_goes_away(line: Line, client: StreamClient) -> None:
    """An interrupt reaches us and the servers at once: giving the connection back fails, which is not all there is."""
    pool = await db.open_pool(await line.start(), size=5)
    relay = delivery.relay(pool, client)
    task = asyncio.ensure_future(relay.run())
    await delivery.eventually(partial(leads, relay), what="it leads")
    line.fall_silent()
    await asyncio.sleep(0.2)  # by now it looks for what is staged
    task.cancel()
    await asyncio.sleep(0.1)
    line.cut()
    assert await ends(task)
    pool.terminate()


class Vanishing(StreamClient):
    """A connection to a server that goes away at the moment when the one who uses it is told to end."""

    def __init__(self, step: str) -> None:
        super().__init__()
        self._step, self.used = step, asyncio.Event()

    async def request(self, *of: object, **how: object) -> Msg:
        """A question: the error is raised and the cancellation gone, as by `wait_for` before Python 3.12."""
        await self._use("request")
        return await super().request(*of, **how)  # type: ignore[arg-type]

    async def publish_prepared(self, commands: bytes) -> None:
        """A batch."""
        await self._use("publish")
        await super().publish_prepared(commands)

    async def _use(self, step: str) -> None:
        if step != self._step or self.used.is_set():
            return
        self.used.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise nats.errors.ConnectionReconnectingError from None


@pytest.mark.parametrize("step", ["request", "publish"])
async def test_told_to_end_while_the_bus_goes_away(producer: Pool, server: Nats, step: str) -> None:
    client = Vanishing(step)
    await client.connect(server.url)
    task = asyncio.ensure_future(delivery.relay(producer, client, ack_timeout=20).run())
    await write(producer, 1)
    await asyncio.wait_for(client.used.wait(), 5)
    task.cancel()
    assert await ends(task)
    await client.close()


async def test_a_question_that_fails_at_the_moment_of_the_cancellation_is_cancelled(server: Nats) -> None:
    client = Vanishing("request")
    await client.connect(server.url)
    task = asyncio.ensure_future(_ask(client))
    await client.used.wait()
    task.cancel()
    assert await ends(task)
    await client.close()


async def _ask(client: StreamClient) -> None:
    with suppress(*bus.NATS_ERRORS):
        await client.api("INFO")


async def test_a_relay_goes_on_after_its_session_was_ended_many_times(producer: Pool, client: StreamClient) -> None:
    """Each end breaks off a task group, which cancels its own task: no wish of anybody's."""
    relay = delivery.relay(producer, client)
    async with running(relay.run()) as tasks:
        for number in range(1, 9):
            await delivery.eventually(partial(leads, relay), what="it leads")
            await end_the_leaders_session(producer)
            await write(producer, 1, start=number)
            assert await delivery.relayed(producer, client) == number
        assert tasks[0].cancelling() == 0


async def test_only_the_wishes_of_others_count_as_told_to_end() -> None:
    """A time limit and a task group cancel their own task too, and take it back."""
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await asyncio.sleep(1)
    heed_cancellation()
    with pytest.raises(ExceptionGroup):
        await _group_of_one_that_fails()
    heed_cancellation()


async def _group_of_one_that_fails() -> None:
    async def fails() -> None:
        raise ValueError

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(fails())
        await asyncio.sleep(1)


async def test_the_leaders_session_goes_back_to_its_pool_as_any_other(producer_dsn: str, client: StreamClient) -> None:
    """The pool resets nothing by itself: a lock, a listener or a setting that stayed would meet the next command."""
    pool = await db.open_pool(producer_dsn, size=2)
    try:
        relay = delivery.relay(pool, client)
        async with running(relay.run()):
            await delivery.eventually(partial(leads, relay), what="it leads")
        async with pool.acquire() as one, pool.acquire() as two:
            for conn in (one, two):
                assert await conn.fetchval("show enable_seqscan") == "on"
                assert await conn.fetchval("select count(*) from pg_listening_channels()") == 0
            assert (
                await one.fetchval(
                    "select count(*) from pg_locks where locktype = 'advisory'"
                    " and database = (select oid from pg_database where datname = current_database())"
                )
                == 0
            )
    finally:
        pool.terminate()


async def test_what_has_its_position_is_cleared_out_of_the_stage(
    producer: Pool, client: StreamClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not only when autovacuum comes round: each look at the stage would go past all that was there."""
    monkeypatch.setattr("shared.relay.TIDY_AFTER", 100)

    async with running(delivery.relay(producer, client).run()):
        await write(producer, 99)
        await delivery.relayed(producer, client)
        assert not await _clearings(producer)
        await write(producer, 1, start=100)
        await delivery.relayed(producer, client)
        await delivery.eventually(partial(_is_cleared, producer), what="cleared")


async def test_a_backlog_is_cleared_out_once_at_its_end(producer: Pool, client: StreamClient) -> None:
    """Each time goes through all of the stage, so a long one would take longer with its square."""
    await write(producer, 12_000)
    async with running(delivery.relay(producer, client).run()):
        await delivery.relayed(producer, client)
        await delivery.eventually(partial(_is_cleared, producer), what="cleared")
    assert await _clearings(producer) == 1


async def _clearings(producer: Pool) -> int:
    async with producer.acquire() as conn:
        return int(await conn.fetchval("select vacuum_count from pg_stat_user_tables where relname = 'stage'"))


async def _is_cleared(producer: Pool) -> bool:
    return await _clearings(producer) > 0
