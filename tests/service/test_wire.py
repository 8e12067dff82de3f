"""The client's inner methods that the fast paths rely on still do what the fast paths need."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable

import nats.errors
import pytest
from nats.aio.client import Client

from shared import bus
from shared.wire import ApiError, Replies, StreamClient, hpub
from tests.support import delivery
from tests.support.servers import Nats

Taken = tuple[bytes, bytes, bytes, bytes]


async def comes(true: Callable[[], bool]) -> None:
    """Waits for messages; nats-py's own `flush()` may overtake what waits to be written."""

    async def ask() -> bool:
        return true()

    await delivery.eventually(ask, 5, "messages")


@pytest.fixture
async def client(nats_url: str) -> AsyncIterator[StreamClient]:
    """A connection to the shared server."""
    made = await bus.connect(nats_url, user=bus.OPS)
    yield made
    await made.close()


async def test_prepared_bytes_arrive_raw_with_subject_reply_and_headers(client: StreamClient) -> None:
    taken: list[Taken] = []
    stop = await client.subscribe_raw("raw.>", lambda *message: taken.append(message))
    block = b"NATS/1.0\r\nce-id: 1\r\n\r\n"
    await client.publish_prepared(hpub("raw.a", block, b"first", "answer.here") + hpub("raw.b", block, b""))
    await client.publish("raw.c", b"plain")
    await comes(lambda: len(taken) == 3)
    assert taken == [
        (b"raw.a", b"answer.here", b"first", block),
        (b"raw.b", b"", b"", block),
        (b"raw.c", b"", b"plain", b""),
    ]
    again: list[Taken] = []
    await stop()
    await client.subscribe_raw("raw.a", lambda *message: again.append(message))
    await client.publish("raw.a", b"late")
    await comes(lambda: len(again) == 1)
    assert len(taken) == 3


