"""What the follower makes of the server's count of pending messages, which may be wrong for a consumer's whole life."""

from __future__ import annotations

import asyncio
from typing import Any

from shared.cloudevents import Message
from shared.follow import GATHER, _Consumer


class Quiet:
    """Stands for a connection on which nothing comes by itself; the test hands over what the server would send."""

    epoch = 0
    is_connected = True

    def new_inbox(self) -> str:
        return "_INBOX_test.1"

    async def publish(self, *_: Any, **__: Any) -> None:
        await asyncio.sleep(0)


def _consumer(max_batch: int = 10_000) -> _Consumer:
    return _Consumer(Quiet(), "REGISTRY_51", 0, max_batch)  # type: ignore[arg-type]


def _arrive(consumer: _Consumer, pos: int, pending: int) -> None:
    reply = f"$JS.ACK.REGISTRY_51.f-1.1.{pos}.{pos}.1700000000000000000.{pending}"
    consumer._on_message(b"cds.51.registry.x._._", reply.encode(), b"{}", b"")


async def _first(consumer: _Consumer) -> list[Message]:
    async for messages, _ in consumer.messages():
        return messages
    raise AssertionError("no end")


async def test_what_has_come_leaves_though_the_server_says_that_more_is_pending() -> None:
    consumer = _consumer()
    for pos in range(1, 188):
        _arrive(consumer, pos, 190 - pos)  # three more than there are

    async with asyncio.timeout(GATHER):
        assert [m.pos for m in await _first(consumer)] == list(range(1, 188))


async def test_the_last_messages_may_come_while_more_is_asked_for() -> None:
    consumer = _consumer()
    _arrive(consumer, 1, 1)
    taken = asyncio.create_task(_first(consumer))
    await asyncio.sleep(0)  # it asks now
    _arrive(consumer, 2, 0)

    async with asyncio.timeout(GATHER):
        assert [m.pos for m in await taken] == [1, 2]


async def test_a_batch_is_gathered_while_more_keeps_coming() -> None:
    consumer = _consumer(max_batch=50)
    _arrive(consumer, 1, 99)
    taken = asyncio.create_task(_first(consumer))
    for pos in range(2, 101):
        await asyncio.sleep(0.001)
        _arrive(consumer, pos, 100 - pos)

    assert len(await taken) == 50
