"""Waiting for a position: everyone gets an answer of the own time, and many cost no more than one."""

from __future__ import annotations

import asyncio

import pytest

from shared.reached import EVERY, Reached


class Models:
    """Read models that stand where the test says; counts who looks."""

    def __init__(self, **positions: int) -> None:
        self.positions = dict(positions)
        self.looks = 0
        self.fails: Exception | None = None

    async def __call__(self) -> dict[str, int]:
        self.looks += 1
        seen = dict(self.positions)
        await asyncio.sleep(0)
        if self.fails:
            raise self.fails
        return seen


async def test_what_is_there_is_seen_at_the_first_look() -> None:
    models = Models(outreach=42, registry=7)
    assert await Reached(models).behind({"outreach": 42, "registry": 1}, within=1) == {}
    assert models.looks == 1


async def test_a_hundred_who_wait_share_the_looks_and_all_leave_when_it_is_there() -> None:
    models = Models(outreach=41)
    reached = Reached(models)
    waiting = [asyncio.create_task(reached.behind({"outreach": 42}, within=5)) for _ in range(100)]
    await asyncio.sleep(10 * EVERY)
    assert not any(task.done() for task in waiting)

    models.positions["outreach"] = 42
    assert await asyncio.gather(*waiting) == [{}] * 100
    assert models.looks < 30


async def test_after_the_wait_the_streams_that_lack_are_named_with_where_they_are() -> None:
    reached = Reached(Models(outreach=41, registry=7))
    assert await reached.behind({"outreach": 42, "registry": 7, "courses": 1}, within=0.02) == {
        "outreach": 41,
        "courses": 0,
    }


async def test_nobody_is_answered_from_a_look_that_began_before_they_asked() -> None:
    begun, go = asyncio.Event(), asyncio.Event()
    position = 42

    async def look() -> dict[str, int]:
        seen = position
        begun.set()
        await go.wait()
        return {"outreach": seen}

    reached = Reached(look)
    early = asyncio.create_task(reached.behind({"outreach": 42}, within=1))
    await begun.wait()
    position = 41  # a database restored from an older copy
    late = asyncio.create_task(reached.behind({"outreach": 42}, within=0.05))
    await asyncio.sleep(2 * EVERY)
    go.set()
    assert await early == {}
    assert await late == {"outreach": 41}


async def test_one_who_leaves_and_a_look_that_fails_spoil_nothing_for_the_others() -> None:
    models = Models(outreach=42)
    reached = Reached(models)
    stays, leaves = (asyncio.create_task(reached.behind({"outreach": 42}, within=1)) for _ in range(2))
    await asyncio.sleep(0)
    leaves.cancel()
    assert await stays == {}

    models.fails = ConnectionError("the database is away")
    with pytest.raises(ConnectionError):
        await reached.behind({"outreach": 42}, within=1)
    models.fails = None
    assert await reached.behind({"outreach": 42}, within=1) == {}
