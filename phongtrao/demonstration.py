"""The demonstration of `phongtrao up`: the simulation on the instance's own clock, noted for the next start.

It ends when the plan is over, or when somebody sends the clock to the days after the reforms of 2025.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from phongtrao import simulate
from phongtrao.client import Api
from phongtrao.demo_clock import AFTER_REFORMS, DemoClock, Moment, load, save
from phongtrao.player import Player
from phongtrao.simulate import Plan, Say
from shared import errors
from shared.clock import local_day

NOTE_EVERY = 2.0
"""Seconds between two notes of where the demonstration stands, while the clock runs fast."""
_QUIET = 30.0
"""The same when nobody plays any more."""
_LONGEST_WHY = 300
"""Characters of an error that a page shows."""
_PATIENCE = 10.0
"""Seconds in which requests under way may still be answered before the clock jumps."""


class Failure(NamedTuple):
    """Why the province could not be set up, and where to read more."""

    why: str
    log: Path


class Demonstration:
    """The demonstration of one data folder. `beginning` counts where the folder has none yet."""

    def __init__(self, file: Path, beginning: Moment, speed: float) -> None:
        self._file, self._beginning = file, beginning
        self._stands = load(file, beginning)
        self.clock = DemoClock(self._stands.now, speed)
        self._player: Player | None = None
        self._playing: asyncio.Task[None] | None = None
        self._turn = asyncio.Lock()
        self._failure: Failure | None = None

    @property
    def seed(self) -> int:
        """What the people of this folder were made from."""
        return self._stands.seed

    @property
    def ready(self) -> bool:
        """The province is set up, so the clock may jump."""
        return self._playing is not None or self.jumped

    @property
    def failure(self) -> Failure | None:
        """Why the province is not set up and will not be until the next start; None while it may be."""
        return None if self.ready else self._failure

    def fail(self, error: Exception, log: Path) -> None:
        """Notes that nobody goes on setting it up or playing."""
        self._failure = Failure(f"{type(error).__name__}: {error}"[:_LONGEST_WHY].rstrip(": "), log)

    @property
    def jumped(self) -> bool:
        """The clock is past the reforms of 2025; nothing is simulated any more."""
        return self.clock() >= AFTER_REFORMS

    @property
    def over(self) -> bool:
        """Nobody plays any more."""
        return self.jumped or (self._playing is not None and self._playing.done())

    async def play(self, api: Api, say: Say) -> None:
        """Sets the province up unless that was done; returns when the plan is over or the clock was sent on."""
        if self.jumped:
            self.clock.go()
            say(f"it is {self._stands.now:%d/%m/%Y %H:%M}; the simulated people have stopped for good")
            return
        plan, fresh = await self._prepare(api, say)
        left = simulate.remaining(plan, self._stands.played)
        self._player = Player(api, self.clock, fresh=fresh)
        self.clock.go()
        since, speed = self._stands.now, self.clock.speed
        say(f"the campaign runs from {since:%d/%m/%Y %H:%M}, {speed:g} times as fast; {len(left)} actions ahead")
        self._playing = asyncio.create_task(self._player.play(left))
        await _end_of(self._playing)
        if self._player.stopped:
            say(f"the clock goes on at {AFTER_REFORMS:%d/%m/%Y %H:%M}; the simulated people have stopped")
        else:
            say("the simulated people have done all they planned; the system stays up")

    async def jump(self) -> None:
        """Ends the simulation and sends the clock to `AFTER_REFORMS`; once there, this changes nothing.

        What was recorded stays. Raises 409 until the province is set up.
        """
        async with self._turn:
            if self.jumped:
                return
            if self.failure:
                raise errors.conflict(
                    "not_set_up",
                    "clock",
                    "Không dựng được tỉnh chạy thử nên đồng hồ không đi tiếp được. Hãy xem lý do dưới đây.",
                    "The trial province could not be set up, so its clock cannot go on. See the reason below.",
                )
            if self._player is None or self._playing is None:
                raise errors.conflict(
                    "being_set_up",
                    "clock",
                    "Tỉnh chạy thử chưa dựng xong nên đồng hồ chưa đi tiếp được. Hãy thử lại sau ít giây.",
                    "The trial province is not set up yet, so its clock cannot go on. Try again in a few seconds.",
                )
            self._player.stop()
            await asyncio.wait({self._playing}, timeout=_PATIENCE)
            self._playing.cancel()
            await asyncio.wait({self._playing})
            # Noted before it is true: whoever is killed in between starts again after the jump, never before it.
            self._stands = self._stands._replace(now=AFTER_REFORMS, played=AFTER_REFORMS)
            save(self._file, self._stands)
            self.clock.jump(AFTER_REFORMS)

    @asynccontextmanager
    async def noted(self, counts: Counter[str], say: Say) -> AsyncIterator[None]:
        """Within it, where the demonstration stands is noted again and again, and each new day is told."""
        notes = asyncio.create_task(self._note(counts, say))
        try:
            yield
        finally:
            notes.cancel()
            self._save()

    async def _prepare(self, api: Api, say: Say) -> tuple[Plan, str | None]:
        """The plan; and what registry recorded last, when the province had to be set up."""
        stored, asked = self._stands, self._beginning
        if (stored.seed, stored.share) != (asked.seed, asked.share):
            say(f"this folder goes on as it began: seed {stored.seed}, share {stored.share:g}")
        plan = await simulate.make_plan(api, stored.seed, share=stored.share)
        if stored.ready:
            return plan, None
        fresh = await simulate.set_up(api, plan, say)
        self._stands = stored._replace(ready=True)
        self._save()
        return plan, fresh

    async def _note(self, counts: Counter[str], say: Say) -> None:
        told = self._stands.now
        while True:
            await asyncio.sleep(_QUIET if self.over else NOTE_EVERY)
            self._save()
            if not self.over and local_day(self.clock()) > local_day(told):
                told = self.clock()
                say(_news(told, counts))

    def _save(self) -> None:
        if not self._stands.ready:
            return
        before = self._stands.played
        played = self._player.played(before) if self._player else before
        self._stands = self._stands._replace(now=self.clock(), played=max(before, played))
        save(self._file, self._stands)


async def _end_of(playing: asyncio.Task[None]) -> None:
    """Waits until it ends by itself or is cancelled by a jump; takes it along when we are cancelled."""
    try:
        await asyncio.wait({playing})
    finally:
        playing.cancel()
        await asyncio.gather(playing, return_exceptions=True)
    if not playing.cancelled():
        playing.result()


def _news(now: datetime, counts: Counter[str]) -> str:
    sent = f"{counts['accepted']} guidances recorded, {counts['already_had']} sent again"
    trouble = f", {counts['refused']} refused" if counts["refused"] else ""
    return f"{local_day(now):%d/%m/%Y}: {sent}, {counts['requests']} requests{trouble}"
