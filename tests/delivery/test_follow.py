"""A follower yields exactly the positions after + 1, + 2, … each once, whatever happens to server and consumer."""

from __future__ import annotations

import asyncio
import os
import signal
import statistics
import time
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager

import pytest

from shared import bus, follow
from shared.db import Pool
from shared.follow import Batch, Follower, HistoryCut
from shared.wire import StreamClient
from tests.support import delivery
from tests.support.delivery import running, write
from tests.support.servers import IN_CONTAINERS, Nats


class Reader:
    """Collects what a follower yields, as a projection would: each batch must begin where the last one ended."""

    def __init__(self, client: StreamClient, *, after: int = 0, max_batch: int = 300) -> None:
        self.follower = Follower(client, "registry", delivery.PROVINCE, max_batch=max_batch)
        self.after = self.at = after
        self.largest = 0

    async def run(self) -> None:
        """Until cancelled."""
        async with aclosing(self.follower.batches(self.after)) as batches:
            async for batch in batches:
                self.take(batch)

    def take(self, batch: Batch) -> None:
        """Checks a batch."""
        assert [m.pos for m in batch.messages] == list(range(self.at + 1, batch.last + 1))
        assert batch.first == self.at + 1
        self.at, self.largest = batch.last, max(self.largest, len(batch.messages))

    async def reaches(self, pos: int, seconds: float = 20) -> None:
        """Waits until it has everything up to a position."""

        async def reached() -> bool:
            return self.at == pos

        await delivery.eventually(reached, seconds, f"reader at {pos}")


@asynccontextmanager
async def stream_of(producer: Pool, client: StreamClient, count: int) -> AsyncIterator[None]:
    """A stream with `count` events and a relay that goes on."""
    async with running(delivery.relay(producer, client).run()):
        await write(producer, count)
        await delivery.relayed(producer, client)
        yield


async def test_positions_are_contiguous_over_restarts_deleted_consumers_and_a_frozen_server(
    producer: Pool, server: Nats, client: StreamClient
) -> None:
    reader = Reader(client, after=17)
    async with stream_of(producer, client, 500), running(reader.run()):
        await reader.reaches(500)
        server.kill()
        await write(producer, 100, start=501)
        await server.start()
        await reader.reaches(600)
        assert await _delete_consumers(client) == 1
        await write(producer, 100, start=601)
        await reader.reaches(700)
        await _freeze(server, follow.SILENCE + 0.7)
        await write(producer, 100, start=701)
        await reader.reaches(800)
        await server.stop()
        await server.start()
        await write(producer, 100, start=801)
        await reader.reaches(900)
    names = (await client.api(f"CONSUMER.NAMES.{delivery.STREAM}"))["consumers"] or []
    assert names == [], "a follower that was closed leaves no consumer behind"


async def _delete_consumers(client: StreamClient) -> int:
    names = (await client.api(f"CONSUMER.NAMES.{delivery.STREAM}"))["consumers"]
    for name in names:
        await client.api(f"CONSUMER.DELETE.{delivery.STREAM}.{name}")
    return len(names)


async def _freeze(server: Nats, seconds: float) -> None:
    if IN_CONTAINERS:
        pytest.skip("the process of a container is not ours to stop")
    pid = getattr(server, "pid", None)
    assert isinstance(pid, int)
    os.kill(pid, signal.SIGSTOP)
    await asyncio.sleep(seconds)
    os.kill(pid, signal.SIGCONT)


