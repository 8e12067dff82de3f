"""`stream == log`, row for row: what a producer's database holds, and what every follower gets to read."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import aclosing
from typing import NamedTuple

from shared import bus, event_log
from shared.cloudevents import Message
from shared.event_log import LogRow
from shared.follow import Batch, Follower
from shared.relay import Source, header_block
from shared.service import Service

SHOWN = 20
"""Differences that are described; the rest is only counted."""
_RELAY_MAY_TAKE = 5.0


class Compared(NamedTuple):
    """A producer's log beside its stream."""

    service: str
    log: int
    stream: int
    total: int
    differences: list[str]
    """The first of them, at most SHOWN."""


async def stream_with_log(service: Service) -> Compared:
    """Compares every position that the log had when this began; what is younger is the relay's work in progress."""
    async with service.pool.acquire() as conn:
        goal = await event_log.last_pos(conn)
    first, last = await _wait_for(service, goal)
    found: list[str] = []
    total = max(first - 1, 0) if last else goal
    if last and first > 1:
        found.append(f"positions 1 to {first - 1}: not on the stream any more")
    if last:
        total += await _walk(service, max(first, 1), min(goal, last), found)
    if last < goal:
        found.append(f"positions {last + 1} to {goal}: not on the stream; does a relay run?")
        total += goal - last if last else 0
    if last > goal and not await _holds(service, last):
        found.append(f"positions {goal + 1} to {last}: on the stream, but not in the log")
        total += last - goal
    return Compared(service.name, goal, last, total, found[:SHOWN])


async def _wait_for(service: Service, goal: int) -> tuple[int, int]:
    """First and last sequence of the stream, once it has reached the goal or has been given enough time."""
    deadline = asyncio.get_running_loop().time() + _RELAY_MAY_TAKE
    while True:
        state = await bus.stream_state(service.client, service.name, service.province) or {
            "first_seq": 0,
            "last_seq": 0,
        }
        first, last = int(state["first_seq"]), int(state["last_seq"])
        if last >= goal or asyncio.get_running_loop().time() > deadline:
            return first, last
        await asyncio.sleep(0.1)


async def _holds(service: Service, pos: int) -> bool:
    async with service.pool.acquire() as conn:
        return await event_log.last_pos(conn) >= pos


async def _walk(service: Service, first: int, last: int, found: list[str]) -> int:
    total, at = 0, first - 1
    follower = Follower(service.client, service.name, service.province, max_batch=5000)
    async with aclosing(follower.batches(at)) as batches:
        while at < last:
            batch = await anext(batches)
            wrong = await _differences(service, batch, last)
            found += wrong
            total, at = total + len(wrong), batch.last
    return total


async def _differences(service: Service, batch: Batch, last: int) -> list[str]:
    async with service.pool.acquire() as conn:
        rows = await event_log.read(conn, after=batch.first - 1, limit=len(batch.messages))
    by_pos = {row.pos: row for row in rows}
    source = Source(service.name, service.province)
    compared = ((m, by_pos.get(m.pos)) for m in batch.messages if m.pos <= last)
    return [f"position {m.pos}: {', '.join(what)}" for m, row in compared if (what := list(_unlike(m, row, source)))]


def _unlike(message: Message, row: LogRow | None, source: Source) -> Iterable[str]:
    if row is None:
        yield "on the stream, but not in the log"
        return
    if message.data != row.payload.encode():
        yield "another payload"
    there = set(message.headers.split(b"\r\n"))
    for line in header_block(row, source).split(b"\r\n"):
        if line not in there:
            yield f"header «{line.decode()}» is not on the stream"
