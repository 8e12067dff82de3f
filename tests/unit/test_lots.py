"""Lots: who comes while a lot is under way goes with the next; a failure stays with whoever caused it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from shared.lots import AT_ONCE, Lots


class Ferry:
    """Does lots when it is told to go; remembers them."""

    def __init__(self) -> None:
        self.lots: list[list[int]] = []
        self.go = asyncio.Event()

    async def __call__(self, pieces: Sequence[int]) -> list[int]:
        self.lots.append(list(pieces))
        await self.go.wait()
        if any(piece < 0 for piece in pieces):
            raise ValueError(f"{len(pieces)} pieces, one of them negative")
        return [piece * 10 for piece in pieces]


async def _asked(lots: Lots[int, int], *pieces: int, weight: int = 1) -> list[asyncio.Task[int]]:
    tasks = [asyncio.create_task(lots.add(piece, weight=weight)) for piece in pieces]
    await asyncio.sleep(0.01)
    return tasks


async def _busy(lots: Lots[int, int]) -> list[asyncio.Task[int]]:
    """As many lots of one piece each under way as may be."""
    return [task for n in range(AT_ONCE) for task in await _asked(lots, n)]


async def test_a_piece_alone_goes_at_once() -> None:
    ferry = Ferry()
    ferry.go.set()
    assert await Lots(ferry, most=100).add(7) == 70
    assert ferry.lots == [[7]]


async def test_what_comes_while_lots_are_under_way_goes_together_and_each_gets_its_own() -> None:
    ferry = Ferry()
    lots = Lots(ferry, most=100)
    first = await _busy(lots)
    later = await _asked(lots, 11, 12, 13)

    ferry.go.set()
    assert await asyncio.gather(*first, *later) == [*(n * 10 for n in range(AT_ONCE)), 110, 120, 130]
    assert ferry.lots == [*([n] for n in range(AT_ONCE)), [11, 12, 13]]


async def test_a_lot_is_no_heavier_than_allowed_unless_one_piece_alone_is() -> None:
    ferry = Ferry()
    lots = Lots(ferry, most=5)
    tasks = await _busy(lots)
    tasks += await _asked(lots, 1, 2, 3, weight=2)
    tasks += await _asked(lots, 4, weight=9)

    ferry.go.set()
    await asyncio.gather(*tasks)
    assert sorted(ferry.lots[AT_ONCE:]) == [[1, 2], [3], [4]]


async def test_only_the_piece_at_fault_fails() -> None:
    ferry = Ferry()
    lots = Lots(ferry, most=100)
    first = await _busy(lots)
    good, bad, other = await _asked(lots, 1, -2, 3)

    ferry.go.set()
    assert (await good, await other) == (10, 30)
    with pytest.raises(ValueError, match="1 pieces"):
        await bad
    await asyncio.gather(*first)


async def test_without_the_infrastructure_all_of_a_lot_fail_once_and_the_next_goes_on() -> None:
    lots_seen: list[list[int]] = []

    async def away(pieces: Sequence[int]) -> list[int]:
        lots_seen.append(list(pieces))
        await asyncio.sleep(0.05)
        if len(lots_seen) <= AT_ONCE + 1:
            raise ConnectionError("the database is away")
        return list(pieces)

    lots = Lots(away, most=100)
    tasks = await _busy(lots) + await _asked(lots, 11, 12, 13)
    failed = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(isinstance(error, ConnectionError) for error in failed)
    assert [len(lot) for lot in lots_seen] == [*[1] * AT_ONCE, 3]
    assert await lots.add(5) == 5


async def test_whoever_no_longer_waits_holds_up_nobody() -> None:
    ferry = Ferry()
    lots = Lots(ferry, most=100)
    first = await _busy(lots)
    gone, stays = await _asked(lots, 1, 2)
    gone.cancel()

    ferry.go.set()
    assert await stays == 20
    await asyncio.gather(*first)
    assert gone.cancelled()