async def test_a_lost_message_is_noticed_and_fetched_again(
    producer: Pool, client: StreamClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The network loses one message of a thousand: what came before it is handed out, the rest comes again."""
    deliver, count = follow._Consumer._on_message, iter(range(1, 10_000_000))

    def lossy(self: follow._Consumer, subject: bytes, reply: bytes, data: bytes, headers: bytes) -> None:
        if next(count) % 1000:
            deliver(self, subject, reply, data, headers)

    monkeypatch.setattr(follow._Consumer, "_on_message", lossy)
    reader = Reader(client)
    async with stream_of(producer, client, 4500), running(reader.run()):
        await reader.reaches(4500)


async def test_a_consumer_that_falls_silent_is_thrown_away(
    producer: Pool, client: StreamClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server has forgotten it, or the network swallows what it sends: neither messages nor heartbeats come."""
    deliver, deaf = follow._Consumer._on_message, set[follow._Consumer]()

    def goes_deaf(self: follow._Consumer, subject: bytes, reply: bytes, data: bytes, headers: bytes) -> None:
        if self._expected > 100 and (not deaf or self in deaf):
            deaf.add(self)
            return
        deliver(self, subject, reply, data, headers)

    monkeypatch.setattr(follow._Consumer, "_on_message", goes_deaf)
    reader = Reader(client)
    async with stream_of(producer, client, 300), running(reader.run()):
        await reader.reaches(300, follow.SILENCE * 3)
    assert len(deaf) == 1


async def test_a_slow_reader_is_not_flooded(producer: Pool, client: StreamClient) -> None:
    """Back-pressure: the server sends no more than two batches and the open requests ahead of what was taken."""
    reader = Reader(client, max_batch=500)
    ahead = 0
    async with stream_of(producer, client, 12_000), aclosing(reader.follower.batches(0)) as batches:
        async for batch in batches:
            reader.take(batch)
            await asyncio.sleep(0.03)
            ahead = max(ahead, await _delivered(client) - reader.at)
            if reader.at == 12_000:
                break
    assert 500 < ahead <= 2 * 500 + 2 * follow.PULL
    assert reader.largest == 500


async def _delivered(client: StreamClient) -> int:
    names = (await client.api(f"CONSUMER.NAMES.{delivery.STREAM}"))["consumers"]
    info = await client.api(f"CONSUMER.INFO.{delivery.STREAM}.{names[0]}")
    return int(info["delivered"]["stream_seq"])


async def test_a_reader_that_paused_longer_than_the_silence_goes_on_with_its_consumer(
    producer: Pool, client: StreamClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its requests ran out while it was busy; that is no reason to doubt the server."""
    monkeypatch.setattr(follow, "EXPIRES", 1.0)
    reader = Reader(client)
    async with stream_of(producer, client, 10), aclosing(reader.follower.batches(0)) as batches:
        reader.take(await anext(batches))
        before = (await client.api(f"CONSUMER.NAMES.{delivery.STREAM}"))["consumers"]
        await asyncio.sleep(follow.SILENCE + 1.2)
        coming = asyncio.ensure_future(anext(batches))
        await asyncio.sleep(1.2)  # it asks again, and hears nothing but heartbeats
        await write(producer, 1, start=11)
        reader.take(await coming)
        assert (await client.api(f"CONSUMER.NAMES.{delivery.STREAM}"))["consumers"] == before


async def test_a_single_live_event_arrives_at_once(producer: Pool, client: StreamClient) -> None:
    took: list[float] = []
    async with stream_of(producer, client, 1), aclosing(Reader(client).follower.batches(1)) as batches:
        coming = asyncio.ensure_future(anext(batches))
        await asyncio.sleep(0.2)
        for _ in range(30):
            async with producer.acquire() as conn:
                await delivery.append(conn, delivery.formed("live", 1))
                await conn.execute("select pg_notify('staged', '')")
                begun = time.perf_counter()
            await coming
            took.append(time.perf_counter() - begun)
            coming = asyncio.ensure_future(anext(batches))
            await asyncio.sleep(0.01)
        coming.cancel()
        await asyncio.gather(coming, return_exceptions=True)
    assert statistics.median(took) < 0.05, took  # sequenced, synced to disk, delivered: a few ms when nothing else runs


async def test_a_stream_whose_beginning_is_gone_is_refused(client: StreamClient) -> None:
    config = bus.stream_config("registry", delivery.PROVINCE) | {"first_seq": 100}
    await client.api(f"STREAM.CREATE.{delivery.STREAM}", config)
    follower = Follower(client, "registry", delivery.PROVINCE)
    await client.request("cds.51.registry.team_formed._._", b"{}")
    async with aclosing(follower.batches(50)) as batches:
        with pytest.raises(HistoryCut, match="begins at 100, needed 51"):
            await anext(batches)
    async with aclosing(follower.batches(99)) as batches:
        assert (await anext(batches)).first == 100
