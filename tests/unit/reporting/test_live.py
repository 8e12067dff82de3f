"""The live page's numbers are read once for all views of a page, and seldom where that takes long."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from services.reporting import answers
from services.reporting import live as module
from services.reporting.answers import Question
from services.reporting.live import AT_MOST, Live, View
from shared.service import Service
from tests.unit.reporting.test_present import numbers

NOW, THEN = Question(None, "2025-07"), Question(None, "2023")


class Hands:
    """A clock that stands until it is moved."""

    now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def hands(monkeypatch: pytest.MonkeyPatch) -> Hands:
    """The clock by which the pages are read."""
    found = Hands()
    monkeypatch.setattr(module, "time", found)
    return found


def looked_at(*views: View) -> Live:
    """A live page with a reader of each of these views."""
    live = Live(cast("Service", None))
    live._readers = {view: {asyncio.Queue(maxsize=1)} for view in views}
    return live


async def test_numbers_that_take_long_are_read_less_often(hands: Hands, monkeypatch: pytest.MonkeyPatch) -> None:
    live, view = looked_at(View("vi", NOW, None)), View("vi", NOW, None)

    async def takes_long(*_: Any) -> Any:
        hands.now += 0.5
        return numbers(), None

    monkeypatch.setattr(answers, "numbers", takes_long)
    await live._send(NOW, [view])
    assert live._looked_at() == []
    hands.now += 0.5 / AT_MOST - 0.5 - 0.01
    assert live._looked_at() == []
    hands.now += 0.02
    assert live._looked_at() == [(NOW, [view])]


async def test_whoever_looks_at_the_same_is_one_question(hands: Hands) -> None:
    views = [View("vi", NOW, None), View("vi", THEN, None), View("en", NOW, None), View("en", NOW, "533")]
    live = looked_at(*views)
    assert live._looked_at() == [(NOW, [views[0], *views[2:]]), (THEN, [views[1]])]
    live._readers[views[1]].clear()
    assert live._looked_at() == [(NOW, [views[0], *views[2:]])]


async def test_what_nobody_looks_at_any_more_is_forgotten(hands: Hands) -> None:
    live = looked_at(View("vi", NOW, None))
    live._not_before = {NOW: 1.0, THEN: 1e9}
    live._looked_at()
    assert set(live._not_before) == {NOW}
