"""Rows are read ahead of their batch's turn: never older than what the batches before it made of them."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest

from shared.db import Pool
from tests.unit.test_projection_engine import Sent, agrees, batch, pool, ready

__all__ = ["pool"]

TEAMS = ("a", "b", "c", "a", "b", "a")
EVENTS = [Sent(team, number) for number, team in enumerate(TEAMS, 1)]


@pytest.mark.parametrize("cuts", [(0, 1, 2, 6), (0, 3, 4, 5, 6), (0, 1, 2, 3, 4, 5, 6)])
async def test_what_is_read_while_two_batches_are_under_way_is_not_believed(pool: Pool, cuts: tuple[int, ...]) -> None:
    """The first is folded but held up in writing, the second no longer remembers its rows, the third needs them."""
    engine = await ready(pool)
    async with pool.acquire() as conn:
        held = conn.transaction()
        await held.start()
        await conn.execute("select 1 from checkpoint for update")
        works = [asyncio.ensure_future(engine.apply(batch(EVENTS, a + 1, b))) for a, b in pairwise(cuts)]
        await asyncio.sleep(0.3)
        assert not any(work.done() for work in works)
        await held.rollback()
    assert await asyncio.gather(*works) == list(cuts[1:])
    await agrees(pool, EVENTS)