@pytest.mark.parametrize("size", [1, 2, 3, 7, 50, 10_000])
async def test_messages_are_the_same_however_the_socket_cuts_them(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Raw and plain messages, with and without a reply, and what else a server says, in one stream of bytes."""
    client, taken, plain = StreamClient(), list[Taken](), list[tuple[int, bytes]]()
    client._raw[1] = lambda *message: taken.append(message)

    async def other(_: Client, sid: int, _subject: bytes, _reply: bytes, data: bytes, _headers: bytes) -> None:
        plain.append((sid, bytes(data)))

    monkeypatch.setattr(Client, "_process_msg", other)
    block = b"NATS/1.0\r\nce-id: 1\r\n\r\n"
    one, two = b"HMSG a 1 %d %d\r\n%b" % (len(block), len(block) + 5, block), b"MSG b 2 3\r\nabc\r\n"
    three = b"HMSG c 1 r.1 %d %d\r\n%b" % (len(block), len(block), block)
    four = b"HMSG d 2 r.2 %d %d\r\n%b" % (len(block), len(block) + 4, block)
    said = (one + b"H\r\nM!\r\n" + two + three + b"\r\n" + b"+OK\r\n" + four + b"zwei\r\n") * 3
    for at in range(0, len(said), size):
        await client._ps.parse(said[at : at + size])
    assert taken == [(b"a", b"", b"H\r\nM!", block), (b"c", b"r.1", b"", block)] * 3
    assert plain == [(2, b"abc"), (2, b"zwei")] * 3


@pytest.mark.expects_errors
async def test_a_handler_that_fails_harms_nobody_else(client: StreamClient) -> None:
    def fails(*_: bytes) -> None:
        raise RuntimeError("a mistake")

    taken: list[Taken] = []
    await client.subscribe_raw("raw.bad", fails)
    await client.subscribe_raw("raw.good", lambda *message: taken.append(message))
    await client.publish("raw.bad", b"")
    await client.publish("raw.good", b"still here")
    await comes(lambda: [message[2] for message in taken] == [b"still here"])


async def test_raw_subscriptions_are_made_again_after_a_reconnect(fresh_nats: Callable[..., Awaitable[Nats]]) -> None:
    server = await fresh_nats()
    client = await delivery.connect(server.url)
    taken: list[Taken] = []
    stop_early = await client.subscribe_raw("raw.stopped", lambda *message: taken.append(message))
    await client.subscribe_raw("raw.kept", lambda *message: taken.append(message))
    tasks = len(asyncio.all_tasks())
    server.kill()
    await delivery.eventually(lambda: _connected(client, expected=False), what="disconnected")
    with pytest.raises(nats.errors.ConnectionReconnectingError):
        await client.publish_prepared(hpub("raw.kept", b"NATS/1.0\r\n\r\n", b"too late"))
    await stop_early()
    assert client.epoch == 0
    await server.start()
    await delivery.eventually(lambda: _connected(client, expected=True), what="connected")
    for subject in ("raw.stopped", "raw.kept"):
        await client.publish(subject, b"again")
    await comes(lambda: [(m[0], m[2]) for m in taken] == [(b"raw.kept", b"again")])
    assert client.epoch == 1
    assert len(asyncio.all_tasks()) <= tasks, "a stopped subscription leaves no task behind"
    await client.close()


async def _connected(client: StreamClient, *, expected: bool) -> bool:
    return client.is_connected is expected and (not expected or client.epoch > 0)


async def test_a_cancelled_publish_or_request_ends_though_the_server_is_frozen(
    fresh_nats: Callable[..., Awaitable[Nats]],
) -> None:
    """nats-py's forced flush swallows a cancellation; a task group would then wait for ever."""
    server = await fresh_nats()
    pid = getattr(server, "pid", None)
    if pid is None:
        pytest.skip("the process of a container is not ours to stop")
    client = await delivery.connect(server.url)
    big = hpub("raw.big", b"NATS/1.0\r\n\r\n", bytes(1_000_000)) * 30

    async def publish() -> None:
        await client.publish_prepared(big)
        await asyncio.sleep(60)

    async def ask() -> None:
        await client.api("INFO", timeout=60)

    os.kill(pid, signal.SIGSTOP)
    try:
        for work in (publish(), ask()):
            task = asyncio.ensure_future(work)
            await asyncio.sleep(0.2)
            task.cancel()
            done, _ = await asyncio.wait([task], timeout=2)
            assert done
            assert task.cancelled()
    finally:
        os.kill(pid, signal.SIGCONT)
    await client.close()


async def test_a_cancellation_that_meets_the_answer_is_not_lost(client: StreamClient) -> None:
    """Before Python 3.12 `wait_for` returns the answer and forgets the cancellation."""

    async def ask() -> str:
        await client.api("INFO")
        return "went on"

    outcomes = set()
    for delay in range(60):
        task = asyncio.ensure_future(ask())
        while not client._resp_map:  # the request is out
            await asyncio.sleep(0)
        future = next(iter(client._resp_map.values()))
        future.add_done_callback(lambda _, t=task: t.cancel())  # type: ignore[misc]
        outcomes.add((await asyncio.gather(task, return_exceptions=True))[0].__class__)
        await asyncio.sleep(delay / 100_000)
    assert outcomes == {asyncio.CancelledError}


async def test_answers_find_the_publish_that_waits_and_refusals_raise(client: StreamClient) -> None:
    await bus.ensure_stream(client, "registry", delivery.PROVINCE)
    replies = Replies(client)
    await replies.open()
    subject = "cds.51.registry.team_formed._._"
    for expected_last, outcome in ((0, 1), (7, 10071), (1, 2)):
        reply, answer = replies.expect()
        block = f"NATS/1.0\r\nNats-Expected-Last-Sequence: {expected_last}\r\n\r\n".encode()
        await client.publish_prepared(hpub(subject, block, b"{}", reply))
        if outcome < 10:
            assert (await asyncio.wait_for(answer, 5))["seq"] == outcome
        else:
            with pytest.raises(ApiError) as refused:
                await asyncio.wait_for(answer, 5)
            assert refused.value.code == outcome
    reply, answer = replies.expect()
    await client.publish_prepared(hpub("nobody.listens", b"NATS/1.0\r\n\r\n", b"", reply))
    with pytest.raises(ApiError, match="no answer to expect"):
        await asyncio.wait_for(answer, 5)


async def test_an_api_request_is_answered_refused_or_times_out(client: StreamClient) -> None:
    assert "memory" in await client.api("INFO")
    with pytest.raises(ApiError) as refused:
        await client.api("STREAM.INFO.NOWHERE")
    assert refused.value.code == 10059
